import type { Database, Schema } from '../../database.ts'

const SCHEMA: Schema = {
  room: 'build downloads',
  migrations: [
    `CREATE TABLE build_downloads (
      url TEXT PRIMARY KEY,
      etag TEXT NOT NULL,
      modified TEXT NOT NULL,
      disposition TEXT NOT NULL,
      digest TEXT NOT NULL,
      size INTEGER NOT NULL,
      used INTEGER NOT NULL
    ) STRICT`,
  ],
}

/** Rows; those that have been out of use longest go. */
const LIMIT = 1000

/** What a server said of a file. */
export type Download = {
  readonly url: string
  /** Headers as they came, '' where there were none. */
  readonly etag: string
  readonly modified: string
  readonly disposition: string
  /** SHA-256 of the content, in hexadecimal. */
  readonly digest: string
  readonly size: number
}

/** What URLs held when they were last asked; the contents are in the `ContextStore`, by digest. */
export class RemoteIndex {
  readonly #database: Database

  constructor(database: Database) {
    database.migrate(SCHEMA)
    this.#database = database
  }

  find(url: string): Download | undefined {
    return this.#database.get<Download>(
      'SELECT url, etag, modified, disposition, digest, size FROM build_downloads WHERE url = ?',
      url,
    )
  }

  record({ url, etag, modified, disposition, digest, size }: Download): void {
    this.#database.transaction(() => {
      this.#database.run(
        'INSERT OR REPLACE INTO build_downloads (url, etag, modified, disposition, digest, size, used) VALUES (?, ?, ?, ?, ?, ?, ?)',
        ...[url, etag, modified, disposition, digest, size, Date.now()],
      )
      this.#database.run(
        'DELETE FROM build_downloads WHERE url IN (SELECT url FROM build_downloads ORDER BY used DESC LIMIT -1 OFFSET ?)',
        LIMIT,
      )
    })
  }
}
