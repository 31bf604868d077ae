import type { Database, Schema } from '../database.ts'
import type { Digest } from '../oci/digest.ts'
import { parseReference, type Reference, repositoryName } from '../oci/reference.ts'

const SCHEMA: Schema = {
  room: 'blob-sources',
  migrations: [
    `CREATE TABLE blob_sources (digest TEXT NOT NULL, repository TEXT NOT NULL, PRIMARY KEY (digest, repository)) STRICT, WITHOUT ROWID;`,
  ],
}

/** Repositories kept per blob: enough to mount from and to fetch again. */
const KEPT = 8

/**
 * In which repositories of registries blobs were seen: a push can mount them from there instead of sending them, and a
 * broken one can be fetched again. What is written here are hints: a registry may have thrown the blob away since.
 */
export class BlobSources {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
    database.migrate(SCHEMA)
  }

  add(digests: readonly Digest[], repository: Reference): void {
    const name = repositoryName(repository)
    this.#database.transaction(() => {
      for (const digest of digests) {
        this.#database.run('INSERT OR IGNORE INTO blob_sources (digest, repository) VALUES (?, ?)', digest, name)
        this.#database.run(
          `DELETE FROM blob_sources WHERE digest = ? AND repository <> ? AND repository NOT IN
             (SELECT repository FROM blob_sources WHERE digest = ? AND repository <> ? LIMIT ?)`,
          digest,
          name,
          digest,
          name,
          KEPT - 1,
        )
      }
    })
  }

  /** Repositories, without tag or digest. */
  of(digest: Digest): Reference[] {
    return this.#database
      .all<{ repository: string }>('SELECT repository FROM blob_sources WHERE digest = ?', digest)
      .map(({ repository }) => parseReference(repository))
  }

  /** A repository turned out not to have it. */
  remove(digest: Digest, repository: Reference): void {
    this.#database.run(
      'DELETE FROM blob_sources WHERE digest = ? AND repository = ?',
      digest,
      repositoryName(repository),
    )
  }

  /** Forgets blobs that are not here any more. At start. */
  retain(present: ReadonlySet<Digest>): void {
    const known = this.#database.all<{ digest: Digest }>('SELECT DISTINCT digest FROM blob_sources')
    this.#database.transaction(() => {
      for (const { digest } of known)
        if (!present.has(digest)) this.#database.run('DELETE FROM blob_sources WHERE digest = ?', digest)
    })
  }
}
