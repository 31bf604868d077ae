import { chmodSync, chownSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { type Database, isFull } from '../../database.ts'
import { codeOf, conflict, notFound } from '../../errdefs.ts'
import { MS, mount, umountAsync } from '../../host/mount.ts'
import { spreadChildren } from '../../host/spread-children.ts'
import { type Digest, Digester } from '../../oci/digest.ts'
import { pack } from '../archive/pack.ts'
import { unpack } from '../archive/unpack.ts'
import { bootId, settle } from '../settle.ts'
import { discard } from './discard.ts'
import { FileIntake } from './file-intake.ts'
import { LayerTable, type SnapshotRow } from './layer-table.ts'
import { SnapshotFolders } from './snapshot-folders.ts'
import type { Layer, LayerIntake, MountOptions, ReceiveLayer, Snapshotter } from './snapshotter.ts'

/** Bytes that a layer may unpack to when nobody says otherwise; the daemon's configuration does. */
const MAX_LAYER_SIZE = 64 * 2 ** 30
/** A file system of ordinary size has no more inodes to give. */
const MAX_LAYER_ENTRIES = 10_000_000

export type OverlaySnapshotterOptions = {
  readonly root: string
  /** Directories below which snapshots are mounted; the root when left out. */
  readonly mounts?: readonly string[]
  readonly database: Database
  /** Bytes that one layer may unpack to: 64 GiB when left out. */
  readonly maxLayerSize?: number
  readonly maxLayerEntries?: number
  /** The boot that the host is in, for tests. */
  readonly boot?: string
}

/** An empty directory: overlayfs wants something below, also where there are no layers. */
const NOTHING = '0'
/** What overlayfs must not do, whatever the kernel's default: such an upper could not be read back as a layer. */
const OPTIONS = 'redirect_dir=off,metacopy=off,index=off'

/**
 * Layers as directories under overlayfs. Below `snapshots/`, `N` is a layer's tree or a snapshot's folder with its
 * `upper` and `work`: short names, because overlayfs takes one page of mount options, and with paths relative to
 * `snapshots/` a stack of several hundred layers fits.
 */
export class OverlaySnapshotter implements Snapshotter {
  readonly name = 'overlay2'
  readonly #root: string
  readonly #folders: SnapshotFolders
  readonly #table: LayerTable
  readonly #maxSize: number
  readonly #maxEntries: number

  /** Makes `snapshots/` below the data root, or takes over the one that is there, less what nobody knows. */
  constructor({
    root,
    mounts = [root],
    database,
    maxLayerSize,
    maxLayerEntries,
    boot = bootId(),
  }: OverlaySnapshotterOptions) {
    this.#maxSize = maxLayerSize ?? MAX_LAYER_SIZE
    this.#maxEntries = maxLayerEntries ?? MAX_LAYER_ENTRIES
    this.#root = join(root, 'snapshots')
    this.#folders = new SnapshotFolders(this.#root, mounts)
    this.#table = new LayerTable(database, boot)
    mkdirSync(join(this.#root, NOTHING), { recursive: true, mode: 0o755 })
    chmodSync(this.#root, 0o710)
    spreadChildren(this.#root)
    for (const name of readdirSync(this.#root)) this.#table.occupied(Number.parseInt(name, 10) || 0)
    if (this.#table.unsettled.length > 0) this.#settle(this.#table.unsettled)
  }

  /** Removes folders that are not recorded: what was under way when the daemon died. Before anything else is begun. */
  async sweep(): Promise<void> {
    for (const path of await this.strays()) await discard(path)
  }

  async strays(): Promise<readonly string[]> {
    const rows = [...this.#table.layers(), ...this.#table.snapshots()]
    const names = await this.#folders.strays(new Set([NOTHING, ...rows.map(({ folder }) => String(folder))]))
    return names.map(name => join(this.#root, name))
  }

  async apply(tar: Readable, signal?: AbortSignal): Promise<Layer> {
    const folder = this.#table.nextFolder()
    using _filled = this.#folders.fill(folder)
    const path = this.#folders.make(folder)
    let kept = false
    try {
      const digester = new Digester()
      const { size } = await unpack(tar, path, {
        format: 'layer',
        durable: true,
        signal,
        onChunk: chunk => digester.update(chunk),
      })
      const diffId = digester.digest()
      const known = this.#table.layer(diffId)
      if (known) return layerOf(known)
      const row = { diffId, folder, size }
      this.#table.addLayer(row)
      kept = true
      return layerOf(row)
    } finally {
      if (!kept) await discard(path)
    }
  }

  async receive(options: ReceiveLayer): Promise<LayerIntake> {
    options.signal?.throwIfAborted()
    const folder = this.#table.nextFolder()
    const path = this.#path(folder)
    const filled = this.#folders.fill(folder)
    let kept = !options.unpack
    const discardTree = async (): Promise<void> => {
      if (!kept) await discard(path)
      filled[Symbol.dispose]()
    }
    try {
      if (options.unpack) await this.#folders.makeSoon(folder)
      return new FileIntake(options, {
        directory: options.unpack ? path : undefined,
        maxSize: this.#maxSize,
        maxEntries: this.#maxEntries,
        record: async (diffId, size) => {
          if (!options.unpack) return { diffId, size }
          const known = this.#table.layer(diffId)
          if (known && !options.replace) return layerOf(known)
          this.#table.addUnsettled({ diffId, folder, size })
          kept = true
          this.#settle([folder])
          if (known && !this.#folders.mounted().has(String(known.folder))) await this.#folders.discard(known.folder)
          return { diffId, size }
        },
        discard: discardTree,
      })
    } catch (error) {
      await discardTree()
      throw error
    }
  }

  layer(diffId: Digest): Layer | undefined {
    const row = this.#table.layer(diffId)
    return row && layerOf(row)
  }

  layers(): readonly Layer[] {
    return this.#table.layers().map(layerOf)
  }

  async removeLayer(diffId: Digest): Promise<void> {
    const row = this.#table.layer(diffId)
    if (!row) return
    const user = this.#table.snapshots().find(({ layers }) => layers.includes(diffId))
    if (user) throw conflict(`layer ${diffId} is used by snapshot ${user.key}`)
    this.#table.dropLayer(diffId)
    await this.#folders.discard(row.folder)
  }

  prepare(key: string, layers: readonly Digest[]): void {
    if (this.#table.snapshot(key)) throw conflict(`snapshot ${key} already exists`)
    const folders = layers.map(diffId => this.#layerFolder(diffId))
    const folder = this.#table.nextFolder()
    const path = this.#folders.make(folder)
    mkdirSync(join(path, 'upper'), { mode: 0o755 })
    mkdirSync(join(path, 'work'), { mode: 0o711 })
    // The merged root has the upper's attributes, so the upper takes over those of the layer below.
    const top = folders.at(-1)
    const { mode, uid, gid } = top === undefined ? { mode: 0o755, uid: 0, gid: 0 } : statSync(this.#path(top))
    if (uid !== 0 || gid !== 0) chownSync(join(path, 'upper'), uid, gid)
    chmodSync(join(path, 'upper'), mode & 0o7777)
    this.#table.addSnapshot({ key, folder, layers: [...layers] })
  }

  stack(key: string): readonly Digest[] | undefined {
    return this.#table.snapshot(key)?.layers
  }

  keys(): readonly string[] {
    return this.#table.snapshots().map(({ key }) => key)
  }

  mount(key: string, target: string, { volatile = false }: MountOptions = {}): void {
    const { folder, layers } = this.#snapshot(key)
    const data = `lowerdir=${this.#lowerdir(layers)},upperdir=${folder}/upper,workdir=${folder}/work,${OPTIONS}${volatile ? ',volatile' : ''}`
    // The mark of an earlier volatile mount, which the kernel would take for a crash.
    if (volatile) rmSync(join(this.#path(folder), 'work', 'work', 'incompat'), { recursive: true, force: true })
    this.#mount(target, 0, data)
  }

  view(key: string, target: string): void {
    const { folder, layers } = this.#snapshot(key)
    // Its changes are one more layer, and nothing is written anywhere.
    this.#mount(target, MS.RDONLY, `lowerdir=${folder}/upper:${this.#lowerdir(layers)},${OPTIONS}`)
  }

  async unmount(target: string): Promise<void> {
    try {
      await umountAsync(target)
    } catch (error) {
      // Nothing is mounted there, which is what was wanted.
      if (codeOf(error) !== 'EINVAL' && codeOf(error) !== 'ENOENT') throw error
    }
  }

  diff(key: string, except: readonly string[] = []): Readable {
    return pack(this.#upper(this.#snapshot(key)), { format: 'layer', except }).tar
  }

  async commit(key: string, consume: (tar: Readable) => Promise<Digest>): Promise<Layer> {
    const snapshot = this.#snapshot(key)
    const { tar, size } = pack(this.#upper(snapshot), { format: 'layer', durable: true })
    let diffId: Digest
    try {
      diffId = await consume(tar)
    } finally {
      tar.destroy()
    }
    const known = this.#table.layer(diffId)
    if (known) {
      await this.remove(key)
      return layerOf(known)
    }
    const row = { diffId, folder: this.#table.nextFolder(), size: await size }
    renameSync(this.#upper(snapshot), this.#path(row.folder))
    this.#table.turn(key, row)
    await this.#folders.discard(snapshot.folder)
    return layerOf(row)
  }

  describe(key: string): Readonly<Record<string, string>> {
    const snapshot = this.#snapshot(key)
    return {
      ...(snapshot.layers.length > 0 ? { LowerDir: this.#lower(snapshot.layers) } : {}),
      MergedDir: join(this.#path(snapshot.folder), 'merged'),
      UpperDir: this.#upper(snapshot),
      WorkDir: join(this.#path(snapshot.folder), 'work'),
    }
  }

  describeLayers(layers: readonly Digest[]): Readonly<Record<string, string>> {
    const top = layers.at(-1)
    if (top === undefined) return {}
    const below = layers.slice(0, -1)
    return {
      ...(below.length > 0 ? { LowerDir: this.#lower(below) } : {}),
      UpperDir: this.#path(this.#layerFolder(top)),
    }
  }

  async usage(key: string): Promise<number> {
    return contentSize(this.#upper(this.#snapshot(key)))
  }

  async remove(key: string): Promise<void> {
    const snapshot = this.#table.snapshot(key)
    if (!snapshot) return
    try {
      this.#table.dropSnapshot(key)
    } catch (error) {
      if (!isFull(error)) throw error
      // What fills the disk may be the very thing that is to go.
      await this.#folders.discard(snapshot.folder)
      this.#table.dropSnapshot(key)
    }
    await this.#folders.discard(snapshot.folder)
  }

  #mount(target: string, flags: number, data: string): void {
    const before = process.cwd()
    // Synchronous from here to the way back: nobody sees the other directory.
    process.chdir(this.#root)
    try {
      mount('overlay', target, 'overlay', flags, data)
    } finally {
      process.chdir(before)
    }
  }

  #lowerdir(layers: readonly Digest[]): string {
    if (layers.length === 0) return NOTHING
    // A layer may stand in a stack twice; overlayfs wants each once, and only the upper one shows.
    return [...new Set(layers.map(diffId => this.#layerFolder(diffId)).reverse())].join(':')
  }

  /** Nobody waits for it; when it fails, or the database is closed by then, the next start of the daemon tries again. */
  #settle(folders: readonly number[]): void {
    settle(this.#root)
      .then(() => this.#table.settled(folders))
      .catch(() => {})
  }

  #snapshot(key: string): SnapshotRow {
    const snapshot = this.#table.snapshot(key)
    if (!snapshot) throw notFound(`snapshot ${key} does not exist`)
    return snapshot
  }

  #layerFolder(diffId: Digest): number {
    const row = this.#table.layer(diffId)
    if (!row) throw notFound(`layer ${diffId} does not exist`)
    return row.folder
  }

  #lower(layers: readonly Digest[]): string {
    return layers
      .map(diffId => this.#path(this.#layerFolder(diffId)))
      .reverse()
      .join(':')
  }

  #upper({ folder }: SnapshotRow): string {
    return join(this.#path(folder), 'upper')
  }

  #path(folder: number): string {
    return join(this.#root, String(folder))
  }
}

const layerOf = ({ diffId, size }: Layer): Layer => ({ diffId, size })

/** Bytes of files below a directory, hard links once. */
const contentSize = async (directory: string | Buffer, seen = new Set<number>()): Promise<number> => {
  let size = 0
  for (const entry of await readdir(directory, { withFileTypes: true, encoding: 'buffer' })) {
    const path = Buffer.concat([Buffer.from(directory), Buffer.from('/'), entry.name])
    if (entry.isDirectory()) size += await contentSize(path, seen)
    else if (entry.isFile()) {
      const stat = await lstat(path)
      if (stat.nlink === 1 || !seen.has(stat.ino)) size += stat.size
      if (stat.nlink > 1) seen.add(stat.ino)
    }
  }
  return size
}
