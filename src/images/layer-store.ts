import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import type { Database, Schema } from '../database.ts'
import { notFound } from '../errdefs.ts'
import { type Descriptor, mediaTypes } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { Compression } from '../storage/archive/detect-compression.ts'
import { compressLayer } from '../storage/compress-layer.ts'
import type { ContentStore } from '../storage/content/content-store.ts'
import type { LayerIntake, Snapshotter } from '../storage/snapshots/snapshotter.ts'
import type { ImageLayer } from './image.ts'

const SCHEMA: Schema = {
  room: 'image-layers',
  migrations: [
    `CREATE TABLE layer_blobs (diff_id TEXT NOT NULL, digest TEXT NOT NULL, media_type TEXT NOT NULL, size INTEGER NOT NULL, PRIMARY KEY (diff_id, digest)) STRICT;
     CREATE TABLE layer_pins (owner TEXT NOT NULL, diff_id TEXT NOT NULL, PRIMARY KEY (owner, diff_id)) STRICT;`,
    'CREATE TABLE packed_layers (diff_id TEXT PRIMARY KEY, size INTEGER NOT NULL) STRICT;',
  ],
}

export type StoredLayer = {
  readonly diffId: Digest
  /** Its forms: plain, compressed. */
  readonly blobs: readonly Descriptor[]
  /** For another operating system: there is no tree. */
  readonly isPacked: boolean
  /** Who keeps it although no image may have it. */
  readonly owners: readonly string[]
}

type LayerStoreOptions = {
  readonly database: Database
  readonly content: ContentStore
  readonly snapshotter: Snapshotter
  readonly discard: (blob: Digest) => void
}

/** Milliseconds between two reports of progress. */
const PROGRESS_INTERVAL = 100

/** A layer that was received and proved, and whose blob does not show yet. */
export type ReceivedLayer = ImageLayer

/**
 * Layers as images have them: the blob and the unpacked tree, which come and go together. Layers for other operating
 * systems cannot lie unpacked here: those are packed, a blob alone. A layer stays while an image
 * has it, an owner has pinned it, a writable snapshot stands on it, or it came in this process's life and has not been
 * claimed or released yet (`#fresh`): so nothing is swept between its making and its first use.
 */
export class LayerStore {
  readonly #database: Database
  readonly #content: ContentStore
  readonly #snapshotter: Snapshotter
  readonly #blobs = new Map<Digest, Descriptor[]>()
  /** Bytes of files' contents, by diffID. */
  readonly #packed = new Map<Digest, number>()
  readonly #pins = new Map<Digest, Set<string>>()
  readonly #fresh = new Map<Digest, number>()
  readonly #discard: (blob: Digest) => void

  /** `discard` removes a blob that no layer has any more, as soon as nobody works with it. */
  constructor({ database, content, snapshotter, discard }: LayerStoreOptions) {
    this.#discard = discard
    this.#database = database
    this.#content = content
    this.#snapshotter = snapshotter
    database.migrate(SCHEMA)
    type Stored = { diffId: Digest; digest: Digest; mediaType: string; size: number }
    for (const { diffId, ...blob } of database.all<Stored>(
      'SELECT diff_id AS diffId, digest, media_type AS mediaType, size FROM layer_blobs',
    )) {
      this.#blobs.set(diffId, [...(this.#blobs.get(diffId) ?? []), blob])
    }
    for (const { diffId, size } of database.all<{ diffId: Digest; size: number }>(
      'SELECT diff_id AS diffId, size FROM packed_layers',
    )) {
      this.#packed.set(diffId, size)
    }
    for (const { owner, diffId } of database.all<{ owner: string; diffId: Digest }>(
      'SELECT owner, diff_id AS diffId FROM layer_pins',
    )) {
      this.#pins.set(diffId, (this.#pins.get(diffId) ?? new Set()).add(owner))
    }
  }

  /** A layer that is here whole. `blob` says which form is wanted, when there are several. */
  find(diffId: Digest, blob?: Digest): ImageLayer | undefined {
    const size = this.#size(diffId)
    const blobs = this.#blobs.get(diffId) ?? []
    const found = blob === undefined ? blobs[0] : blobs.find(({ digest }) => digest === blob)
    return size === undefined || !found ? undefined : { diffId, blob: found, size }
  }

