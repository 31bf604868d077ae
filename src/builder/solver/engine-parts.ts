import type { JsonMessage } from '../../api/image.ts'
import type { BuiltImages } from '../../images/built-images.ts'
import type { Images } from '../../images/images.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import type { ImageConfig } from '../../oci/image-config.ts'
import type { Platform } from '../../oci/platform.ts'
import type { Reference } from '../../oci/reference.ts'
import type { MountSpec } from '../../oci/runtime-spec.ts'
import type { Snapshotter } from '../../storage/snapshots/snapshotter.ts'
import type { CacheMounts } from '../mounts/cache-mounts.ts'
import type { ShellTerminal } from '../shell-terminal.ts'
import type { StepLimits } from '../step-limits.ts'
import type { CachedStep } from './build-cache.ts'
import type { LayerKeeper } from './layer-keeper.ts'
import type { StageLayer } from './stage-state.ts'

/** An image as a stage begins with it. */
export type BaseImage = {
  readonly id: Digest
  readonly config: ImageConfig
  readonly platform: Platform
  readonly layers: readonly StageLayer[]
}

/** How one shows a registry who one is. */
export type Credentials = NonNullable<PullOptions['credentials']>
type PullOptions = Parameters<Images['pull']>[1]

/** What the builder asks of the images. */
export interface ImageStore {
  find(nameOrId: string, platform?: Platform): BaseImage | undefined
  pull(reference: Reference, options: PullOptions): Promise<void>
  create(image: { readonly config: ImageConfig; readonly layers: readonly StageLayer[] }): { readonly id: Digest }
  tag(nameOrId: string, reference: string): void
  /** The image is being used, and so is what it was built on. */
  touch(id: Digest): void
  list(): readonly { readonly Id: string }[]
  /** What the image is known by in registries. NotFound. */
  manifest(id: Digest): Descriptor
  names(id: Digest): readonly Reference[]
  /** Sends what a name stands for to its registry. */
  push(reference: Reference, options: Parameters<Images['push']>[1]): Promise<void>
  remove(nameOrId: string): Promise<unknown>
  /** Images of several platforms together, archives, layers' bytes. */
  readonly built: BuiltImages
  /** Registries. NotImplemented for an engine without. */
  readonly distribution: Pick<Images['distribution'], 'registries'>
}

/** One repository of one registry. */
export type Repository = ReturnType<Awaited<ReturnType<ImageStore['distribution']['registries']>>['repository']>

export type RunStepRequest = {
  readonly id: string
  /** Where the root file system lies mounted, writable. */
  readonly rootfs: string
  /** What its programs are made for. */
  readonly platform: Platform
  readonly args: readonly string[]
  readonly env: readonly string[]
  readonly cwd: string
  /** `user[:group]`, by name or number; empty for root. */
  readonly user: string
  readonly network: NetworkMode
  readonly limits?: StepLimits
  readonly security?: 'sandbox' | 'insecure'
  /** Beside those that every step has. */
  readonly mounts?: readonly MountSpec[]
  /** It gets this instead of pipes; then `onOutput` is told nothing. */
  readonly terminal?: ShellTerminal | undefined
}

export type NetworkMode = 'default' | 'none' | 'host'
export type OutputStream = 'stdout' | 'stderr'

/** Runs one process to its end in a root file system. */
export type RunStep = (
  request: RunStepRequest,
  onOutput: (stream: OutputStream, chunk: Buffer) => void,
  signal: AbortSignal,
) => Promise<{ readonly exitCode: number }>

/** Where a step tells what happens while it is executed. */
export type StepTold = {
  readonly onOutput: (stream: OutputStream, chunk: Buffer) => void
  /** A message of a base image's pull. */
  readonly onPull: (message: JsonMessage) => void
  readonly onWarning: (message: string) => void
}

/** Results of steps by what they depend on. */
export interface StepCache {
  find(key: string): Promise<CachedStep | undefined>
  /** Keeps a result and its layer. */
  record(key: string, description: string, step: CachedStep): Promise<void>
}

/** Directories that stay from one build to the next. */
export interface StepCacheMounts extends Pick<CacheMounts, 'acquire'> {
  /** A step has such a mount, whether or not it will have to be executed. */
  expect(key: string): void
}

/** What steps are executed with. */
export type EngineParts = {
  readonly images: ImageStore & LayerKeeper
  readonly snapshotter: Snapshotter
  readonly runStep: RunStep
  readonly cache: StepCache
  readonly cacheMounts: StepCacheMounts
  /** A directory for mounts, which exists. */
  readonly mounts: string
}
