import type { Filters } from '../../api/filters.ts'
import type { NetworkInspect } from '../../api/network.ts'
import { forbidden, internal, invalidArgument, notImplemented } from '../../errdefs.ts'
import type { RequestContext } from '../request-context.ts'
import type { Route } from '../router.ts'

/** What the routes ask of networks. `reference` is a name, an id or the beginning of one; unknown ones throw NotFound. */
export type NetworksBackend = {
  list(): readonly NetworkInspect[]
  inspect(reference: string): NetworkInspect
}

const PREDEFINED: ReadonlySet<string> = new Set(['bridge', 'host', 'none', 'default'])

export const networkRoutes = (networks: NetworksBackend): readonly Route[] => [
  { method: 'GET', path: '/networks', handler: context => list(context, networks) },
  { method: 'POST', path: '/networks/create', handler: create },
  { method: 'POST', path: '/networks/prune', handler: context => context.json({ NetworksDeleted: null }) },
  { method: 'GET', path: '/networks/{id:.+}', handler: context => context.json(networks.inspect(context.param('id'))) },
  { method: 'DELETE', path: '/networks/{id:.+}', handler: context => remove(context, networks) },
  { method: 'POST', path: '/networks/{id:.+}/connect', handler: context => change(context, networks) },
  { method: 'POST', path: '/networks/{id:.+}/disconnect', handler: context => change(context, networks) },
]

const list = (context: RequestContext, networks: NetworksBackend): void => {
  const matches = networkFilter(context.query.filters())
  // The list does not tell which containers are on a network; inspect does.
  context.json(
    networks
      .list()
      .filter(matches)
      .map(network => ({ ...network, Containers: {} })),
  )
}

const FILTERS: ReadonlySet<string> = new Set(['dangling', 'driver', 'id', 'label', 'name', 'scope', 'type'])

/** Which networks a list shows. Throws InvalidArgument; Internal for a type that is none, as dockerd does. */
export const networkFilter = (filters: Filters): ((network: NetworkInspect) => boolean) => {
  const unknown = Object.keys(filters).find(name => !FILTERS.has(name))
  if (unknown !== undefined) throw invalidArgument(`invalid filter '${unknown}'`)
  const type = filters.type?.find(value => value !== 'builtin' && value !== 'custom')
  if (type !== undefined) throw internal(`invalid filter: 'type'='${type}'`)
  const { driver, id, label, name, scope, type: types, dangling } = filters
  const isTrue = (values: readonly string[]) => values.some(value => value === 'true' || value === '1')
  return network => {
    const builtin = PREDEFINED.has(network.Name)
    return (
      (driver === undefined || driver.includes(network.Driver)) &&
      (id === undefined || id.some(part => network.Id.startsWith(part))) &&
      (name === undefined || name.some(part => network.Name.includes(part))) &&
      (scope === undefined || scope.includes(network.Scope)) &&
      (types === undefined || types.includes(builtin ? 'builtin' : 'custom')) &&
      // A network that is always there does not dangle, whoever uses it.
      (dangling === undefined || isTrue(dangling) === (!builtin && Object.keys(network.Containers).length === 0)) &&
      (label ?? []).every(text => {
        const [key = '', value] = text.split('=', 2)
        return network.Labels[key] !== undefined && (value === undefined || network.Labels[key] === value)
      })
    )
  }
}

const create = async (context: RequestContext): Promise<void> => {
  const body = await context.readJson<{ readonly Name?: unknown }>()
  const name = typeof body?.Name === 'string' ? body.Name : ''
  if (name === '') throw invalidArgument('invalid name: name is empty')
  if (PREDEFINED.has(name)) throw forbidden(`operation is not permitted on predefined ${name} network `)
  throw notImplemented('creating networks is not supported by Tare yet: bridge, host and none are there')
}

const remove = (context: RequestContext, networks: NetworksBackend): void => {
  const { Name } = networks.inspect(context.param('id'))
  throw forbidden(`${Name} is a pre-defined network and cannot be removed`)
}

const change = (context: RequestContext, networks: NetworksBackend): void => {
  networks.inspect(context.param('id'))
  throw notImplemented(
    'changing the networks of a container is not supported by Tare yet: name them when it is created',
  )
}
