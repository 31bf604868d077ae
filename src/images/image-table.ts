import type { Database, Schema } from '../database.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import { canonicalName, parseReference, type Reference, repositoryName } from '../oci/reference.ts'

const SCHEMA: Schema = {
  room: 'images',
  migrations: [
    `CREATE TABLE images (id TEXT PRIMARY KEY, manifest TEXT NOT NULL, manifest_size INTEGER NOT NULL, diff_ids TEXT NOT NULL,
       blobs TEXT NOT NULL, last_tagged INTEGER) STRICT;
     CREATE TABLE image_names (name TEXT PRIMARY KEY, image TEXT NOT NULL REFERENCES images (id)) STRICT;
     CREATE INDEX image_names_image ON image_names (image);`,
  ],
}

export type ImageRow = {
  readonly id: Digest
  readonly manifest: Digest
  readonly manifestSize: number
  readonly diffIds: readonly Digest[]
  /** One per layer. */
  readonly blobs: readonly Descriptor[]
}

export type NameRow = { readonly reference: Reference; readonly image: Digest }

/** Which images there are and what they are called. Kept in memory beside the database: this process alone writes it. */
export class ImageTable {
  readonly #database: Database
  readonly #images = new Map<Digest, ImageRow>()
  readonly #lastTagged = new Map<Digest, number>()
  /** By canonical name, in the order in which Docker lists them. */
  readonly #names = new Map<string, NameRow>()

  constructor(database: Database) {
    this.#database = database
    database.migrate(SCHEMA)
    type Stored = {
      id: Digest
      manifest: Digest
      manifestSize: number
      diffIds: string
      blobs: string
      lastTagged: number | null
    }
    const rows = database.all<Stored>(
      'SELECT id, manifest, manifest_size AS manifestSize, diff_ids AS diffIds, blobs, last_tagged AS lastTagged FROM images',
    )
    for (const { lastTagged, ...row } of rows) {
      this.#images.set(row.id, { ...row, diffIds: JSON.parse(row.diffIds), blobs: JSON.parse(row.blobs) })
      if (lastTagged !== null) this.#lastTagged.set(row.id, lastTagged)
    }
    for (const { name, image } of database.all<{ name: string; image: Digest }>(
      'SELECT name, image FROM image_names',
    )) {
      this.#names.set(name, { reference: parseReference(name), image })
    }
  }

  image(id: Digest): ImageRow | undefined {
    return this.#images.get(id)
  }

  images(): ImageRow[] {
    return [...this.#images.values()]
  }

  ids(): Iterable<Digest> {
    return this.#images.keys()
  }

  add(row: ImageRow): void {
    this.#database.run(
      'INSERT OR REPLACE INTO images (id, manifest, manifest_size, diff_ids, blobs, last_tagged) VALUES (?, ?, ?, ?, ?, ?)',
      row.id,
      row.manifest,
      row.manifestSize,
      JSON.stringify(row.diffIds),
      JSON.stringify(row.blobs),
      this.#lastTagged.get(row.id) ?? null,
    )
    this.#images.set(row.id, row)
  }

  /** Drops an image and its names. */
  drop(id: Digest): void {
    this.#database.transaction(() => {
      this.#database.run('DELETE FROM image_names WHERE image = ?', id)
      this.#database.run('DELETE FROM images WHERE id = ?', id)
    })
    for (const [name, row] of this.#names) if (row.image === id) this.#names.delete(name)
    this.#images.delete(id)
    this.#lastTagged.delete(id)
  }

  /** The image that a name with a tag or digest stands for. */
  named(reference: Reference): Digest | undefined {
    return this.#names.get(canonicalName(reference))?.image
  }

  names(): NameRow[] {
    return [...this.#names.values()]
  }

  /** An image's names, sorted; those with digests after those with tags. */
  namesOf(id: Digest): Reference[] {
    const found = this.names()
      .filter(({ image }) => image === id)
      .map(({ reference }) => reference)
    return found.sort((a, b) => (canonicalName(a) < canonicalName(b) ? -1 : 1))
  }

  namesInRepository(repository: string): NameRow[] {
    return this.names().filter(({ reference }) => repositoryName(reference) === repository)
  }

  /** Gives a name to an image, and takes it from the one that had it. */
  name(reference: Reference, image: Digest): void {
    const now = Date.now()
    this.#database.transaction(() => {
      this.#database.run(
        'INSERT OR REPLACE INTO image_names (name, image) VALUES (?, ?)',
        canonicalName(reference),
        image,
      )
      this.#database.run('UPDATE images SET last_tagged = ? WHERE id = ?', now, image)
    })
    this.#names.set(canonicalName(reference), { reference, image })
    this.#lastTagged.set(image, now)
  }

  unname(reference: Reference): void {
    this.#database.run('DELETE FROM image_names WHERE name = ?', canonicalName(reference))
    this.#names.delete(canonicalName(reference))
  }

  /** Milliseconds since the epoch. */
  lastTagged(id: Digest): number | undefined {
    return this.#lastTagged.get(id)
  }
}
