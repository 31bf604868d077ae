import type { ContainerSummary, PortSummary } from '../api/container.ts'
import { invalidArgument } from '../errdefs.ts'
import { commandOf } from './configuration.ts'
import type { Container } from './container.ts'
import type { Context } from './context.ts'
import { endpointSettings, sizesOf } from './inspect.ts'
import { statusText } from './status-text.ts'

export type Filters = Readonly<Record<string, readonly string[]>>

export type ListOptions = {
  /** Also those that do not run. */
  readonly all?: boolean
  /** The newest so many, running or not. */
  readonly limit?: number
  readonly size?: boolean
  readonly filters?: Filters
}

/** One value of a filter: checked at once, then asked of each container. */
type Test = (context: Context, value: string) => (container: Container) => boolean

const STATUSES = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead']
const HEALTHS = ['none', 'starting', 'healthy', 'unhealthy']

/** Throws InvalidArgument in Docker's words for a value that is not known. */
const oneOf = (filter: string, what: string, known: readonly string[], value: string): void => {
  if (known.includes(value)) return
  const reason = `invalid value for ${what} (${value}): must be one of ${known.join(', ')}`
  throw invalidArgument(`invalid filter '${filter}=${value}': ${reason}`)
}

/** Whether a name or an id matches as a regular expression (Docker's rule); plain text when it is none. */
const matches = (pattern: string, ...texts: string[]): boolean => {
  let expression: RegExp
  try {
    expression = new RegExp(pattern)
  } catch {
    return texts.includes(pattern)
  }
  return texts.some(text => expression.test(text))
}

export const labelMatches = (labels: Readonly<Record<string, string>>, value: string): boolean => {
  const at = value.indexOf('=')
  return at < 0 ? value in labels : labels[value.slice(0, at)] === value.slice(at + 1)
}

const TESTS: Readonly<Record<string, Test>> = {
  id:
    (_, value) =>
    ({ id }) =>
      id.startsWith(value),
  name: (_, value) => container => matches(value, container.name, `/${container.name}`),
  label: (_, value) => container => labelMatches(container.record.config.Labels ?? {}, value),
  status: (_, value) => {
    oneOf('status', 'state', STATUSES, value)
    return ({ life }) => life.status === value
  },
  exited: (_, value) => {
    if (!/^[+-]?\d+$/.test(value))
      throw invalidArgument(`invalid filter 'exited=${value}': strconv.Atoi: parsing "${value}": invalid syntax`)
    return ({ life }) => life.status === 'exited' && life.exitCode === Number(value)
  },
  ancestor: (context, value) => {
    const image = context.images.find(value)
    if (!image) return () => false
    const { layers } = image
    return ({ record }) => {
      if (record.image === image.id) return true
      const own = context.images.find(record.image)?.layers ?? []
      return layers.length < own.length && layers.every((layer, index) => layer.diffId === own[index]?.diffId)
    }
  },
  before: (context, value) => {
    const { created } = context.store.get(value).record
    return ({ record }) => record.created < created
  },
  since: (context, value) => {
    const { created } = context.store.get(value).record
    return ({ record }) => record.created > created
  },
  volume:
    (_, value) =>
    ({ record }) =>
      record.mounts.some(({ Name, Destination, Source }) => [Name, Destination, Source].includes(value)),
  network: (context, value) => {
    const id = context.networks.find(value)?.id
    return ({ record }) => {
      const mode = record.hostConfig.NetworkMode ?? ''
      return mode === value || (id !== undefined && context.networks.find(mode)?.id === id)
    }
  },
  publish: (_, value) => {
    const inRange = portRange(value)
    return ({ record }) =>
      Object.values(record.hostConfig.PortBindings ?? {}).some(hosts =>
        hosts?.some(host => inRange(host.HostPort ?? '')),
      )
  },
  expose: (_, value) => {
    const inRange = portRange(value)
    return ({ record }) => Object.keys(record.config.ExposedPorts ?? {}).some(key => inRange(key.split('/')[0] ?? ''))
  },
  health: (_, value) => {
    oneOf('health', 'health', HEALTHS, value)
    return () => value === 'none'
  },
  'is-task': (_, value) => {
    if (!['true', '1', 'false', '0'].includes(value)) throw invalidArgument(`invalid filter 'is-task=[${value}]'`)
    return () => value === 'false' || value === '0'
  },
  isolation: () => () => true,
}

