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

type Test = (context: Context, container: Container, value: string) => boolean

const STATUSES = ['created', 'restarting', 'running', 'removing', 'paused', 'exited', 'dead']

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

const reference = (context: Context, value: string): Container => {
  const found = context.store.find(value)
  if (!found) throw invalidArgument(`No such container: ${value}`)
  return found
}

export const labelMatches = (labels: Readonly<Record<string, string>>, value: string): boolean => {
  const at = value.indexOf('=')
  return at < 0 ? value in labels : labels[value.slice(0, at)] === value.slice(at + 1)
}

const TESTS: Readonly<Record<string, Test>> = {
  id: (_, container, value) => container.id.startsWith(value),
  name: (_, container, value) => matches(value, container.name, `/${container.name}`),
  label: (_, container, value) => labelMatches(container.record.config.Labels ?? {}, value),
  status: (_, container, value) => {
    if (!STATUSES.includes(value)) throw invalidArgument(`invalid filter 'status=${value}'`)
    return container.life.status === value
  },
  exited: (_, container, value) => {
    if (!/^-?\d+$/.test(value)) throw invalidArgument(`invalid filter 'exited=${value}'`)
    return container.life.status === 'exited' && container.life.exitCode === Number(value)
  },
  ancestor: (context, container, value) => {
    const image = context.images.find(value)
    if (!image) return false
    const own = context.images.find(container.record.image)
    return (
      image.id === container.record.image ||
      (image.layers.length < (own?.layers.length ?? 0) &&
        image.layers.every((layer, index) => layer.diffId === own?.layers[index]?.diffId))
    )
  },
  before: (context, container, value) => container.record.created < reference(context, value).record.created,
  since: (context, container, value) => container.record.created > reference(context, value).record.created,
  volume: (_, container, value) =>
    container.record.mounts.some(
      mount => mount.Name === value || mount.Destination === value || mount.Source === value,
    ),
  network: (context, container, value) => {
    const mode = container.record.hostConfig.NetworkMode ?? ''
    return mode === value || context.networks.find(mode)?.id === context.networks.find(value)?.id
  },
  publish: (_, container, value) =>
    portMatches(
      Object.values(container.record.hostConfig.PortBindings ?? {})
        .flatMap(hosts => hosts ?? [])
        .map(host => host.HostPort ?? ''),
      value,
    ),
  expose: (_, container, value) =>
    portMatches(
      Object.keys(container.record.config.ExposedPorts ?? {}).map(key => key.split('/')[0] ?? ''),
      value,
    ),
  health: (_, __, value) => value === 'none',
  'is-task': (_, __, value) => value === 'false' || value === '0',
  isolation: () => true,
}

const portMatches = (ports: readonly string[], value: string): boolean => {
  const [range = ''] = value.split('/')
  const [first, last = first] = range.split('-').map(Number)
  return ports.some(port => Number(port) >= (first ?? 0) && Number(port) <= (last ?? 0))
}

/** Which filters narrow by "all of the values", the others by "any". */
const ALL_VALUES = ['label']

/** The containers that a filter set lets through. Throws InvalidArgument for a filter that does not exist. */
export const filterContainers = (context: Context, containers: readonly Container[], filters: Filters): Container[] => {
  const tests = Object.entries(filters).map(([name, values]) => {
    const test = TESTS[name]
    if (!test) throw invalidArgument(`invalid filter '${name}'`)
    return (container: Container): boolean =>
      ALL_VALUES.includes(name)
        ? values.every(value => test(context, container, value))
        : values.length === 0 || values.some(value => test(context, container, value))
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
