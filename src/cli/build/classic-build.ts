import type { BuildEvent } from '../../api/build.ts'
import type { BuildOptions } from '../../api/build-options.ts'
import type { JsonMessage } from '../../api/image.ts'
import type { Context } from '../command.ts'
import { Failure } from '../failure.ts'
import type { Flags } from '../flags/flags.ts'
import { humanSize } from '../format/units.ts'
import type { BuildProgress } from './build-progress.ts'
import type { Display } from './display.ts'
import { type BuildContext, packClassic } from './open-context.ts'

/** `classic`: the daemon told its story in text, as dockerd does without BuildKit. */
export type ClassicEnd = {
  readonly classic: boolean
  readonly imageId?: string
  readonly error?: string
  readonly code?: number
}

/** Builds by `POST /build`, for daemons that know no sessions. Throws Failure for what that cannot carry. */
export const classicBuild = async (
  context: Context,
  flags: Flags,
  source: BuildContext,
  options: BuildOptions,
  headers: Readonly<Record<string, string>>,
  { progress, display }: { readonly progress: BuildProgress; readonly display: Display },
): Promise<ClassicEnd> => {
  refuse(options)
  const sending = progress.own(
    source.remote === undefined ? '[internal] load build context' : '[internal] load remote build context',
  )
  display.show({ type: 'started', vertex: sending })
  const finish = (): void => {
    if (sending.milliseconds !== undefined) return
    progress.finish(sending)
    display.show({ type: 'completed', vertex: sending })
  }
  const { body, dockerfile } = await packClassic(source)
  const response = await context.client.request('POST', '/build', {
    query: queryOf(flags, source, options, dockerfile),
    headers: { 'Content-Type': 'application/x-tar', ...headers },
    body:
      body &&
      counted(body, bytes => display.note(sending, `transferring context: ${humanSize(bytes, 3)} done`), finish),
  })
  finish()
  const write = flags.bool('quiet') ? undefined : (text: string) => context.stdout.write(text)
  return await follow(response.messages(), progress, display, write)
}

/** What only a session carries is refused by name, not left out in silence. */
const refuse = (options: BuildOptions): void => {
  const asked: readonly (readonly [boolean, string])[] = [
    [options.secrets.length > 0, '--secret'],
    [options.sshAgents.length > 0, '--ssh'],
    [Object.keys(options.namedContexts).length > 0, '--build-context'],
    [options.exports.length > 0, '--output'],
    [options.platforms.length > 1, 'more than one --platform'],
    [options.noCacheFilter.length > 0, '--no-cache-filter'],
    [options.cacheTo.length > 0, '--cache-to'],
    [options.cacheFrom.some(({ type }) => type !== 'registry'), '--cache-from other than an image'],
    [options.attestations.length > 0, '--attest'],
    [options.annotations.length > 0, '--annotation'],
    [options.allow.length > 0, '--allow'],
    [options.check, '--check'],
    [options.shellOnError, '--on-error'],
  ]
  const names = asked.flatMap(([given, name]) => (given ? [name] : []))
  if (names.length > 0)
    throw new Failure(
      1,
      `ERROR: failed to build: this daemon knows only the classic builder, which has no ${names.join(', ')}`,
    )
}

const follow = async (
  messages: AsyncIterable<JsonMessage>,
  progress: BuildProgress,
  display: Display,
  write: ((text: string) => void) | undefined,
): Promise<ClassicEnd> => {
  let classic = true
  let imageId: string | undefined
  for await (const message of messages) {
    if (message.error !== undefined || message.errorDetail !== undefined)
      return {
        classic,
        error: message.errorDetail?.message || (message.error as string),
        code: message.errorDetail?.code,
      }
    if (message.id === 'tare.build' && message.aux !== undefined) {
      classic = false
      for (const change of progress.apply(message.aux as BuildEvent)) display.show(change)
    } else if (message.aux !== undefined) imageId = (message.aux as { ID?: string }).ID ?? imageId
    else if (classic && message.stream !== undefined) write?.(message.stream)
    else if (classic && message.status !== undefined && message.progressDetail?.current === undefined)
      write?.(`${message.id ? `${message.id}: ` : ''}${message.status}\n`)
  }
  return { classic, imageId }
}

/** Passes a stream on and counts it; `done` when it has all been taken. */
async function* counted(
  body: AsyncIterable<Uint8Array>,
  report: (bytes: number) => void,
  done: () => void,
): AsyncGenerator<Uint8Array> {
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    yield chunk
  }
  report(bytes)
  done()
}

const queryOf = (flags: Flags, source: BuildContext, options: BuildOptions, dockerfile: string) => {
  const json = (value: object): string | undefined =>
    Object.keys(value).length > 0 ? JSON.stringify(value) : undefined
  const { resources } = options
  // An argument without a value and without a variable of ours is told nevertheless, as Docker's CLI does.
  const bare = flags.list('build-arg').filter(arg => !arg.includes('='))
  return {
    progress: 'events',
    t: options.tags,
    remote: source.remote,
    dockerfile: dockerfile || undefined,
    target: options.target || undefined,
    buildargs: json({ ...options.buildArgs, ...Object.fromEntries(bare.map(name => [name, null])) }),
    labels: json(options.labels),
    nocache: options.noCache || undefined,
    pull: options.pull || undefined,
    rm: flags.bool('rm'),
    forcerm: flags.bool('force-rm') || undefined,
    squash: options.squash || undefined,
    networkmode: options.network === 'default' ? undefined : options.network,
    platform: options.platforms[0],
    extrahosts: options.extraHosts.join(',') || undefined,
    cachefrom: json(options.cacheFrom.flatMap(({ attributes }) => attributes.ref ?? [])),
    cgroupparent: options.cgroupParent || undefined,
    cpuperiod: resources.cpuPeriod || undefined,
    cpuquota: resources.cpuQuota || undefined,
    cpushares: resources.cpuShares || undefined,
    cpusetcpus: resources.cpusetCpus || undefined,
    cpusetmems: resources.cpusetMems || undefined,
    memory: resources.memory || undefined,
    memswap: resources.memorySwap || undefined,
    shmsize: options.shmSize || undefined,
    ulimits: json(options.ulimits),
    securityopt: json(flags.list('security-opt')),
  }
}
