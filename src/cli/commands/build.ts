import { writeFileSync } from 'node:fs'
import type { BuildEvent } from '../../api/build.ts'
import type { JsonMessage } from '../../api/image.ts'
import { parseReference } from '../../oci/reference.ts'
import { BuildProgress, type Vertex } from '../build/build-progress.ts'
import { type Display, QUIET } from '../build/display.ts'
import { failureReport } from '../build/failure-report.ts'
import { type BuildContext, openContext } from '../build/open-context.ts'
import { PlainDisplay } from '../build/plain-display.ts'
import { type Command, type Context, exactly } from '../command.ts'
import { refuseContentTrust } from '../content-trust.ts'
import { parseUlimit } from '../create/checks.ts'
import { checkEnv, checkLabel, toMap } from '../create/environment.ts'
import { registryConfig } from '../credentials/registry-auth.ts'
import { Failure } from '../failure.ts'
import type { Flags } from '../flags/flags.ts'
import { humanSize } from '../format/units.ts'
import { wantedPlatform } from '../platform-flag.ts'

const checkTag = (value: string): string => {
  parseReference(value)
  return value
}

export const command: Command = {
  usage: '[OPTIONS] PATH | URL | -',
  flags: `
      --add-host list           Add a custom host-to-IP mapping ("host:ip")
      --build-arg list          Set build-time variables
      --cache-from strings      Images to consider as cache sources
      --cgroup-parent string    Set the parent cgroup for the "RUN" instructions during build
      --cpu-period int          Limit the CPU CFS (Completely Fair Scheduler) period
      --cpu-quota int           Limit the CPU CFS (Completely Fair Scheduler) quota
  -c, --cpu-shares int          CPU shares (relative weight)
      --cpuset-cpus string      CPUs in which to allow execution (0-3, 0,1)
      --cpuset-mems string      MEMs in which to allow execution (0-3, 0,1)
      --disable-content-trust   Skip image verification (default true)
  -f, --file string             Name of the Dockerfile (Default is "PATH/Dockerfile")
      --force-rm                Always remove intermediate containers
      --iidfile string          Write the image ID to the file
      --label list              Set metadata for an image
  -m, --memory bytes            Memory limit
      --memory-swap bytes       Swap limit equal to memory plus swap: -1 to enable unlimited swap
      --network string          Set the networking mode for the RUN instructions during build (default "default")
      --no-cache                Do not use cache when building the image
      --platform string         Set platform if server is multi-platform capable
      --progress string         Set type of progress output ("auto", "plain", "tty", "quiet") (default "auto")
      --pull                    Always attempt to pull a newer version of the image
  -q, --quiet                   Suppress the build output and print image ID on success
      --rm                      Remove intermediate containers after a successful build (default true)
      --security-opt strings    Security options
      --shm-size bytes          Size of "/dev/shm"
  -t, --tag list                Name and optionally a tag in the "name:tag" format
      --target string           Set the target build stage to build.
      --ulimit ulimit           Ulimit options (default [])
`,
  check: {
    tag: checkTag,
    'build-arg': checkEnv,
    label: checkLabel,
    ulimit: value => {
      parseUlimit(value)
      return value
    },
  },
  args: exactly(1),
  action: async (context, flags, [location = '']) => {
    refuseContentTrust(flags)
    const { client, stdout, stderr } = context
    const source = await openContext(location, flags.string('file'))
    const progress = new BuildProgress(() => performance.now())
    const display = await openDisplay(flags, progress, context)
    const sending = progress.own(
      source.remote === undefined ? '[internal] load build context' : `[internal] load remote build context`,
    )
    display.show({ type: 'started', vertex: sending })
    let outcome: Outcome
    try {
      const response = await client.request('POST', '/build', {
        query: queryOf(flags, source, context),
        headers: { 'Content-Type': 'application/x-tar', ...(await registryConfig(context)) },
        body:
          source.body &&
          counted(
            source.body,
            bytes => display.note(sending, `transferring context: ${humanSize(bytes, 3)} done`),
            () => finish(sending),
          ),
      })
      finish(sending)
      outcome = await follow(
        response.messages(),
        progress,
        display,
        flags.bool('quiet') ? undefined : text => stdout.write(text),
      )
    } catch (error) {
      display.close()
      throw error
    }
    function finish(vertex: Vertex): void {
      if (vertex.milliseconds !== undefined) return
      progress.finish(vertex)
      display.show({ type: 'completed', vertex })
    }
    if (outcome.error === undefined && progress.image) nameImage(progress, display)
    display.close()
    if (outcome.error !== undefined) {
      if (outcome.classic) throw new Failure(outcome.code || 1, outcome.error)
      throw new Failure(1, failureReport(progress, outcome.error, { name: source.shownName, source: source.source }))
    }
    showWarnings(progress, flags, text => stderr.write(text))
    const id = progress.image?.id ?? outcome.imageId ?? ''
    if (flags.string('iidfile') !== '') writeFileSync(flags.string('iidfile'), id)
    if (flags.bool('quiet')) stdout.line(id)
    return 0
  },
}

