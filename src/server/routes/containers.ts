import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type {
  ContainerConfig,
  ContainerCreateRequest,
  ContainerCreateResponse,
  ContainerInspect,
  ContainerPruneResponse,
  ContainerSummary,
  ContainerTop,
  ContainerWaitResponse,
  WaitCondition,
} from '../../api/container.ts'
import type { Filters } from '../../api/filters.ts'
import { codeOf, invalidArgument, notImplemented } from '../../errdefs.ts'
import { type AttachSession, copyOutput, hijack, type OutputChunk, serveSession, streamType } from '../hijack.ts'
import { CREATE_SHAPE, checkShape } from '../json-shape.ts'
import { skipUpgradedBody } from '../request-body.ts'
import type { RequestContext } from '../request-context.ts'
import type { Route } from '../router.ts'
import { parseTimestamp } from '../timestamp.ts'

export type LogsRequest = {
  readonly follow: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  /** Nanoseconds since the epoch. */
  readonly since: bigint | undefined
  readonly until: bigint | undefined
  readonly timestamps: boolean
  /** Lines from the end; undefined: all. */
  readonly tail: number | undefined
}
export type AttachRequest = {
  readonly stream: boolean
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly logs: boolean
  readonly detachKeys: string | undefined
}
export type CommitRequest = {
  readonly repo: string
  readonly tag: string
  readonly author: string
  readonly comment: string
  readonly changes: readonly string[]
  readonly config: ContainerConfig | undefined
  readonly pause: boolean
}

/** What the routes ask of containers. `ref` is a name, an id or the beginning of one; unknown ones throw NotFound. */
export type ContainersBackend = {
  create(name: string | undefined, body: ContainerCreateRequest, platform?: string): Promise<ContainerCreateResponse>
  start(ref: string): Promise<void>
  /** `timeout` in seconds, -1 for ever. */
  stop(ref: string, options: { signal?: string; timeout?: number }): Promise<void>
  restart(ref: string, options: { signal?: string; timeout?: number }): Promise<void>
  kill(ref: string, signal: string): Promise<void>
  pause(ref: string): Promise<void>
  unpause(ref: string): Promise<void>
  rename(ref: string, name: string): Promise<void> | void
  /** Throws NotFound at once, not by rejection. */
  wait(ref: string, condition: WaitCondition, signal: AbortSignal): Promise<ContainerWaitResponse>
  remove(ref: string, options: { force: boolean; removeVolumes: boolean; link: boolean }): Promise<void>
  prune(filters: Filters): Promise<ContainerPruneResponse>
  list(options: {
    all: boolean
    limit?: number
    size: boolean
    filters: Filters
  }): Promise<readonly ContainerSummary[]> | readonly ContainerSummary[]
  inspect(ref: string, options: { size: boolean }): Promise<ContainerInspect> | ContainerInspect
  top(ref: string, psArgs: string): Promise<ContainerTop>
  logs(ref: string, request: LogsRequest, signal: AbortSignal): Promise<Logs> | Logs
  attach(ref: string, request: AttachRequest): AttachSession | Promise<AttachSession>
  resize(ref: string, height: number, width: number): Promise<void>
  commit(ref: string, request: CommitRequest, signal: AbortSignal): Promise<{ readonly Id: string }>
  /** A tar, to be read to its end or destroyed. */
  export(ref: string): Promise<Readable>
}
export type Logs = { readonly tty: boolean; readonly frames: AsyncIterable<OutputChunk> }

export const containerRoutes = (containers: ContainersBackend): readonly Route[] => [
  { method: 'GET', path: '/containers/json', handler: context => list(context, containers) },
  { method: 'POST', path: '/containers/create', handler: context => create(context, containers) },
  { method: 'POST', path: '/containers/prune', handler: context => prune(context, containers) },
  { method: 'GET', path: '/containers/{id}/json', handler: context => inspect(context, containers) },
  { method: 'GET', path: '/containers/{id}/top', handler: context => top(context, containers) },
  { method: 'GET', path: '/containers/{id}/logs', handler: context => logs(context, containers) },
  { method: 'POST', path: '/containers/{id}/attach', hijacks: true, handler: context => attach(context, containers) },
  { method: 'POST', path: '/containers/{id}/start', handler: context => start(context, containers) },
  { method: 'POST', path: '/containers/{id}/stop', handler: context => stop(context, containers) },
  { method: 'POST', path: '/containers/{id}/restart', handler: context => restart(context, containers) },
  { method: 'POST', path: '/containers/{id}/kill', handler: context => kill(context, containers) },
  { method: 'POST', path: '/containers/{id}/pause', handler: context => pause(context, containers) },
  { method: 'POST', path: '/containers/{id}/unpause', handler: context => unpause(context, containers) },
  { method: 'POST', path: '/containers/{id}/rename', handler: context => rename(context, containers) },
  { method: 'POST', path: '/containers/{id}/resize', handler: context => resize(context, containers) },
  { method: 'POST', path: '/containers/{id}/wait', handler: context => wait(context, containers) },
  { method: 'GET', path: '/containers/{id}/export', handler: context => exportFiles(context, containers) },
  { method: 'POST', path: '/commit', handler: context => commit(context, containers) },
  { method: 'DELETE', path: '/containers/{id}', handler: context => remove(context, containers) },
  ...missing(containers, [
    ['GET', '/containers/{id}/stats', 'reading the statistics of a container'],
    ['GET', '/containers/{id}/changes', 'listing the changes of a container'],
    ['HEAD', '/containers/{id}/archive', 'copying files out of a container'],
    ['GET', '/containers/{id}/archive', 'copying files out of a container'],
    ['PUT', '/containers/{id}/archive', 'copying files into a container'],
    ['POST', '/containers/{id}/update', 'updating a container'],
    ['GET', '/containers/{id}/attach/ws', 'attaching over a WebSocket'],
  ]),
]

