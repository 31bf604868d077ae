import type { BuildEvent } from '../../api/build.ts'
import { type BuildOptions, type BuildResult, PLAIN_BUILD } from '../../api/build-options.ts'
import type { Filters } from '../../api/filters.ts'
import type { JsonMessage } from '../../api/image.ts'
import type { BuildRequest } from '../../builder/build-client.ts'
import { ClassicClient } from '../../builder/classic-client.ts'
import { ClassicOutput } from '../../builder/classic-output.ts'
import type { Credentials } from '../../builder/solver/engine-parts.ts'
import { StepFailed } from '../../builder/solver/step-failed.ts'
import { invalidArgument, notImplemented } from '../../errdefs.ts'
import type { Reference } from '../../oci/reference.ts'
import { buildLimits } from '../build-limits.ts'
import type { Query } from '../query.ts'
import { credentialsByRegistry, credentialsOfRegistry } from '../registry-auth.ts'
import type { RequestContext } from '../request-context.ts'
import type { Route } from '../router.ts'

/** `POST /build/prune` */
export type BuildPruneResponse = { readonly CachesDeleted: readonly string[] | null; readonly SpaceReclaimed: number }

/** What the routes ask of the builder. */
export type BuildBackend = {
  build(request: BuildRequest, onEvent: (event: BuildEvent) => void, signal: AbortSignal): Promise<BuildResult>
  prune(options: { readonly all: boolean; readonly filters: Filters }): Promise<BuildPruneResponse>
}

export const buildRoutes = (builder: BuildBackend): readonly Route[] => [
  { method: 'POST', path: '/build', handler: context => build(context, builder) },
  { method: 'POST', path: '/build/prune', handler: context => prune(context, builder) },
]

const prune = async (context: RequestContext, builder: BuildBackend): Promise<void> => {
  const { query } = context
  context.json(await builder.prune({ all: query.boolean('all'), filters: query.filters() }))
}

/** Who the client of a build is in a registry. */
export const buildCredentials = (context: RequestContext): BuildRequest['credentials'] => {
  const configs = credentialsByRegistry(context.header('x-registry-config'))
  return (reference: Reference): Credentials | undefined => credentialsOfRegistry(configs, reference.domain)
}

const build = async (context: RequestContext, builder: BuildBackend): Promise<void> => {
  const { query, signal } = context
  const credentials = buildCredentials(context)
  const client = new ClassicClient(context.body)
  const request: BuildRequest = { client, credentials, ...readOptions(query) }
  const stream = context.jsonStream()
  let written = false
  const write = (message: JsonMessage): void => {
    written = true
    stream.write(message)
  }
  const quiet = query.boolean('q')
  const held = new QuietBuffer()
  const output = new ClassicOutput(quiet ? message => held.add(message) : write, { removes: query.boolean('rm', true) })
  const asEvents = query.get('progress') === 'events'
  const onEvent = asEvents
    ? (event: BuildEvent) => write({ id: 'tare.build', aux: event })
    : (event: BuildEvent) => output.handle(event)
  try {
    const { imageId } = await builder.build(request, onEvent, signal)
    if (quiet && !asEvents) write({ stream: `${imageId}\n` })
  } catch (error) {
    // A quiet build that fails tells what it did after all, as Docker does.
    for (const message of held.take()) write(message)
    // What is wrong before the first step is the request's own failure, with a status.
    if (!written) throw error
    stream.fail(error, error instanceof StepFailed ? error.exitCode : undefined)
  }
  stream.end()
}

const readOptions = (query: Query): BuildOptions => {
  if (query.get('version') === '2')
    throw notImplemented("Tare builds with the classic builder's protocol: set DOCKER_BUILDKIT=0")
  const remote = query.get('remote')
  if (query.boolean('squash')) throw invalidArgument('squash is only supported with experimental mode')
  const platform = query.get('platform')
  return {
    ...PLAIN_BUILD,
    ...(remote === '' || remote === 'client-session' ? {} : { context: { type: 'url', url: remote } }),
    dockerfile: { path: query.get('dockerfile') },
    tags: query.all('t').filter(tag => tag !== ''),
    target: query.get('target'),
    buildArgs: strings(query.json<unknown>('buildargs'), 'build args'),
    labels: strings(query.json<unknown>('labels'), 'labels'),
    noCache: query.boolean('nocache'),
    pull: pullMode(query.get('pull')),
    ...buildLimits(query),
    network: networkMode(query.get('networkmode')),
    platforms: platform === '' ? [] : [platform],
  }
}

/** A JSON object of strings; a null means that the client would have sent its own variable and has none. */
const strings = (value: unknown, what: string): Record<string, string> => {
  if (value === undefined || value === null) return {}
  if (typeof value !== 'object' || Array.isArray(value))
    throw invalidArgument(`error reading ${what}: it must be an object of strings`)
  const found: Record<string, string> = {}
  for (const [name, text] of Object.entries(value)) {
    if (text === null) continue
    if (typeof text !== 'string') throw invalidArgument(`error reading ${what}: ${name} must be a string`)
    found[name] = text
  }
  return found
}

/** The CLI's `--pull` is `1`; other clients send words. */
const pullMode = (text: string): boolean => !['', '0', 'false', 'False', 'missing', 'never'].includes(text)

const networkMode = (mode: string): BuildRequest['network'] => {
  if (mode === '' || mode === 'default' || mode === 'bridge') return 'default'
  if (mode === 'none' || mode === 'host') return mode
  throw invalidArgument(`network mode "${mode}" not supported by builder`)
}

/** The last messages of a quiet build, for the case that it fails. */
class QuietBuffer {
  static readonly #LIMIT = 2000
  #messages: JsonMessage[] = []

  add(message: JsonMessage): void {
    if (message.aux !== undefined) return
    this.#messages.push(message)
    if (this.#messages.length > 2 * QuietBuffer.#LIMIT) this.#messages = this.#messages.slice(-QuietBuffer.#LIMIT)
  }

  take(): JsonMessage[] {
    const taken = this.#messages.slice(-QuietBuffer.#LIMIT)
    this.#messages = []
    return taken
  }
}
