import type { Database, Schema } from '../../database.ts'
import { type Digest, parseDigest } from '../../oci/digest.ts'
import type { LayerKeeper } from './layer-keeper.ts'
import type { StageLayer } from './stage-state.ts'

const SCHEMA: Schema = {
  room: 'builder',
  migrations: [
    `CREATE TABLE build_cache (
      key TEXT PRIMARY KEY,
      description TEXT NOT NULL,
      created TEXT NOT NULL,
      used INTEGER NOT NULL,
      diff_id TEXT,
      blob TEXT,
      size INTEGER NOT NULL DEFAULT 0
    ) STRICT, WITHOUT ROWID`,
  ],
}

/** What a step left behind. */
export type CachedStep = {
  /** RFC 3339. */
  readonly created: string
  /** Undefined: the step changed no file. */
  readonly layer: StageLayer | undefined
}

export type CacheRecord = CachedStep & {
  readonly key: string
  /** As the history tells it. */
  readonly description: string
  /** Milliseconds since the epoch, exact to the hour. */
  readonly used: number
}

/** Every use of a record would be a write, and a cached build makes none: an hour is exact enough to tell old from new. */
const USED_EXACTNESS = 3600_000

type Row = {
  key: string
  description: string
  created: string
  used: number
  diff_id: string | null
  blob: string | null
  size: number
}

/** Results of steps by what they depend on, kept over restarts, with the layers that they consist of. */
export class BuildCache {
  readonly #database: Database
  readonly #layers: LayerKeeper

  constructor(database: Database, layers: LayerKeeper) {
    this.#database = database
    this.#layers = layers
    database.migrate(SCHEMA)
  }

  find(key: string): CacheRecord | undefined {
    const row = this.#row(key)
    const record = row && recordOf(row)
    if (record?.layer !== undefined && this.#layers.layer(record.layer.diffId) === undefined) return undefined
    const now = Date.now()
    if (record !== undefined && now - record.used > USED_EXACTNESS) {
      this.#database.run('UPDATE build_cache SET used = ? WHERE key = ?', now, key)
    }
    return record
  }

  /** Keeps a result and its layer; an older one under the same key is let go. */
  async record(key: string, description: string, { created, layer }: CachedStep): Promise<void> {
    const before = this.#row(key)?.diff_id ?? undefined
    if (before !== undefined && before !== layer?.diffId) await this.#layers.unpinLayers(ownerOf(key))
    this.#database.run(
      'INSERT OR REPLACE INTO build_cache (key, description, created, used, diff_id, blob, size) VALUES (?, ?, ?, ?, ?, ?, ?)',
      key,
      description,
      created,
      Date.now(),
      layer?.diffId ?? null,
      layer === undefined ? null : JSON.stringify(layer.blob),
      layer?.size ?? 0,
    )
    if (layer !== undefined) this.#layers.pinLayers(ownerOf(key), [layer.diffId])
  }

  /** All results that have layers, the longest unused first. */
  list(): CacheRecord[] {
    return this.#database.all<Row>('SELECT * FROM build_cache WHERE diff_id IS NOT NULL ORDER BY used').map(recordOf)
  }

  /** Forgets a result. Gives the bytes that were freed: none while an image has the layer. */
  async remove(key: string): Promise<number> {
    this.#database.run('DELETE FROM build_cache WHERE key = ?', key)
    return await this.#layers.unpinLayers(ownerOf(key))
  }

  /** Forgets the results without layers that were last used before `time` (milliseconds since the epoch). */
  removeDescriptions(time: number): void {
    this.#database.run('DELETE FROM build_cache WHERE diff_id IS NULL AND used < ?', time)
  }

  #row(key: string): Row | undefined {
    return this.#database.get<Row>('SELECT * FROM build_cache WHERE key = ?', key)
  }
}

/** Under what name a record holds its layer. */
const ownerOf = (key: string): string => `build-cache:${key}`

const recordOf = ({ key, description, created, used, diff_id, blob, size }: Row): CacheRecord => ({
  key,
  description,
  created,
  used,
  layer:
    diff_id === null || blob === null
      ? undefined
      : { diffId: digest(diff_id), blob: JSON.parse(blob) as StageLayer['blob'], size },
})

const digest = (text: string): Digest => parseDigest(text)