/** What Docker has and the engine does not: an unknown container is still told first. */
const missing = (
  containers: ContainersBackend,
  rows: readonly (readonly [Route['method'], string, string])[],
): Route[] =>
  rows.map(([method, path, what]) => ({
    method,
    path,
    handler: async context => {
      await containers.inspect(context.param('id'), { size: false })
      throw notImplemented(`${what} is not supported by Tare yet`)
    },
  }))

const list = async (context: RequestContext, containers: ContainersBackend): Promise<void> => {
  const { query } = context
  const asked = query.integer('limit') ?? 0
  const limit = asked > 0 ? asked : undefined
  context.json(
    await containers.list({
      // A limit counts the newest containers whatever their state, as in dockerd.
      all: query.boolean('all') || limit !== undefined,
      limit,
      size: query.boolean('size'),
      filters: query.filters(),
    }),
  )
}

const create = async (context: RequestContext, containers: ContainersBackend): Promise<void> => {
  const body = await context.readJson<ContainerCreateRequest | null>()
  if (body === null || body === undefined)
    throw invalidArgument('config cannot be empty in order to create a container')
  checkShape(body, CREATE_SHAPE, 'container.CreateRequest')
  const created = await containers.create(
    context.query.get('name') || undefined,
    withLists(body),
    context.query.get('platform') || undefined,
  )
  context.json(created, 201)
}

const commit = async (context: RequestContext, containers: ContainersBackend): Promise<void> => {
  const { query } = context
  const config = await context.readJson<ContainerConfig | null>({ optional: true })
  checkShape(config, CREATE_SHAPE, 'container.Config')
  const request = {
    repo: query.get('repo'),
    tag: query.get('tag'),
    author: query.get('author'),
    comment: query.get('comment'),
    changes: query.all('changes'),
    config: config ? withLists(config) : undefined,
    pause: query.get('pause') === '' || query.boolean('pause'),
  }
  context.json(await containers.commit(query.get('container'), request, context.signal), 201)
}

const exportFiles = async (context: RequestContext, containers: ContainersBackend): Promise<void> => {
  const tar = await containers.export(context.param('id'))
  context.response.writeHead(200, { 'Content-Type': 'application/octet-stream' })
  try {
    await pipeline(tar, context.response)
  } catch (error) {
    // A client that stops reading is no failure.
    if (codeOf(error) !== 'ERR_STREAM_PREMATURE_CLOSE' || !context.signal.aborted) throw error
  }
}

/** Commands and capabilities may come as one word instead of a list of one. */
const withLists = (body: ContainerCreateRequest): ContainerCreateRequest => {
  const asList = (value: readonly string[] | string | null | undefined) => (typeof value === 'string' ? [value] : value)
  const { Cmd, Entrypoint, Shell, HostConfig } = body
  return {
    ...body,
    Cmd: asList(Cmd),
    Entrypoint: asList(Entrypoint),
    Shell: asList(Shell),
    HostConfig: HostConfig && { ...HostConfig, CapAdd: asList(HostConfig.CapAdd), CapDrop: asList(HostConfig.CapDrop) },
  }
}

const start = async (context: RequestContext, containers: ContainersBackend): Promise<void> => {
  // A configuration could be sent here before API 1.24; what is sent now is not read, as in dockerd.
  await containers.start(context.param('id'))
  context.empty(204)
}

const stopOptions = (context: RequestContext) => ({
  signal: context.query.get('signal') || undefined,
  timeout: context.query.integer('t'),
})

const stop = async (context: RequestContext, containers: ContainersBackend): Promise<void> => {
  await containers.stop(context.param('id'), stopOptions(context))
  context.empty(204)
}

const restart = async (context: RequestContext, containers: ContainersBackend): Promise<void> => {
  await containers.restart(context.param('id'), stopOptions(context))
  context.empty(204)
}

