import type { Database, Schema } from '../database.ts'
import type { Digest } from '../oci/digest.ts'

const SCHEMA: Schema = {
  room: 'image-use',
  migrations: [
    `CREATE TABLE image_use (image TEXT PRIMARY KEY, used INTEGER NOT NULL) STRICT, WITHOUT ROWID;
     CREATE TABLE image_pins (image TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;`,
  ],
}

/** Milliseconds: every container would be a write, and an image is no older for a minute. */
const EXACTNESS = 60_000

/** When images were last used, and which of them are pinned: what automatic collection goes by. Kept in memory beside the database. */
export class ImageUse {
  readonly #database: Database
  readonly #used = new Map<Digest, number>()
  readonly #pinned = new Set<Digest>()

  constructor(database: Database) {
    this.#database = database
    database.migrate(SCHEMA)
    for (const { image, used } of database.all<{ image: Digest; used: number }>('SELECT image, used FROM image_use'))
      this.#used.set(image, used)
    for (const { image } of database.all<{ image: Digest }>('SELECT image FROM image_pins')) this.#pinned.add(image)
  }

  /** Milliseconds since the epoch, exact to the minute; undefined when it was never seen. */
  used(image: Digest): number | undefined {
    return this.#used.get(image)
  }

  /** It is being used now; false when that is known already. Only noted: what a crash of the host loses is a minute of its youth. */
  touch(image: Digest, now = Date.now()): boolean {
    const before = this.#used.get(image)
    if (before !== undefined && now - before < EXACTNESS) return false
    this.#used.set(image, now)
    this.#database.note('INSERT OR REPLACE INTO image_use (image, used) VALUES (?, ?)', image, now)
    return true
  }

  forget(image: Digest): void {
    if (this.#used.delete(image)) this.#database.note('DELETE FROM image_use WHERE image = ?', image)
    if (this.#pinned.has(image)) this.unpin(image)
  }

  isPinned(image: Digest): boolean {
    return this.#pinned.has(image)
  }

  pin(image: Digest): void {
    this.#database.run('INSERT OR IGNORE INTO image_pins (image) VALUES (?)', image)
    this.#pinned.add(image)
  }

  unpin(image: Digest): void {
    this.#database.run('DELETE FROM image_pins WHERE image = ?', image)
    this.#pinned.delete(image)
  }

  /** Forgets images that are gone. */
  retain(present: ReadonlySet<Digest>): void {
    for (const image of new Set([...this.#used.keys(), ...this.#pinned])) if (!present.has(image)) this.forget(image)
  }
}
