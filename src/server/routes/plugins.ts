import { notFound, notImplemented } from '../../errdefs.ts'
import type { Route } from '../router.ts'

const unknown: Route['handler'] = context => {
  throw notFound(`plugin ${JSON.stringify(context.param('name'))} not found`)
}
const unsupported: Route['handler'] = () => {
  throw notImplemented('plugins are not supported by Tare')
}

/** There are no plugins, and none can come. */
export const pluginRoutes = (): readonly Route[] => [
  { method: 'GET', path: '/plugins', handler: context => context.json([]) },
  { method: 'GET', path: '/plugins/privileges', handler: unsupported },
  { method: 'POST', path: '/plugins/pull', handler: unsupported },
  { method: 'POST', path: '/plugins/create', handler: unsupported },
  { method: 'GET', path: '/plugins/{name:.+}/json', handler: unknown },
  { method: 'POST', path: '/plugins/{name:.+}/enable', handler: unknown },
  { method: 'POST', path: '/plugins/{name:.+}/disable', handler: unknown },
  { method: 'POST', path: '/plugins/{name:.+}/upgrade', handler: unknown },
  { method: 'POST', path: '/plugins/{name:.+}/push', handler: unknown },
  { method: 'POST', path: '/plugins/{name:.+}/set', handler: unknown },
  { method: 'DELETE', path: '/plugins/{name:.+}', handler: unknown },
]
