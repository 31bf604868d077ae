import type { Database, Schema } from '../../database.ts'
import { type Digest, parseDigest } from '../../oci/digest.ts'
import type { StageLayer } from './stage-state.ts'

const SCHEMA: Schema = {
  room: 'builder',
  migrations: [
    `CREATE TABLE build_cache (
      key TEXT PRIMARY KEY,
      created TEXT NOT NULL,
      diff_id TEXT,
      blob TEXT,
      size INTEGER NOT NULL DEFAULT 0,
      used INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID`,
    'CREATE INDEX build_cache_layers ON build_cache (diff_id) WHERE diff_id IS NOT NULL',
  ],
}

/** What a step left behind. */
export type CachedStep = {
  /** RFC 3339. */
  readonly created: string
  /** Undefined: the step changed no file. */
  readonly layer: StageLayer | undefined
}

/** Every use of a record would be a write, and a cached build makes none: an hour is exact enough to tell old from new. */
const USED_EXACTNESS = 3600_000

type Row = { key: string; created: string; diff_id: string | null; blob: string | null; size: number; used: number }

/** Results of steps by what they depend on, kept over restarts. */
export class BuildCache {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
    database.migrate(SCHEMA)
  }

  find(key: string): CachedStep | undefined {
    const row = this.#database.get<Row>('SELECT * FROM build_cache WHERE key = ?', key)
    if (row === undefined) return undefined
    const now = Date.now()
    if (now - row.used > USED_EXACTNESS) this.#database.run('UPDATE build_cache SET used = ? WHERE key = ?', now, key)
    return { created: row.created, layer: layerOf(row) }
  }

  record(key: string, { created, layer }: CachedStep): void {
    this.#database.run(
      'INSERT OR REPLACE INTO build_cache (key, created, diff_id, blob, size, used) VALUES (?, ?, ?, ?, ?, ?)',
      key,
      created,
      layer?.diffId ?? null,
      layer === undefined ? null : JSON.stringify(layer.blob),
      layer?.size ?? 0,
      Date.now(),
    )
  }

  forget(key: string): void {
    this.#database.run('DELETE FROM build_cache WHERE key = ?', key)
  }

  /** Layers that results consist of. */
  layers(): Digest[] {
    return this.#database
      .all<{ diff_id: string }>('SELECT DISTINCT diff_id FROM build_cache WHERE diff_id IS NOT NULL')
      .map(({ diff_id }) => parseDigest(diff_id))
  }

  /** Takes away what was last used before `time` (milliseconds since the epoch), and gives it. */
  removeUnusedSince(time: number): { readonly key: string; readonly layer: StageLayer | undefined }[] {
    return this.#database.transaction(() => {
      const rows = this.#database.all<Row>('SELECT * FROM build_cache WHERE used < ?', time)
      this.#database.run('DELETE FROM build_cache WHERE used < ?', time)
      return rows.map(row => ({ key: row.key, layer: layerOf(row) }))
    })
  }
}

const layerOf = ({ diff_id, blob, size }: Row): StageLayer | undefined =>
  diff_id === null || blob === null
    ? undefined
    : { diffId: parseDigest(diff_id), blob: JSON.parse(blob) as StageLayer['blob'], size }
