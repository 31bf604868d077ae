import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Filters } from '../../api/filters.ts'
import type {
  ImageDeleteItem,
  ImageHistoryItem,
  ImageInspect,
  ImagePruneResponse,
  ImageSummary,
  JsonMessage,
} from '../../api/image.ts'
import { codeOf, invalidArgument, notFound, notImplemented } from '../../errdefs.ts'
import { familiarName, familiarRepository, parseReference, withDefaultTag } from '../../oci/reference.ts'
import type { RequestContext } from '../request-context.ts'
import type { Route } from '../router.ts'

export type ImportRequest = {
  readonly repo: string
  readonly tag: string
  readonly message: string
  /** Instructions of a Dockerfile. */
  readonly changes: readonly string[]
  readonly platform: string | undefined
}

/** What the routes ask of images. `name` is a reference, an id or the beginning of one; unknown ones throw NotFound. */
export type ImagesBackend = {
  list(options: { all: boolean; sharedSize: boolean; filters: Filters }): readonly ImageSummary[]
  inspect(name: string): ImageInspect
  history(name: string): readonly ImageHistoryItem[]
  tag(name: string, reference: string): void
  remove(name: string, options: { force: boolean; noprune: boolean }): Promise<readonly ImageDeleteItem[]>
  prune(filters: Filters): Promise<ImagePruneResponse>
  import(
    tar: Readable,
    request: ImportRequest,
    onMessage: (message: JsonMessage) => void,
    signal: AbortSignal,
  ): Promise<{ readonly id: string }>
  load(tar: Readable, onMessage: (message: JsonMessage) => void, signal: AbortSignal): Promise<void>
  save(names: readonly string[]): Promise<Readable>
  /** Makes a base image from the distribution's own packages. */
  bootstrap(reference: string, onMessage: (message: JsonMessage) => void, signal: AbortSignal): Promise<void>
}

export const imageRoutes = (images: ImagesBackend): readonly Route[] => [
  { method: 'GET', path: '/images/json', handler: context => list(context, images) },
  { method: 'GET', path: '/images/get', handler: context => save(context, images, context.query.all('names')) },
  { method: 'GET', path: '/images/search', handler: search },
  { method: 'POST', path: '/images/create', handler: context => create(context, images) },
  { method: 'POST', path: '/images/load', handler: context => load(context, images) },
  {
    method: 'POST',
    path: '/images/prune',
    handler: async context => context.json(await images.prune(context.query.filters())),
  },
  // Tare's own.
  { method: 'POST', path: '/images/bootstrap', handler: context => bootstrap(context, images) },
  {
    method: 'GET',
    path: '/images/{name:.+}/json',
    handler: context => context.json(images.inspect(context.param('name'))),
  },
  {
    method: 'GET',
    path: '/images/{name:.+}/history',
    handler: context => context.json(images.history(context.param('name'))),
  },
  { method: 'GET', path: '/images/{name:.+}/get', handler: context => save(context, images, [context.param('name')]) },
  { method: 'POST', path: '/images/{name:.+}/tag', handler: context => tag(context, images) },
  { method: 'POST', path: '/images/{name:.+}/push', handler: context => push(context, images) },
  { method: 'DELETE', path: '/images/{name:.+}', handler: context => remove(context, images) },
  { method: 'GET', path: '/distribution/{name:.+}/json', handler: distribution },
]

const list = (context: RequestContext, images: ImagesBackend): void => {
  const { query } = context
  context.json(
    images.list({ all: query.boolean('all'), sharedSize: query.boolean('shared-size'), filters: query.filters() }),
  )
}

const create = async (context: RequestContext, images: ImagesBackend): Promise<void> => {
  const { query } = context
  const image = query.get('fromImage')
  if (image !== '') throw noRegistry(image, query.get('tag'))
  const source = query.get('fromSrc')
  if (source === '') throw invalidArgument('one of fromImage and fromSrc must be given')
  if (source !== '-')
    throw notImplemented('importing from a URL is not supported by Tare: fetch it and import the file')
  await context.streamJson(async stream => {
    const request = {
      repo: query.get('repo'),
      tag: query.get('tag'),
      message: query.get('message'),
      changes: query.all('changes'),
      platform: query.get('platform') || undefined,
    }
    const imported = await images.import(context.body, request, message => stream.write(message), context.signal)
    stream.write({ status: imported.id })
  })
}

/** A pull, while there is nobody to ask. Throws InvalidArgument for a name that is none. */
const noRegistry = (image: string, tag: string): Error => {
  const separator = tag.includes(':') ? '@' : ':'
  const reference = withDefaultTag(parseReference(tag === '' ? image : `${image}${separator}${tag}`))
  return notFound(
    `pull access denied for ${familiarRepository(reference)}, repository does not exist or may require 'docker login': ` +
      `Tare cannot ask registries yet; for a base image run: tare image bootstrap ${familiarName(reference)}`,
  )
}

const load = async (context: RequestContext, images: ImagesBackend): Promise<void> => {
  await context.streamJson(async stream => {
    // dockerd answers 200 before it looks at the archive.
    stream.flush()
    await images.load(context.body, message => stream.write(message), context.signal)
  })
}

const bootstrap = async (context: RequestContext, images: ImagesBackend): Promise<void> => {
  const name = context.query.get('name')
  if (name === '') throw invalidArgument('invalid reference format')
  await context.streamJson(stream => images.bootstrap(name, message => stream.write(message), context.signal))
}

const save = async (context: RequestContext, images: ImagesBackend, names: readonly string[]): Promise<void> => {
  const tar = await images.save(names)
  context.response.writeHead(200, { 'Content-Type': 'application/x-tar' })
  try {
    await pipeline(tar, context.response)
  } catch (error) {
    // A client that stops reading is no failure.
    if (codeOf(error) !== 'ERR_STREAM_PREMATURE_CLOSE' || !context.signal.aborted) throw error
  }
}

const tag = (context: RequestContext, images: ImagesBackend): void => {
  const { query } = context
  const repository = query.get('repo')
  if (repository === '') throw invalidArgument('invalid reference format')
  images.tag(context.param('name'), query.get('tag') === '' ? repository : `${repository}:${query.get('tag')}`)
  context.response.writeHead(201, { 'Content-Length': 0 }).end()
}

const remove = async (context: RequestContext, images: ImagesBackend): Promise<void> => {
  const { query } = context
  context.json(
    await images.remove(context.param('name'), { force: query.boolean('force'), noprune: query.boolean('noprune') }),
  )
}

const push = (context: RequestContext, images: ImagesBackend): void => {
  images.inspect(context.param('name'))
  throw notImplemented('pushing to a registry is not supported by Tare yet: save the image and load it elsewhere')
}

const search = (): void => {
  throw notImplemented('searching a registry is not supported by Tare')
}

const distribution = (): void => {
  throw notImplemented('asking a registry about an image is not supported by Tare yet')
}
