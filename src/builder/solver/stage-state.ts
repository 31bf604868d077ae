import type { Descriptor } from '../../oci/descriptor.ts'
import { chainId, type Digest, digestOf } from '../../oci/digest.ts'
import type { ExecutionConfig, History, ImageConfig } from '../../oci/image-config.ts'
import { hostPlatform, type Platform } from '../../oci/platform.ts'
import type { Args } from './step-environment.ts'

export type StageLayer = { readonly diffId: Digest; readonly blob: Descriptor; readonly size: number }

/** Where a stage stands between two steps. A step makes a new one. */
export type StageState = {
  readonly layers: readonly StageLayer[]
  /** How many layers and lines of history came with the image that all began with. */
  readonly base: { readonly layers: number; readonly history: number }
  readonly config: ExecutionConfig
  readonly history: readonly History[]
  readonly author: string | undefined
  readonly created: string | undefined
  readonly platform: Platform
  readonly args: Args
  /** CMD stood in this Dockerfile: ENTRYPOINT leaves it alone. */
  readonly hasCmd: boolean
  /** Names all steps that led here. */
  readonly key: string
  /** What people see behind `--->`: of a base image its own, else that of the image which the state would be. */
  readonly id: Digest | undefined
}

/** Docker's. */
export const DEFAULT_PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const DEFAULT_SHELL = ['/bin/sh', '-c']

export const shellOf = (config: ExecutionConfig): readonly string[] =>
  config.Shell?.length ? config.Shell : DEFAULT_SHELL

export const scratchState = (platform: Platform = hostPlatform()): StageState => ({
  layers: [],
  base: { layers: 0, history: 0 },
  config: { Env: [DEFAULT_PATH] },
  history: [],
  author: undefined,
  created: undefined,
  platform,
  args: new Map(),
  hasCmd: false,
  key: 'scratch',
  id: undefined,
})

export const imageState = (image: {
  readonly id: Digest
  readonly config: ImageConfig
  readonly layers: readonly StageLayer[]
}): StageState => {
  const { config, layers } = image
  const { OnBuild: _, ...inherited } = config.config ?? {}
  const env = inherited.Env ?? []
  return {
    layers: layers.map(({ diffId, blob, size }) => ({ diffId, blob, size })),
    base: { layers: layers.length, history: config.history?.length ?? 0 },
    config: { ...inherited, Env: env.some(entry => entry.startsWith('PATH=')) ? env : [...env, DEFAULT_PATH] },
    history: config.history ?? [],
    author: config.author,
    created: config.created,
    platform: { os: config.os, architecture: config.architecture, variant: config.variant },
    args: new Map(),
    hasCmd: false,
    key: image.id,
    id: image.id,
  }
}

/** A stage that begins where another ended: its files, its configuration without ONBUILD, and its arguments. */
export const inheritedState = (state: StageState): StageState => {
  const { OnBuild: _, ...config } = state.config
  return { ...state, config, hasCmd: false }
}

/** Names the files alone: steps that only describe do not change it. */
export const filesKey = (state: StageState): string => chainId(state.layers.map(({ diffId }) => diffId)) ?? 'scratch'

/** The image that the state is, were it the last. */
export const imageConfigOf = (state: StageState): ImageConfig => ({
  ...(state.created === undefined ? {} : { created: state.created }),
  ...(state.author === undefined ? {} : { author: state.author }),
  architecture: state.platform.architecture,
  ...(state.platform.variant === undefined ? {} : { variant: state.platform.variant }),
  os: state.platform.os,
  config: state.config,
  rootfs: { type: 'layers', diff_ids: state.layers.map(({ diffId }) => diffId) },
  history: state.history,
})

/** A step's result, taken over: what it changed, and its line of history. */
export const advance = (
  before: StageState,
  change: Partial<Pick<StageState, 'config' | 'args' | 'author' | 'hasCmd'>>,
  step: {
    readonly created: string
    readonly createdBy: string
    readonly layer: StageLayer | undefined
    readonly key: string
  },
): StageState => {
  const author = change.author ?? before.author
  const entry: History = {
    created: step.created,
    created_by: step.createdBy,
    ...(author === undefined ? {} : { author }),
    ...(step.layer === undefined ? { empty_layer: true } : {}),
  }
  const after: StageState = {
    ...before,
    ...change,
    created: step.created,
    history: [...before.history, entry],
    layers: step.layer === undefined ? before.layers : [...before.layers, step.layer],
    key: step.key,
  }
  return { ...after, id: digestOf(JSON.stringify(imageConfigOf(after))) }
}
