import type { Database, Schema } from '../../database.ts'
import type { Digest } from '../../oci/digest.ts'

const SCHEMA: Schema = {
  room: 'snapshots',
  migrations: [
    `CREATE TABLE snapshot_layers (diff_id TEXT PRIMARY KEY, folder INTEGER NOT NULL UNIQUE, size INTEGER NOT NULL) STRICT;
     CREATE TABLE snapshots (key TEXT PRIMARY KEY, folder INTEGER NOT NULL UNIQUE, layers TEXT NOT NULL) STRICT;`,
    // The boot of the host that the layer was written in, until the disk has it.
    'ALTER TABLE snapshot_layers ADD COLUMN unsettled TEXT',
  ],
}

export type LayerRow = { readonly diffId: Digest; readonly folder: number; readonly size: number }
export type SnapshotRow = { readonly key: string; readonly folder: number; readonly layers: readonly Digest[] }

/** Which folder holds what. Read once, then kept in memory beside the database: this process alone writes it. */
export class LayerTable {
  readonly #database: Database
  readonly #layers = new Map<Digest, LayerRow>()
  readonly #snapshots = new Map<string, SnapshotRow>()
  readonly #boot: string
  #lastFolder = 0
  /** Folders of layers that were written under this boot of the host, and may not be on the disk yet. */
  readonly unsettled: readonly number[]

  /** Forgets layers that the host did not live to write down: they are of another boot than `boot`, and were not settled. */
  constructor(database: Database, boot: string) {
    this.#database = database
    this.#boot = boot
    database.migrate(SCHEMA)
    database.run('DELETE FROM snapshot_layers WHERE unsettled <> ?', boot)
    for (const row of database.all<LayerRow>('SELECT diff_id AS diffId, folder, size FROM snapshot_layers')) {
      this.#layers.set(row.diffId, row)
      this.#lastFolder = Math.max(this.#lastFolder, row.folder)
    }
    this.unsettled = database
      .all<{ folder: number }>('SELECT folder FROM snapshot_layers WHERE unsettled IS NOT NULL')
      .map(({ folder }) => folder)
    for (const row of database.all<{ key: string; folder: number; layers: string }>(
      'SELECT key, folder, layers FROM snapshots',
    )) {
      this.#snapshots.set(row.key, { ...row, layers: JSON.parse(row.layers) })
      this.#lastFolder = Math.max(this.#lastFolder, row.folder)
    }
  }

  /** A number that no folder has; folders that are there but not recorded are told by `occupied`. */
  nextFolder(): number {
    return ++this.#lastFolder
  }

  occupied(folder: number): void {
    this.#lastFolder = Math.max(this.#lastFolder, folder)
  }

  layer(diffId: Digest): LayerRow | undefined {
    return this.#layers.get(diffId)
  }

  layers(): LayerRow[] {
    return [...this.#layers.values()]
  }

  addLayer(row: LayerRow): void {
    this.#database.run(
      'INSERT INTO snapshot_layers (diff_id, folder, size) VALUES (?, ?, ?)',
      row.diffId,
      row.folder,
      row.size,
    )
    this.#layers.set(row.diffId, row)
  }

  /** A layer that the disk may not have yet: so its record need not be there either. It may have lain in another folder. */
  addUnsettled(row: LayerRow): void {
    this.#database.note(
      `INSERT INTO snapshot_layers (diff_id, folder, size, unsettled) VALUES (?, ?, ?, ?)
       ON CONFLICT (diff_id) DO UPDATE SET folder = excluded.folder, size = excluded.size, unsettled = excluded.unsettled`,
      row.diffId,
      row.folder,
      row.size,
      this.#boot,
    )
    this.#layers.set(row.diffId, row)
  }

  /** The disk has what lay in these folders. Only noted: the worst is that a layer which is there is fetched again. */
  settled(folders: readonly number[]): void {
    for (const folder of folders)
      this.#database.note('UPDATE snapshot_layers SET unsettled = NULL WHERE folder = ?', folder)
  }

  dropLayer(diffId: Digest): void {
    this.#database.run('DELETE FROM snapshot_layers WHERE diff_id = ?', diffId)
    this.#layers.delete(diffId)
  }

  snapshot(key: string): SnapshotRow | undefined {
    return this.#snapshots.get(key)
  }

  snapshots(): SnapshotRow[] {
    return [...this.#snapshots.values()]
  }

  /** Only noted: a snapshot that nobody went on to record as his is swept. */
  addSnapshot(row: SnapshotRow): void {
    this.#database.note(
      'INSERT INTO snapshots (key, folder, layers) VALUES (?, ?, ?)',
      row.key,
      row.folder,
      JSON.stringify(row.layers),
    )
    this.#snapshots.set(row.key, row)
  }

  dropSnapshot(key: string): void {
    this.#database.note('DELETE FROM snapshots WHERE key = ?', key)
    this.#snapshots.delete(key)
  }

  /** A snapshot becomes a layer, in one transaction. */
  turn(key: string, row: LayerRow): void {
    this.#database.transaction(() => {
      this.#database.run('DELETE FROM snapshots WHERE key = ?', key)
      this.#database.run(
        'INSERT INTO snapshot_layers (diff_id, folder, size) VALUES (?, ?, ?)',
        row.diffId,
        row.folder,
        row.size,
      )
    })
    this.#snapshots.delete(key)
    this.#layers.set(row.diffId, row)
  }
}
