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
import { codeOf, forbidden, invalidArgument } from '../../errdefs.ts'
import { nameFromParts } from '../../images/name-from-parts.ts'
import { isDigest } from '../../oci/digest.ts'
import { type Platform, parsePlatform } from '../../oci/platform.ts'
import { familiarRepository, parseReference, type Reference, repositoryName } from '../../oci/reference.ts'
import type { Credentials } from '../../registry/registry-config.ts'
import { credentialsOfHeader } from '../registry-auth.ts'
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

type TransferOptions = {
  readonly platform: Platform | undefined
  readonly allTags: boolean
  readonly credentials: Credentials | undefined
  readonly onMessage: (message: JsonMessage) => void
  readonly signal: AbortSignal
}

/** What the routes ask of images. `name` is a reference, an id or the beginning of one; unknown ones throw NotFound. */
export type ImagesBackend = {
  list(options: { all: boolean; sharedSize: boolean; manifests: boolean; filters: Filters }): readonly ImageSummary[]
  inspect(name: string, platform: Platform | undefined): ImageInspect
  history(name: string, platform: Platform | undefined): readonly ImageHistoryItem[]
  tag(name: string, reference: Reference): void
  remove(
    name: string,
    options: { force: boolean; noprune: boolean; platforms: readonly Platform[] },
  ): Promise<readonly ImageDeleteItem[]>
  prune(filters: Filters): Promise<ImagePruneResponse>
  import(
    tar: Readable,
    request: ImportRequest,
    onMessage: (message: JsonMessage) => void,
    signal: AbortSignal,
  ): Promise<{ readonly id: string }>
  /** Downloads an archive. InvalidArgument for what is no URL. */
  fetch(url: string, onMessage: (message: JsonMessage) => void, signal: AbortSignal): Promise<Readable>
  load(
    tar: Readable,
    onMessage: (message: JsonMessage) => void,
    signal: AbortSignal,
    platform: Platform | undefined,
  ): Promise<void>
  save(names: readonly string[], platform: Platform | undefined): Promise<Readable>
  pull(reference: Reference, options: TransferOptions): Promise<void>
  push(reference: Reference, options: TransferOptions): Promise<void>
  /** Makes a base image from the distribution's own packages. */
  bootstrap(reference: string, onMessage: (message: JsonMessage) => void, signal: AbortSignal): Promise<void>
}

export const imageRoutes = (images: ImagesBackend): readonly Route[] => [
  { method: 'GET', path: '/images/json', handler: context => list(context, images) },
  { method: 'GET', path: '/images/get', handler: context => save(context, images, context.query.all('names')) },
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
    handler: context => context.json(images.inspect(context.param('name'), platformOf(context))),
  },
  {
    method: 'GET',
    path: '/images/{name:.+}/history',
    handler: context => context.json(images.history(context.param('name'), platformOf(context))),
  },
  { method: 'GET', path: '/images/{name:.+}/get', handler: context => save(context, images, [context.param('name')]) },
  { method: 'POST', path: '/images/{name:.+}/tag', handler: context => tag(context, images) },
  { method: 'POST', path: '/images/{name:.+}/push', handler: context => push(context, images) },
  { method: 'DELETE', path: '/images/{name:.+}', handler: context => remove(context, images) },
]

const list = (context: RequestContext, images: ImagesBackend): void => {
  const { query } = context
  context.json(
    images.list({
      all: query.boolean('all'),
      sharedSize: query.boolean('shared-size'),
      manifests: query.boolean('manifests') && context.speaks('1.47'),
      filters: query.filters(),
    }),
  )
}

const create = async (context: RequestContext, images: ImagesBackend): Promise<void> => {
  const { query } = context
  const image = query.get('fromImage')
  if (image !== '') return pull(context, images, image)
  const source = query.get('fromSrc')
  if (source === '') throw invalidArgument('one of fromImage and fromSrc must be given')
  await context.streamJson(async stream => {
    const tar =
      source === '-' ? context.body : await images.fetch(source, message => stream.write(message), context.signal)
    const request = {
      repo: query.get('repo'),
      tag: query.get('tag'),
      message: query.get('message'),
      changes: query.all('changes'),
      platform: query.get('platform') || undefined,
    }
    const imported = await images.import(tar, request, message => stream.write(message), context.signal)
    stream.write({ status: imported.id })
  })
}