  /**
   * Makes a layer from a blob that is in the content store; one for another operating system stays packed. InvalidArgument
   * when it does not unpack to `expected`. Fresh.
   */
  async unpack(blob: Digest, expected: Digest, options: UnpackLayer = {}): Promise<ImageLayer> {
    this.hold(expected)
    try {
      const known = this.find(expected, blob)
      if (known && (options.packed || !this.isPacked(expected))) return known
      return await this.#take(blob, expected, options)
    } catch (error) {
      this.release([expected])
      throw error
    }
  }

  /**
   * Begins to take in a layer's blob; what an earlier attempt brought is taken first. The caller writes the rest, finishes, and
   * admits it. Until then nobody sees it, and a crash leaves the blob for the next attempt.
   */
  async receive(blob: Omit<Descriptor, 'mediaType'>, unpack: boolean, signal?: AbortSignal): Promise<LayerIntake> {
    const known = this.#content.has(blob.digest)
    const file = known ? this.#content.path(blob.digest) : this.#content.partialPath(blob.digest)
    return this.#snapshotter.receive({ file, whole: known, unpack, ...(signal ? { signal } : {}) })
  }

  async #take(digest: Digest, diffId: Digest, { signal, onProgress, packed }: UnpackLayer): Promise<ImageLayer> {
    const size = this.#content.size(digest)
    // Of a layer that is here in another form, only the bytes have to be proved.
    const unpack = !packed && this.#snapshotter.layer(diffId) === undefined
    await using intake = await this.receive({ digest, size }, unpack, signal)
    const telling = onProgress && setInterval(() => onProgress(intake.unpacked), PROGRESS_INTERVAL)
    try {
      const { layer, compression } = await intake.finish({ digest, size, diffId })
      onProgress?.(size)
      const mediaType = MEDIA_TYPES[compression] ?? mediaTypes.layer
      return this.admit({ diffId, blob: { mediaType, digest, size }, size: layer.size })
    } finally {
      clearInterval(telling)
    }
  }

  /** Whether a layer is here, but not unpacked. */
  isPacked(diffId: Digest): boolean {
    return this.#packed.has(diffId) && !this.#snapshotter.layer(diffId)
  }

  /** Shows a layer that was received: its blob moves into the content store and is recorded. Its holder keeps holding it. */
  admit({ diffId, blob, size }: ReceivedLayer): ImageLayer {
    if (!this.#content.has(blob.digest)) this.#content.adopt(blob.digest)
    if (!this.#snapshotter.layer(diffId) && !this.#packed.has(diffId)) {
      this.#database.run('INSERT OR REPLACE INTO packed_layers (diff_id, size) VALUES (?, ?)', diffId, size)
      this.#packed.set(diffId, size)
    }
    return this.#record(diffId, blob)
  }

  /** Keeps a layer, here or to be, until `release`, or until an image has it. */
  hold(diffId: Digest): void {
    this.#fresh.set(diffId, (this.#fresh.get(diffId) ?? 0) + 1)
  }

  /** The layer's blob in a form for the way: compressed. NotFound. Whoever asks holds the layer. */
  async compress(diffId: Digest, signal: AbortSignal): Promise<Descriptor> {
    const blobs = this.#blobs.get(diffId) ?? []
    const compressed = blobs.find(
      ({ mediaType }) => mediaType !== mediaTypes.layer && mediaType !== mediaTypes.dockerLayer,
    )
    if (compressed) return compressed
    const [plain] = blobs
    if (!plain) throw notFound(`layer ${diffId} does not exist`)
    return this.#record(diffId, await compressLayer(this.#content, plain.digest, { signal })).blob
  }

  /** Makes a layer of a plain tar as it is written: the tree and the blob come of one pass. Fresh. */
  async compose(tar: AsyncIterable<Buffer>, signal: AbortSignal): Promise<ImageLayer> {
    const file = this.#content.temporaryPath()
    const hash = createHash('sha256')
    let size = 0
    let held: Digest | undefined
    try {
      await using intake = await this.#snapshotter.receive({ file, unpack: true, signal })
      for await (const chunk of tar) {
        hash.update(chunk)
        size += chunk.length
        await intake.write(chunk)
      }
      const diffId: Digest = `sha256:${hash.digest('hex')}`
      held = diffId
      this.hold(diffId)
      await intake.finish({ digest: diffId, size, diffId })
      if (this.#content.has(diffId)) rmSync(file, { force: true })
      else this.#content.adopt(diffId, file)
      return this.#record(diffId, { mediaType: mediaTypes.layer, digest: diffId, size })
    } catch (error) {
      if (held) this.release([held])
      rmSync(file, { force: true })
      throw error
    }
  }

  /** Makes a layer of a writable snapshot's changes; the blob is their plain tar. The snapshot is gone then. Fresh. */
  async commit(key: string): Promise<ImageLayer> {
    let held: Digest | undefined
    let size = 0
    try {
      const { diffId } = await this.#snapshotter.commit(key, async tar => {
        const blob = await this.#content.ingest(tar)
        size = blob.size
        // Before the snapshotter shows the layer, or a collection might take it away at once.
        held = blob.digest
        this.hold(held)
        return blob.digest
      })
      return this.#record(diffId, { mediaType: mediaTypes.layer, digest: diffId, size })
    } catch (error) {
      if (held) {
        this.release([held])
        this.#discard(held)
      }
      throw error
    }
  }

  pin(owner: string, diffIds: readonly Digest[]): void {
    this.#database.transaction(() => {
      for (const diffId of diffIds)
        this.#database.run('INSERT OR IGNORE INTO layer_pins (owner, diff_id) VALUES (?, ?)', owner, diffId)
    })
    for (const diffId of diffIds) this.#pins.set(diffId, (this.#pins.get(diffId) ?? new Set()).add(owner))
  }

  unpin(owner: string): void {
    this.#database.run('DELETE FROM layer_pins WHERE owner = ?', owner)
    for (const [diffId, owners] of this.#pins) {
      owners.delete(owner)
      if (owners.size === 0) this.#pins.delete(diffId)
    }
  }

  /** Ends the protection that a fresh layer had from whoever made it. */
  release(diffIds: readonly Digest[]): void {
    for (const diffId of diffIds) {
      const count = (this.#fresh.get(diffId) ?? 0) - 1
      if (count > 0) this.#fresh.set(diffId, count)
      else this.#fresh.delete(diffId)
    }
  }

  /**
   * Removes all layers, and forms of layers, that no image has and nobody else needs. Gives the bytes of the layers' files. They are
   * gone when this resolves, or with `wait: false` a little later.
   */
  async collect(
    images: Iterable<{ readonly diffIds: readonly Digest[]; readonly blobs: readonly Descriptor[] }>,
    { wait = true }: { wait?: boolean } = {},
  ): Promise<number> {
    const used = new Set(this.#snapshotter.keys().flatMap(key => this.#snapshotter.stack(key) ?? []))
    const usedBlobs = new Set<Digest>()
    for (const { diffIds, blobs } of images) {
      for (const diffId of diffIds) used.add(diffId)
      for (const { digest } of blobs) usedBlobs.add(digest)
    }
    let reclaimed = 0
    // Decided and recorded in one go: while files are being deleted, others may begin to use what is left.
    const removals: Promise<void>[] = []
    const packed = [...this.#packed].map(([diffId, size]) => ({ diffId, size }))
    for (const { diffId, size } of [...this.#snapshotter.layers(), ...packed]) {
      if (this.#isNeeded(diffId)) continue
      const blobs = this.#blobs.get(diffId) ?? []
      if (used.has(diffId)) {
        const kept = blobs.filter(({ digest }) => usedBlobs.has(digest))
        this.#forget(diffId, blobs, kept.length > 0 ? kept : blobs.slice(0, 1))
        continue
      }
      reclaimed += size
      this.#forget(diffId, blobs, [])
      this.#forgetPacked(diffId)
      removals.push(this.#snapshotter.removeLayer(diffId))
    }
    // What could not be deleted is swept at the next start.
    if (!wait) void Promise.allSettled(removals)
    else await Promise.all(removals)
    return reclaimed
  }

  /** Digests of all blobs that belong to layers. */
  blobs(): Digest[] {
    return [...this.#blobs.values()].flat().map(({ digest }) => digest)
  }

  hasBlob(digest: Digest): boolean {
    return [...this.#blobs.values()].some(blobs => blobs.some(blob => blob.digest === digest))
  }

  /** Everything that is recorded of layers, also of those of which a part is missing. */
  all(): StoredLayer[] {
    const unpacked = this.#snapshotter.layers().map(({ diffId }) => diffId)
    const known = new Set([...unpacked, ...this.#packed.keys(), ...this.#blobs.keys()])
    return [...known].map(diffId => ({
      diffId,
      blobs: this.#blobs.get(diffId) ?? [],
      isPacked: this.isPacked(diffId),
      owners: [...(this.#pins.get(diffId) ?? [])],
    }))
  }

  /** Forgets one of a layer's forms. */
  forgetBlob(diffId: Digest, blob: Digest): void {
    const blobs = this.#blobs.get(diffId) ?? []
    this.#forget(
      diffId,
      blobs,
      blobs.filter(({ digest }) => digest !== blob),
    )
  }

  /** Forgets layers of which a part is missing. At start. */
  forgetBroken(): void {
    for (const [diffId, blobs] of this.#blobs) {
      const whole = this.#size(diffId) !== undefined ? blobs.filter(({ digest }) => this.#content.has(digest)) : []
      this.#forget(diffId, blobs, whole)
    }
  }

  #record(diffId: Digest, blob: Descriptor): ImageLayer {
    // What two systems have alike is unpacked as soon as ours needs it.
    if (this.#snapshotter.layer(diffId)) this.#forgetPacked(diffId)
    const known = this.#blobs.get(diffId) ?? []
    if (!known.some(({ digest }) => digest === blob.digest)) {
      this.#database.run(
        'INSERT OR REPLACE INTO layer_blobs (diff_id, digest, media_type, size) VALUES (?, ?, ?, ?)',
        diffId,
        blob.digest,
        blob.mediaType,
        blob.size,
      )
      this.#blobs.set(diffId, [...known, blob])
    }
    return { diffId, blob, size: this.#size(diffId) ?? 0 }
  }

  #forgetPacked(diffId: Digest): void {
    if (this.#packed.delete(diffId)) this.#database.run('DELETE FROM packed_layers WHERE diff_id = ?', diffId)
  }

  /** Bytes of a layer's files; undefined when it is not here. */
  #size(diffId: Digest): number | undefined {
    return this.#snapshotter.layer(diffId)?.size ?? this.#packed.get(diffId)
  }

  #isNeeded(diffId: Digest): boolean {
    return this.#pins.has(diffId) || this.#fresh.has(diffId)
  }

  #forget(diffId: Digest, blobs: readonly Descriptor[], kept: readonly Descriptor[]): void {
    const gone = blobs.filter(blob => !kept.includes(blob))
    for (const { digest } of gone)
      this.#database.run('DELETE FROM layer_blobs WHERE diff_id = ? AND digest = ?', diffId, digest)
    if (kept.length > 0) this.#blobs.set(diffId, [...kept])
    else this.#blobs.delete(diffId)
    for (const { digest } of gone) this.#discard(digest)
  }
}

export type UnpackLayer = {
  readonly signal?: AbortSignal | undefined
  /** Hears now and then how many bytes of the blob have been worked off, and at the end. */
  readonly onProgress?: ((bytes: number) => void) | undefined
  /** For another operating system. */
  readonly packed?: boolean | undefined
}

const MEDIA_TYPES: Readonly<Partial<Record<Compression, string>>> = {
  none: mediaTypes.layer,
  gzip: mediaTypes.layerGzip,
  zstd: mediaTypes.layerZstd,
}