/** `classic`: the daemon told its story in text, as dockerd does without BuildKit. */
type Outcome = { readonly classic: boolean; readonly imageId?: string; readonly error?: string; readonly code?: number }

const openDisplay = async (flags: Flags, progress: BuildProgress, { stderr }: Context): Promise<Display> => {
  const mode = flags.string('progress')
  if (!['auto', 'plain', 'tty', 'quiet'].includes(mode))
    throw new Failure(1, `invalid progress mode ${mode}: must be "auto", "plain", "tty" or "quiet"`)
  if (flags.bool('quiet') || mode === 'quiet') return QUIET
  if (mode === 'tty' && !stderr.isTerminal)
    throw new Failure(1, 'failed to get console: provided file is not a console')
  if (mode === 'plain' || !stderr.isTerminal) return new PlainDisplay(progress, stderr)
  const { TerminalDisplay } = await import('../build/terminal-display.ts')
  return new TerminalDisplay(progress, stderr)
}

const follow = async (
  messages: AsyncIterable<JsonMessage>,
  progress: BuildProgress,
  display: Display,
  write: ((text: string) => void) | undefined,
): Promise<Outcome> => {
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

const nameImage = (progress: BuildProgress, display: Display): void => {
  const { id, tags } = progress.image as { id: string; tags: readonly string[] }
  const vertex = progress.own('exporting to image')
  display.show({ type: 'started', vertex })
  display.note(vertex, `writing image ${id} done`)
  for (const tag of tags) display.note(vertex, `naming to ${tag} done`)
  progress.finish(vertex)
  display.show({ type: 'completed', vertex })
}

const showWarnings = ({ warnings }: BuildProgress, flags: Flags, write: (text: string) => void): void => {
  if (warnings.length === 0 || flags.bool('quiet')) return
  const lines = warnings.map(({ message, line }) => ` - ${message}${line === undefined ? '' : ` (line ${line})`}\n`)
  write(`\n ${warnings.length} warning${warnings.length === 1 ? '' : 's'} found:\n${lines.join('')}`)
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

const queryOf = (flags: Flags, source: BuildContext, { client, config }: Context) => {
  const proxy = config.proxyEnvironment(client.endpoint.text)
  const given = Object.fromEntries(
    flags
      .list('build-arg')
      .map(arg => (arg.includes('=') ? (Object.entries(toMap([arg]))[0] as [string, string]) : [arg, null])),
  )
  const json = (value: object): string | undefined =>
    Object.keys(value).length > 0 ? JSON.stringify(value) : undefined
  const optional = (name: string): string | undefined => flags.string(name) || undefined
  const network = flags.string('network')
  return {
    progress: 'events',
    t: flags.list('tag'),
    remote: source.remote,
    dockerfile: source.dockerfile || undefined,
    target: optional('target'),
    buildargs: json({ ...proxy, ...given }),
    labels: json(toMap(flags.list('label'))),
    nocache: flags.bool('no-cache') || undefined,
    pull: flags.bool('pull') || undefined,
    rm: flags.bool('rm'),
    forcerm: flags.bool('force-rm') || undefined,
    networkmode: network === 'default' ? undefined : network,
    platform: wantedPlatform(flags),
    extrahosts: flags.list('add-host').join(',') || undefined,
    cachefrom: flags.list('cache-from').length > 0 ? JSON.stringify(flags.list('cache-from')) : undefined,
    cgroupparent: optional('cgroup-parent'),
    cpuperiod: flags.number('cpu-period') || undefined,
    cpuquota: flags.number('cpu-quota') || undefined,
    cpushares: flags.number('cpu-shares') || undefined,
    cpusetcpus: optional('cpuset-cpus'),
    cpusetmems: optional('cpuset-mems'),
    memory: flags.bytes('memory') || undefined,
    memswap: flags.bytes('memory-swap') || undefined,
    shmsize: flags.bytes('shm-size') || undefined,
    ulimits: flags.list('ulimit').length > 0 ? JSON.stringify(flags.list('ulimit').map(parseUlimit)) : undefined,
    securityopt: flags.list('security-opt').length > 0 ? JSON.stringify(flags.list('security-opt')) : undefined,
  }
}
