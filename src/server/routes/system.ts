import type { ContainerSummary } from '../../api/container.ts'
import type { ImageSummary } from '../../api/image.ts'
import type { CheckMessage } from '../../api/system-check.ts'
import type { VolumeInspect } from '../../api/volume.ts'
import { invalidArgument } from '../../errdefs.ts'
import type { Events } from '../../events.ts'
import { streamEvents } from '../event-stream.ts'
import type { RequestContext } from '../request-context.ts'
import type { Route } from '../router.ts'

/** What the routes ask of the whole. */
export type SystemBackend = {
  readonly events: Events
  /** `GET /info` */
  info(): Promise<object> | object
  /** `GET /version` */
  version(): Promise<object> | object
  readonly usage: UsageBackend
  /** Holds everything that is stored against its digests and records. */
  check(options: {
    readonly repair: boolean
    readonly signal: AbortSignal
    readonly onMessage: (message: CheckMessage) => void
  }): Promise<void>
}

/** Where the space has gone, in bytes. */
export type UsageBackend = {
  /** What all images take together, what they share once: unpacked layers, and the blobs beside them. */
  stored(): { readonly layers: number; readonly blobs: number }
  images(): Promise<readonly ImageSummary[]> | readonly ImageSummary[]
  containers(): Promise<readonly ContainerSummary[]> | readonly ContainerSummary[]
  volumes(): Promise<readonly VolumeInspect[]> | readonly VolumeInspect[]
  buildCache(): Promise<readonly object[]> | readonly object[]
}

export const systemRoutes = (system: SystemBackend): readonly Route[] => [
  { method: 'GET', path: '/_ping', handler: ping },
  { method: 'HEAD', path: '/_ping', handler: ping },
  { method: 'GET', path: '/info', handler: async context => context.json(await system.info()) },
  { method: 'GET', path: '/version', handler: async context => context.json(await system.version()) },
  { method: 'GET', path: '/events', handler: context => streamEvents(context, system.events) },
  { method: 'GET', path: '/system/df', handler: context => usage(context, system.usage) },
  // Tare's own.
  { method: 'POST', path: '/system/check', handler: context => check(context, system) },
]

const ping = (context: RequestContext): void => {
  const { request, response } = context
  const body = request.method === 'HEAD' ? '' : 'OK'
  response.writeHead(200, {
    // 1 is the builder behind POST /build; 2 would make clients look for BuildKit, which is not here.
    'Builder-Version': '1',
    Swarm: 'inactive',
    'Cache-Control': 'no-cache, no-store, must-revalidate',
    Pragma: 'no-cache',
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': body.length,
  })
  response.end(body)
}

const check = (context: RequestContext, system: SystemBackend): Promise<void> =>
  context.streamJson(async stream => {
    const { signal } = context
    await system.check({
      repair: context.query.boolean('repair'),
      signal,
      onMessage: message => void stream.write(message),
    })
  })

const USAGE_TYPES: ReadonlySet<string> = new Set(['container', 'image', 'volume', 'build-cache'])

const usage = async (context: RequestContext, backend: UsageBackend): Promise<void> => {
  const types = context.query.all('type')
  const unknown = types.find(type => !USAGE_TYPES.has(type))
  if (unknown !== undefined) throw invalidArgument(`unknown object type: ${unknown}`)
  const wants = (type: string) => types.length === 0 || types.includes(type)
  const stored = wants('image') ? backend.stored() : { layers: 0, blobs: 0 }
  const [Images, Containers, Volumes, BuildCache] = await Promise.all([
    wants('image') ? backend.images() : null,
    wants('container') ? backend.containers() : null,
    wants('volume') ? backend.volumes() : null,
    wants('build-cache') ? backend.buildCache() : null,
  ])
  // BlobsSize is Tare's own.
  context.json({
    LayersSize: stored.layers,
    BlobsSize: stored.blobs,
    Images,
    Containers,
    Volumes,
    BuildCache,
  })
}
