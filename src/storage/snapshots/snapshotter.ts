import type { Readable } from 'node:stream'
import type { Digest } from '../../oci/digest.ts'

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
