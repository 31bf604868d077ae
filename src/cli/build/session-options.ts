import type { AttestationOption, BuildOptions, ContextSource } from '../../api/build-options.ts'
import { parseUlimit } from '../create/checks.ts'
import { fileFault, toMap } from '../create/environment.ts'
import { Failure } from '../failure.ts'
import { parseBool } from '../flags/flag-type.ts'
import type { Flags } from '../flags/flags.ts'
import { checkPlatform } from '../platform-flag.ts'
import { parseCacheFrom, parseCacheTo } from './cache-flags.ts'
import { csvPairs } from './csv-fields.ts'
import { type LocalContext, namedDirectory } from './local-context.ts'
import type { BuildContext } from './open-context.ts'
import { type Agent, type Destination, parseAgent, parseOutput, parseSecret, type Secret } from './provisions.ts'

/** What is asked of the daemon, and what it may ask of us. */
export type SessionRequest = {
  readonly options: BuildOptions
  readonly contexts: ReadonlyMap<string, LocalContext>
  readonly secrets: ReadonlyMap<string, Secret>
  readonly agents: ReadonlyMap<string, Agent>
  /** By the number of the exporter; those of caches come behind. */
  readonly destinations: readonly Destination[]
}

/** What buildx finds while it reads its flags, and so without its usual beginning. */
const EARLY = /^(?:invalid value|type required|unsupported|unexpected key|invalid field|parse error|attestation type)/

const failing = <Value>(parse: () => Value): Value => {
  try {
    return parse()
  } catch (error) {
    if (error instanceof Failure) throw error
    const { message } = error as Error
    throw new Failure(1, `ERROR: ${EARLY.test(message) ? '' : 'failed to build: '}${message}`, { cause: error })
  }
}

/** Reads a build's flags. `proxies`: build arguments of the user's configuration. Throws Failure in buildx's words. */
export const sessionRequest = async (
  flags: Flags,
  context: BuildContext,
  proxies: Readonly<Record<string, string>>,
  stdoutIsTerminal: boolean,
): Promise<SessionRequest> => {
  const secrets = failing(() => flags.list('secret').map(parseSecret))
  const agents = failing(() => flags.list('ssh').map(parseAgent))
  const outputs = failing(() => outputsOf(flags, stdoutIsTerminal))
  const named = await namedContexts(flags.list('build-context'))
  const contexts = new Map(named.flatMap(({ name, local }) => (local === undefined ? [] : [[name, local] as const])))
  if (context.local !== undefined) contexts.set('', context.local)
  const cacheFrom = failing(() => flags.list('cache-from').flatMap(parseCacheFrom))
  const cacheTo = failing(() => flags.list('cache-to').flatMap(parseCacheTo))
  for (const [at, { root }] of cacheFrom.entries())
    if (root !== undefined) contexts.set(`cache-from ${at}`, { kind: 'directory', root, rules: undefined })
  const { dockerfile } = context
  const options: BuildOptions = {
    dockerfile: { path: dockerfile.path, text: dockerfile.text },
    context: mainSource(context),
    namedContexts: Object.fromEntries(named.map(({ name, source }) => [name, source])),
    tags: flags.list('tag'),
    target: flags.string('target'),
    buildArgs: { ...proxies, ...epoch(), ...givenArgs(flags.list('build-arg')) },
    labels: toMap(flags.list('label')),
    annotations: flags.list('annotation'),
    noCache: flags.bool('no-cache'),
    noCacheFilter: flags.list('no-cache-filter').filter(stage => stage !== ''),
    pull: flags.bool('pull'),
    platforms: platformsOf(flags),
    network: networkOf(flags.string('network')),
    extraHosts: flags.list('add-host').map(host => host.replace(/^([^:=]+)=/, '$1:')),
    shmSize: flags.bytes('shm-size'),
    ulimits: flags.list('ulimit').map(parseUlimit),
    cgroupParent: flags.string('cgroup-parent'),
    resources: {
      memory: flags.bytes('memory'),
      memorySwap: flags.bytes('memory-swap'),
      cpuShares: flags.number('cpu-shares'),
      cpuPeriod: flags.number('cpu-period'),
      cpuQuota: flags.number('cpu-quota'),
      cpusetCpus: flags.string('cpuset-cpus'),
      cpusetMems: flags.string('cpuset-mems'),
    },
    squash: flags.bool('squash'),
    secrets: secrets.map(({ id }) => id),
    sshAgents: agents.map(({ id }) => id),
    allow: flags.list('allow'),
    exports: outputs.map(({ option }) => option),
    cacheFrom: cacheFrom.map(({ option }) => option),
    cacheTo: cacheTo.map(({ option }) => option),
    attestations: failing(() => attestationsOf(flags)),
    check: flags.bool('check') || ['check', 'lint'].includes(flags.string('call')),
    shellOnError: flags.bool('debug') || flags.string('on-error') === 'shell',
  }
  if (options.exports.some(({ type }) => type === 'registry') && options.tags.length === 0)
    throw new Failure(1, 'ERROR: failed to build: tag is needed when pushing to registry')
  return {
    options,
    contexts,
    secrets: new Map(secrets.map(secret => [secret.id, secret])),
    agents: new Map(agents.map(agent => [agent.id, agent])),
    // Caches come behind the exporters.
    destinations: [...outputs, ...cacheTo].map(({ destination }) => destination),
  }
}