/** No tag and no digest means every tag: clients name `latest` themselves. */
const pull = async (context: RequestContext, images: ImagesBackend, image: string): Promise<void> => {
  const { query, signal } = context
  const tag = query.get('tag')
  if (tag.includes(':') && !isDigest(tag)) throw invalidArgument('invalid tag format')
  const reference = parseReference(tag === '' ? image : `${image}${isDigest(tag) ? '@' : ':'}${tag}`)
  if (familiarRepository(reference) === 'scratch') throw forbidden("'scratch' is a reserved name")
  const platform = query.get('platform') === '' ? undefined : parsePlatform(query.get('platform'))
  const credentials = credentialsOfHeader(context.header('x-registry-auth'))
  const allTags = reference.tag === undefined && reference.digest === undefined
  await context.streamJson(async stream => {
    await images.pull(reference, {
      platform,
      allTags,
      credentials,
      onMessage: message => stream.write(message),
      signal,
    })
  })
}

const platformOf = (context: RequestContext): Platform | undefined => {
  const text = context.query.get('platform')
  return text === '' ? undefined : readPlatform(text)
}

/** A platform as newer clients write it, an object of its parts, or as others do: `linux/arm64`. InvalidArgument. */
const readPlatform = (text: string): Platform => {
  if (!text.startsWith('{')) return parsePlatform(text)
  let parts: Partial<Platform>
  try {
    parts = JSON.parse(text) as Partial<Platform>
  } catch (error) {
    throw invalidArgument(`invalid platform: ${text}`, { cause: error })
  }
  const { os, architecture, variant } = parts
  return parsePlatform([os ?? '', architecture ?? '', ...(variant ? [variant] : [])].join('/'))
}

const load = async (context: RequestContext, images: ImagesBackend): Promise<void> => {
  const platform = platformOf(context)
  await context.streamJson(async stream => {
    // dockerd answers 200 before it looks at the archive.
    stream.flush()
    await images.load(context.body, message => stream.write(message), context.signal, platform)
  })
}

const bootstrap = async (context: RequestContext, images: ImagesBackend): Promise<void> => {
  const name = context.query.get('name')
  if (name === '') throw invalidArgument('invalid reference format')
  await context.streamJson(stream => images.bootstrap(name, message => stream.write(message), context.signal))
}

const save = async (context: RequestContext, images: ImagesBackend, names: readonly string[]): Promise<void> => {
  const tar = await images.save(names, platformOf(context))
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
  const name = nameFromParts(query.get('repo'), query.get('tag'))
  if (!name) throw invalidArgument('invalid reference format')
  images.tag(context.param('name'), name)
  context.response.writeHead(201, { 'Content-Length': 0 }).end()
}

const remove = async (context: RequestContext, images: ImagesBackend): Promise<void> => {
  const { query } = context
  context.json(
    await images.remove(context.param('name'), {
      force: query.boolean('force'),
      noprune: query.boolean('noprune'),
      platforms: query.all('platforms').map(readPlatform),
    }),
  )
}

/** Without a tag, every tag that the repository has here. */
const push = async (context: RequestContext, images: ImagesBackend): Promise<void> => {
  const { query, signal } = context
  const named = parseReference(context.param('name'))
  const tag = query.get('tag')
  const reference = tag === '' ? named : parseReference(`${repositoryName(named)}:${tag}`)
  const platform = platformOf(context)
  const credentials = credentialsOfHeader(context.header('x-registry-auth'))
  const allTags = reference.tag === undefined && reference.digest === undefined
  await context.streamJson(stream =>
    images.push(reference, { platform, allTags, credentials, onMessage: message => stream.write(message), signal }),
  )
}