const kill = async (context: RequestContext, containers: ContainersBackend): Promise<void> => {
  await containers.kill(context.param('id'), context.query.get('signal') || 'SIGKILL')
  context.empty(204)
}

const pause = async (context: RequestContext, containers: ContainersBackend): Promise<void> => {
  await containers.pause(context.param('id'))
  context.empty(204)
}

const unpause = async (context: RequestContext, containers: ContainersBackend): Promise<void> => {
  await containers.unpause(context.param('id'))
  context.empty(204)
}

const rename = async (context: RequestContext, containers: ContainersBackend): Promise<void> => {
  const name = context.query.get('name')
  if (name === '' || name === '/') throw invalidArgument('Neither old nor new names may be empty')
  await containers.rename(context.param('id'), name)
  context.empty(204)
}

const resize = async (context: RequestContext, containers: ContainersBackend): Promise<void> => {
  const { height, width } = windowSize(context)
  await containers.resize(context.param('id'), height, width)
  context.empty(200)
}

/** `h` and `w`, as resizing a container or an exec takes them. Throws InvalidArgument. */
export const windowSize = (context: RequestContext): { height: number; width: number } => {
  const read = (name: string, what: string): number => {
    const text = context.query.get(name)
    if (!/^[0-9]+$/.test(text)) throw invalidArgument(`invalid resize ${what} ${JSON.stringify(text)}: invalid syntax`)
    if (Number(text) > 0xffffffff)
      throw invalidArgument(`invalid resize ${what} ${JSON.stringify(text)}: value out of range`)
    return Number(text)
  }
  return { height: read('h', 'height'), width: read('w', 'width') }
}

const WAIT_CONDITIONS = new Set<string>(['not-running', 'next-exit', 'removed'])

const wait = async (context: RequestContext, containers: ContainersBackend): Promise<void> => {
  const condition = context.query.get('condition') || 'not-running'
  if (!WAIT_CONDITIONS.has(condition)) throw invalidArgument(`invalid condition: ${JSON.stringify(condition)}`)
  const { response } = context
  const waiting = containers.wait(context.param('id'), condition as WaitCondition, context.signal)
  // The headers leave at once: clients start the container when they see them.
  response.writeHead(200, { 'Content-Type': 'application/json' })
  response.flushHeaders()
  response.end(`${JSON.stringify(await waiting)}\n`)
}

const remove = async (context: RequestContext, containers: ContainersBackend): Promise<void> => {
  const { query } = context
  await containers.remove(context.param('id'), {
    force: query.boolean('force'),
    removeVolumes: query.boolean('v'),
    link: query.boolean('link'),
  })
  context.empty(204)
}

const prune = async (context: RequestContext, containers: ContainersBackend): Promise<void> => {
  context.json(await containers.prune(context.query.filters()))
}

const inspect = async (context: RequestContext, containers: ContainersBackend): Promise<void> => {
  context.json(await containers.inspect(context.param('id'), { size: context.query.boolean('size') }))
}

const top = async (context: RequestContext, containers: ContainersBackend): Promise<void> => {
  context.json(await containers.top(context.param('id'), context.query.get('ps_args') || '-ef'))
}

const logs = async (context: RequestContext, containers: ContainersBackend): Promise<void> => {
  const { query, response } = context
  const [stdout, stderr] = [query.boolean('stdout'), query.boolean('stderr')]
  if (!stdout && !stderr) throw invalidArgument('Bad parameters: you must choose at least one stream')
  const tail = query.get('tail')
  const found = await containers.logs(
    context.param('id'),
    {
      follow: query.boolean('follow'),
      stdout,
      stderr,
      since: parseTimestamp(query.get('since')),
      until: parseTimestamp(query.get('until')),
      timestamps: query.boolean('timestamps'),
      // Everything but a count is all of it, as in dockerd.
      tail: /^[0-9]+$/.test(tail) ? Number(tail) : undefined,
    },
    context.signal,
  )
  response.writeHead(200, { 'Content-Type': streamType(context, found.tty) })
  if (query.boolean('follow')) response.flushHeaders()
  await copyOutput(found.frames, response, found.tty)
  response.end()
}

const attach = async (context: RequestContext, containers: ContainersBackend): Promise<void> => {
  const { query } = context
  const stdin = query.boolean('stdin')
  const session = await containers.attach(context.param('id'), {
    stream: query.boolean('stream'),
    stdin,
    stdout: query.boolean('stdout'),
    stderr: query.boolean('stderr'),
    logs: query.boolean('logs'),
    detachKeys: query.get('detachKeys') || undefined,
  })
  try {
    if (context.upgrade) await skipUpgradedBody(context.request)
  } catch (error) {
    session.detach()
    throw error
  }
  await serveSession(hijack(context, session.tty), session, stdin)
}
