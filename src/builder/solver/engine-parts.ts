import type { Digest } from '../../oci/digest.ts'
import type { ImageConfig } from '../../oci/image-config.ts'
import type { Snapshotter } from '../../storage/snapshots/snapshotter.ts'
import type { BuildCache } from './build-cache.ts'
import type { LayerKeeper } from './layer-keeper.ts'
import type { StageLayer } from './stage-state.ts'

/** An image as a stage begins with it. */
export type BaseImage = { readonly id: Digest; readonly config: ImageConfig; readonly layers: readonly StageLayer[] }

/** What the builder asks of the images. */
export interface ImageStore {
  find(nameOrId: string): BaseImage | undefined
  create(image: { readonly config: ImageConfig; readonly layers: readonly StageLayer[] }): { readonly id: Digest }
  tag(nameOrId: string, reference: string): void
  list(): readonly { readonly Id: string }[]
}

export type RunStepRequest = {
  readonly id: string
  /** Where the root file system lies mounted, writable. */
  readonly rootfs: string
  readonly args: readonly string[]
  readonly env: readonly string[]
  readonly cwd: string
  /** `user[:group]`, by name or number; empty for root. */
  readonly user: string
  readonly network: NetworkMode
}

export type NetworkMode = 'default' | 'none' | 'host'
export type OutputStream = 'stdout' | 'stderr'

/** Runs one process to its end in a root file system. */
export type RunStep = (
  request: RunStepRequest,
  onOutput: (stream: OutputStream, chunk: Buffer) => void,
  signal: AbortSignal,
) => Promise<{ readonly exitCode: number }>

/** What steps are executed with. */
export type EngineParts = {
  readonly images: ImageStore & LayerKeeper
  readonly snapshotter: Snapshotter
  readonly runStep: RunStep
  readonly cache: BuildCache
  /** A directory for mounts, which exists. */
  readonly mounts: string
}
