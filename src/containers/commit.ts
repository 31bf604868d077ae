import type { ContainerConfig } from '../api/container.ts'
import { conflict, invalidArgument, isKind, notFound } from '../errdefs.ts'
import { requireDepth } from '../images/depth.ts'
import { nameFromParts } from '../images/name-from-parts.ts'
import { type Digest, digestOf } from '../oci/digest.ts'
import type { ExecutionConfig, History, ImageConfig } from '../oci/image-config.ts'
import { familiarName, familiarRepository } from '../oci/reference.ts'
import { inherit } from './configuration.ts'
import type { Container } from './container.ts'
import { type Context, publish } from './context.ts'
import { madeByEngine } from './made-by-engine.ts'
import { pauseContainer, unpauseContainer } from './pause.ts'

export type CommitOptions = {
  /** '' leaves the image without a name. */
  readonly repo: string
  /** '' means `latest`. */
  readonly tag: string
  readonly author: string
  readonly comment: string
  /** Dockerfile instructions. */
  readonly changes: readonly string[]
  /** What the image is to say instead of what the container says. */
  readonly config: ContainerConfig | undefined
  /** Stand still while the files are read. */
  readonly pause: boolean
}

/** The digest of an archive without members: a layer that no image needs. */
const EMPTY_LAYER: Digest = digestOf(Buffer.alloc(1024))

/** Makes an image of a container's changes and gives its id. Throws InvalidArgument, NotFound (its image is gone), Conflict. */
export const commitContainer = async (
  context: Context,
  reference: string,
  options: CommitOptions,
  signal?: AbortSignal,
): Promise<Digest> => {
  const { images, store } = context
  const name = nameFromParts(options.repo, options.tag)
  if (name && familiarRepository(name) === 'sha256')
    throw invalidArgument('refusing to create an ambiguous tag using digest algorithm as name')
  if (reference === '') throw invalidArgument('invalid name or ID supplied: ""')
  const container = store.get(reference)
  requireWhole(context, container)
  const { config: own, image } = container.record
  const base = images.find(image)
  if (!base) throw notFound(`No such image: ${image}`)
  requireDepth(base.layers.length + 1)
  const config = inherit(images.change(chosen(options.config ?? own), options.changes), own)

  const layer = await standingStill(context, container, options.pause, async () => {
    const made = await images.ingestLayer(changesOf(context, container), signal)
    try {
      // Removed meanwhile, it may have been read when half of it was gone.
      requireWhole(context, container)
      return made
    } catch (error) {
      await images.releaseLayers([made.diffId])
      throw error
    }
  })
  const isEmpty = layer.diffId === EMPTY_LAYER
  if (isEmpty) await images.releaseLayers([layer.diffId])
  const layers = isEmpty ? base.layers : [...base.layers, layer]
  const { author, comment } = options
  const step: History = {
    created: new Date().toISOString(),
    ...(own.Cmd?.length ? { created_by: own.Cmd.join(' ') } : {}),
    ...(author ? { author } : {}),
    ...(comment ? { comment } : {}),
    ...(isEmpty ? { empty_layer: true } : {}),
  }
  const { id } = images.create({ config: childConfig(base.config, layers, chosen(config), step), layers })
  if (name) images.tag(id, name)
  publish(context, container, 'commit', { comment, imageID: id, imageRef: name ? familiarName(name) : '' })
  return id
}

/** Conflict when the container is going, or gone. */
const requireWhole = (context: Context, { id, life }: Container): void => {
  if (life.status === 'dead') throw conflict(`You cannot commit container ${id} which is Dead`)
  if (life.status === 'removing' || !context.store.find(id))
    throw conflict(`You cannot commit container ${id} which is being removed`)
}

const changesOf = (context: Context, container: Container) => {
  const { UpperDir = '', LowerDir = '' } = context.snapshotter.describe(container.id)
  return context.snapshotter.diff(container.id, madeByEngine(UpperDir, LowerDir.split(':').filter(Boolean)))
}

const standingStill = async <Result>(
  context: Context,
  container: Container,
  wanted: boolean,
  work: () => Promise<Result>,
): Promise<Result> => {
  if (!wanted || container.life.status !== 'running') return work()
  try {
    await pauseContainer(context, container)
  } catch (error) {
    // It has ended meanwhile, or somebody else has paused it; or it cannot be paused, and is committed as it runs, as dockerd does.
    if (!isKind(error, 'Conflict'))
      context.log.warn({ container: container.id, err: error }, 'committed without a pause')
    return work()
  }
  try {
    return await work()
  } finally {
    await unpauseContainer(context, container).catch(error => {
      if (!isKind(error, 'Conflict')) throw error
    })
  }
}

/** What an image says of how it is run, without what is a container's own and what says nothing. */
const chosen = (config: ContainerConfig): ExecutionConfig => {
  const { User, ExposedPorts, Env, Entrypoint, Cmd, Volumes, WorkingDir, Labels, StopSignal, Shell, OnBuild } = config
  const { Healthcheck, ArgsEscaped } = config
  const all = {
    ...{ User, ExposedPorts, Env, Entrypoint, Cmd, Volumes, WorkingDir, Labels, StopSignal, Shell, OnBuild },
    ...{ Healthcheck, ArgsEscaped },
  }
  const says = (value: unknown): boolean =>
    Array.isArray(value) ? true : typeof value === 'object' && value !== null ? Object.keys(value).length > 0 : !!value
  return Object.fromEntries(Object.entries(all).filter(([, value]) => says(value)))
}

const childConfig = (
  base: ImageConfig,
  layers: readonly { readonly diffId: Digest }[],
  config: ExecutionConfig,
  step: History,
): ImageConfig => {
  const { author: _, ...inherited } = base
  return {
    ...inherited,
    ...(step.author === undefined ? {} : { author: step.author }),
    created: step.created,
    config,
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: [...(base.history ?? []), step],
  }
}