const mainSource = ({ local, remote }: BuildContext): ContextSource => {
  if (remote !== undefined) return { type: 'url', url: remote }
  return local === undefined ? { type: 'none' } : { type: 'client' }
}

/** An argument without a value takes our own variable's, and is left out where there is none. */
const givenArgs = (args: readonly string[]): Record<string, string> => toMap(args.filter(arg => arg.includes('=')))

/** https://reproducible-builds.org/specs/source-date-epoch/ */
const epoch = (): Record<string, string> => {
  const { SOURCE_DATE_EPOCH } = process.env
  return SOURCE_DATE_EPOCH ? { SOURCE_DATE_EPOCH } : {}
}

const platformsOf = (flags: Flags): string[] => {
  const given = flags.changed('platform') ? flags.list('platform') : [process.env.DOCKER_DEFAULT_PLATFORM ?? '']
  const platforms = given.map(platform => platform.trim()).filter(platform => platform !== '')
  for (const platform of platforms) checkPlatform(platform, 'ERROR: failed to build: ')
  return platforms
}

const networkOf = (mode: string): BuildOptions['network'] => {
  if (mode === '' || mode === 'default' || mode === 'bridge') return 'default'
  if (mode === 'none' || mode === 'host') return mode
  throw new Failure(1, `ERROR: failed to build: network mode ${JSON.stringify(mode)} not supported by the builder`)
}

type Named = { readonly name: string; readonly source: ContextSource; readonly local?: LocalContext }

const namedContexts = (given: readonly string[]): Promise<Named[]> =>
  Promise.all(
    given.map(async (text): Promise<Named> => {
      const [, name = '', value = ''] = /^([^=]+)=(.*)$/s.exec(text) ?? []
      if (value.startsWith('docker-image://'))
        return { name, source: { type: 'image', reference: value.slice('docker-image://'.length) } }
      if (/^(https?:\/\/|git(@|:\/\/)|ssh:\/\/|github\.com\/)/.test(value))
        return { name, source: { type: 'url', url: value } }
      try {
        return { name, source: { type: 'client' }, local: await namedDirectory(value) }
      } catch (error) {
        const cause = (error as Error).cause
        const why = cause === undefined ? (error as Error).message : fileFault('stat', value, cause)
        throw new Failure(1, `ERROR: failed to build: failed to get build context ${name}: ${why}`, { cause: error })
      }
    }),
  )

const outputsOf = (flags: Flags, stdoutIsTerminal: boolean): ReturnType<typeof parseOutput>[] => {
  const given = flags.list('output').map(text => parseOutput(text, stdoutIsTerminal))
  if (flags.bool('push')) given.push(parseOutput('type=registry', stdoutIsTerminal))
  if (flags.bool('load')) given.push(parseOutput('type=docker', stdoutIsTerminal))
  if (given.filter(({ destination }) => destination.kind === 'stdout').length > 1)
    throw new Error('multiple outputs configured to write to stdout')
  return given
}

const attestationsOf = (flags: Flags): AttestationOption[] => {
  const wanted = new Map<AttestationOption['type'], Record<string, string>>()
  const add = (type: string, fields: readonly [string, string][]): void => {
    if (type !== 'provenance' && type !== 'sbom')
      throw new Error(`unsupported attestation type ${JSON.stringify(type)}`)
    const { disabled, ...attributes } = Object.fromEntries(fields) as Record<string, string>
    if (disabled === 'true') wanted.delete(type)
    else wanted.set(type, attributes)
  }
  for (const text of flags.list('attest')) {
    if (!text.includes('=')) throw new Error(`invalid value ${text}`)
    const pairs = csvPairs(text)
    const type = pairs.find(([key]) => key === 'type')?.[1]
    if (type === undefined) throw new Error('attestation type not specified')
    add(
      type,
      pairs.filter(([key]) => key !== 'type'),
    )
  }
  for (const type of ['provenance', 'sbom'] as const) {
    if (!flags.changed(type)) continue
    const text = flags.string(type)
    if (text.includes('=')) add(type, csvPairs(text))
    else add(type, booleanOf(text) ? [] : [['disabled', 'true']])
  }
  return [...wanted].map(([type, attributes]) => ({ type, attributes }))
}

const booleanOf = (text: string): boolean => {
  try {
    return parseBool(text)
  } catch {
    throw new Error(`invalid value ${text}`)
  }
}
