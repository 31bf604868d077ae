import type { Readable } from 'node:stream'
import type { Digest } from '../../oci/digest.ts'
import type { Compression } from '../archive/detect-compression.ts'

/** A layer as it lies unpacked. */
export type Layer = {
  readonly diffId: Digest
  /** Bytes of files' contents and links' targets, hard links once, as Docker counts. */
  readonly size: number
}

export type MountOptions = {
  /** The changes need not outlive a crash of the host (overlayfs `volatile`): no waiting for the disk. */
  readonly volatile?: boolean
}

export type ReceiveLayer = {
  /** Where the blob is kept while it comes; what lies in it already is taken first. Made when it is not there. */
  readonly file: string
  /** The file is a blob of the content store: it is read to its end, and neither written to nor removed. */
  readonly whole?: boolean
  /** False: only verified, as for systems whose layers cannot lie unpacked here. */
  readonly unpack: boolean
  /**
   * The layer is here, but its tree is broken: this one takes its place. What stands on the old one and is mounted keeps it until it
   * is unmounted.
   */
  readonly replace?: boolean
  readonly signal?: AbortSignal | undefined
}

/** What a layer's blob must turn out to be. */
export type LayerExpectation = { readonly digest: Digest; readonly size: number; readonly diffId: Digest }

/** A layer's blob on its way in. Disposed without `finish`: nothing of its tree stays, the file does, for a later resume. */
export interface LayerIntake extends AsyncDisposable {
  /** Bytes that the file had: the source goes on from there. */
  readonly offset: number
  /** Bytes of the blob that have been worked off. */
  readonly unpacked: number
  /** Resolves when there is room for more. The chunk may be used again then. InvalidArgument: a broken or hostile archive. */
  write(chunk: Uint8Array): Promise<void>
  /**
   * Verifies and records the layer. InvalidArgument when it is not what was expected; the file is removed then, as after any
   * archive that is broken.
   */
  finish(expected: LayerExpectation): Promise<{ readonly layer: Layer; readonly compression: Compression }>
}

/**
 * Turns layers' tar streams into root file systems.
 *
 * Life of a layer: `apply` unpacks a stream into a place of its own, fsyncs, and records it; until then nobody sees it.
 * Or `commit` turns a writable snapshot into one. It never changes afterwards; `removeLayer` takes it away when nothing
 * needs it.
 * Life of a writable snapshot: `prepare` (a private upper on top of committed layers) → `mount` / `unmount`, any number
 * of times → `diff` to read what changed → `remove`, or `commit`, which ends it.
 * A snapshotter knows neither images nor containers: keys are its callers' ids.
 */
export interface Snapshotter {
  readonly name: string
  /** Unpacks one uncompressed tar; idempotent, and two at once for the same content end as one. InvalidArgument: a broken or hostile tar. */
  apply(tar: Readable, signal?: AbortSignal): Promise<Layer>
  /**
   * Takes in a layer's blob as it comes from a registry or lies in a file: gzip, zstd or plain. Idempotent as `apply`. The caller
   * writes what follows `offset`, and finishes. Conflict when the same file is being received already.
   */
  receive(options: ReceiveLayer): Promise<LayerIntake>
  /** Paths of what lies among the trees and is neither recorded nor mounted nor being worked on. */
  strays(): Promise<readonly string[]>
  /** Undefined when the layer is not here. */
  layer(diffId: Digest): Layer | undefined
  layers(): readonly Layer[]
  /** Conflict while a writable snapshot stands on it; no error when it is not here. */
  removeLayer(diffId: Digest): Promise<void>
  /** Makes a writable snapshot over `layers` (bottom first). Conflict when the key is taken, NotFound when a layer is not here. */
  prepare(key: string, layers: readonly Digest[]): void
  /** The layers that a writable snapshot stands on; undefined when there is no such snapshot. */
  stack(key: string): readonly Digest[] | undefined
  /** The keys of all writable snapshots. */
  keys(): readonly string[]
  /** Mounts a writable snapshot at `target` (an existing directory), read-write. */
  mount(key: string, target: string, options?: MountOptions): void
  /** Off the main thread: an overlay that is not volatile writes its changes to disk first. Quiet when nothing is mounted there. */
  unmount(target: string): Promise<void>
  /**
   * Mounts all that a writable snapshot shows at `target`, read-only, whether or not it is mounted elsewhere: changes that
   * are made there meanwhile may be seen or not. `unmount` ends it.
   */
  view(key: string, target: string): void
  /** The changes of a writable snapshot against its layers, as a deterministic OCI layer tar, without the paths of `except`. */
  diff(key: string, except?: readonly string[]): Readable
  /**
   * Makes the changes of a writable (and not mounted) snapshot a layer, without copying them; the snapshot is gone then.
   * The layer's tar passes once through `consume`, which says its digest. When that fails the snapshot stays.
   */
  commit(key: string, consume: (tar: Readable) => Promise<Digest>): Promise<Layer>
  /** Where the snapshot's own changes lie and what it stands on: what `GraphDriver.Data` shows. */
  describe(key: string): Readonly<Record<string, string>>
  /** The same for a stack of layers that an image names. */
  describeLayers(layers: readonly Digest[]): Readonly<Record<string, string>>
  /** Bytes that the snapshot itself takes. */
  usage(key: string): Promise<number>
  /** No error when there is no such snapshot. The caller has unmounted it. */
  remove(key: string): Promise<void>
}