/** Whether a port is one of `80`, `80-90` or `80/tcp`. */
const portRange = (value: string): ((port: string) => boolean) => {
  const [range = ''] = value.split('/')
  const [first = 0, last = first] = range.split('-').map(Number)
  return port => port !== '' && Number(port) >= first && Number(port) <= last
}

/** Which filters narrow by "all of the values", the others by "any". */
const ALL_VALUES = ['label']

/** The containers that a filter set lets through. Throws InvalidArgument, or NotFound for a container that a filter names. */
export const filterContainers = (context: Context, containers: readonly Container[], filters: Filters): Container[] => {
  const tests = Object.entries(filters).map(([name, values]) => {
    const test = TESTS[name]
    if (!test) throw invalidArgument(`invalid filter '${name}'`)
    const accepts = values.map(value => test(context, value))
    return (container: Container): boolean =>
      ALL_VALUES.includes(name)
        ? accepts.every(accept => accept(container))
        : accepts.length === 0 || accepts.some(accept => accept(container))
  })
  return containers.filter(container => tests.every(test => test(container)))
}

/** Newest first. */
const byAge = (a: Container, b: Container): number =>
  a.record.created < b.record.created ? 1 : a.record.created > b.record.created ? -1 : 0

export const listContainers = async (context: Context, options: ListOptions): Promise<ContainerSummary[]> => {
  const { filters = {}, limit = 0 } = options
  const everyState =
    options.all || limit > 0 || 'status' in filters || 'exited' in filters || 'before' in filters || 'since' in filters
  const candidates = context.store
    .all()
    .filter(container => everyState || container.running || container.life.status === 'restarting')
  const found = filterContainers(context, candidates, filters).sort(byAge)
  const now = Date.now()
  return await Promise.all(
    (limit > 0 ? found.slice(0, limit) : found).map(container =>
      summary(context, container, options.size ?? false, now),
    ),
  )
}

const quoteWord = (word: string): string => (/[\s"'\\]/.test(word) ? `'${word}'` : word)

const portSummaries = (container: Container): PortSummary[] => {
  const { endpoint } = container.life
  if (!endpoint) return []
  const published = endpoint.ports.map(({ hostIp, hostPort, containerPort, protocol }) => ({
    IP: hostIp,
    PrivatePort: containerPort,
    PublicPort: hostPort,
    Type: protocol,
  }))
  const exposed = Object.keys(container.record.config.ExposedPorts ?? {}).flatMap(key => {
    const [port = '', type = 'tcp'] = key.split('/')
    return published.some(known => known.PrivatePort === Number(port) && known.Type === type)
      ? []
      : [{ PrivatePort: Number(port), Type: type }]
  })
  return [...published, ...exposed]
}

/** The image as it was named, or its id when the name has gone to another one. */
const imageName = (context: Context, container: Container): string => {
  const { image, imageName: name } = container.record
  return context.images.find(name)?.id === image ? name : image
}

const summary = async (
  context: Context,
  container: Container,
  size: boolean,
  now: number,
): Promise<ContainerSummary> => {
  const { record, life, id } = container
  const [program = '', ...args] = commandOf(record.config)
  return {
    Id: id,
    Names: [`/${container.name}`],
    Image: imageName(context, container),
    ImageID: record.image,
    Command: [program, ...args.map(quoteWord)].join(' '),
    Created: Math.floor(Date.parse(record.created) / 1000),
    Ports: portSummaries(container),
    ...(size ? await sizesOf(context, container) : {}),
    Labels: record.config.Labels ?? {},
    State: life.status,
    Status: statusText(life, now),
    HostConfig: {
      NetworkMode: record.hostConfig.NetworkMode ?? 'bridge',
      ...(record.hostConfig.Annotations ? { Annotations: record.hostConfig.Annotations } : {}),
    },
    NetworkSettings: { Networks: endpointSettings(context, container) },
    Mounts: record.mounts,
  }
}
