import type { Readable } from 'node:stream'
import type { Digest } from '../../oci/digest.ts'

/** A layer as it lies unpacked. */
export type Layer = {
  readonly diffId: Digest
  /** Bytes of file content, as `du --apparent-size` would count them, hard links once. */
  readonly size: number
}

/**
 * Turns layers' tar streams into root file systems.
 *
 * Life of a layer: `apply` unpacks a stream into a place of its own, fsyncs, renames it to its name and records it;
 * until then nobody sees it. It never changes afterwards; `removeLayer` takes it away when no image needs it.
 * Life of a writable snapshot: `prepare` (a private upper on top of committed layers) → `mount` / `unmount`, any number
 * of times → `diff` to read what changed → `remove`.
 * A snapshotter knows neither images nor containers: keys are its callers' ids.
 */
export interface Snapshotter {
  readonly name: string
  /** Unpacks one uncompressed tar; idempotent, and two at once for the same content end as one. */
  apply(tar: Readable, signal?: AbortSignal): Promise<Layer>
  /** Undefined when the layer is not here. */
  layer(diffId: Digest): Layer | undefined
  removeLayer(diffId: Digest): Promise<void>
  /** Makes a writable snapshot over `layers` (bottom first). Conflict when the key is taken. */
  prepare(key: string, layers: readonly Digest[]): void
  /** Mounts a writable snapshot at `target` (an existing directory), read-write. */
  mount(key: string, target: string): void
  unmount(target: string): void
  /** The changes of a writable snapshot against its layers, as a deterministic OCI layer tar. */
  diff(key: string): Readable
  /** Where the snapshot's own changes lie and what it stands on: what `GraphDriver.Data` shows. */
  describe(key: string): Readonly<Record<string, string>>
  /** Bytes that the snapshot itself takes. */
  usage(key: string): Promise<number>
  remove(key: string): Promise<void>
}
