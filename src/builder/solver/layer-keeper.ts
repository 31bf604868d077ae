import type { Digest } from '../../oci/digest.ts'
import type { StageLayer } from './stage-state.ts'

/** What the builder asks of the layers. One that was committed is the builder's until it is pinned or released. */
export interface LayerKeeper {
  /** Makes a layer of a writable snapshot, which is gone afterwards. */
  commitSnapshot(key: string): Promise<StageLayer>
  /** Makes a layer of its plain tar. */
  composeLayer(tar: AsyncIterable<Buffer>, signal: AbortSignal): Promise<StageLayer>
  layer(diffId: Digest): StageLayer | undefined
  /** Keeps layers for an owner, whether an image has them or not. */
  pinLayers(owner: string, diffIds: readonly Digest[]): void
  /** Gives the bytes that this freed. */
  unpinLayers(owner: string): Promise<number>
  releaseLayers(diffIds: readonly Digest[]): Promise<void>
}
