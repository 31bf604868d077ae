import { once } from 'node:events'
import type { Logger } from '../../log.ts'
import type { ServedStore } from '../registry/registry-answers.ts'
import type { RequestContext } from '../request-context.ts'
import type { Route } from '../router.ts'

const DEFAULT_ADDRESS = '127.0.0.1:5000'

/** Tare's own: the local images as a registry, for as long as the request goes on. */
export const registryServeRoutes = (backend: ServedStore, logger: Logger): readonly Route[] => [
  { method: 'POST', path: '/registry/serve', handler: context => serve(context, backend, logger) },
]

const serve = async (context: RequestContext, backend: ServedStore, logger: Logger): Promise<void> => {
  const { RegistryServer } = await import('../registry/registry-server.ts')
  await context.streamJson(async stream => {
    let behind = false
    await using server = new RegistryServer(backend, logger, line => {
      // Who does not read misses some: they are told, not kept.
      if (behind) return
      behind = !stream.write({ Request: line })
      if (behind)
        void stream.drain(context.signal).then(() => {
          behind = false
        })
    })
    stream.write({ Address: await server.listen(context.query.get('listen') || DEFAULT_ADDRESS) })
    if (!context.signal.aborted) await once(context.signal, 'abort')
  })
}
