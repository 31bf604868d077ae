import type { ContainerCreateRequest } from '../../api/container.ts'
import type { HealthConfig } from '../../oci/image-config.ts'
import type { Flags } from '../flags/flags.ts'
import { readKeyValueFile, toMap } from './environment.ts'
import { hostConfig } from './host-config.ts'
import { parseVolume } from './mount.ts'
import { parseNetworking } from './networking.ts'
import { parseExpose, parsePublication } from './ports.ts'

/** What the flags and arguments of `run` and `create` ask the daemon for. Throws Errors in Docker's words. */
export const createRequest = (
  flags: Flags,
  image: string,
  command: readonly string[],
  proxy: Readonly<Record<string, string>>,
): ContainerCreateRequest => {
  const attach = flags.list('attach')
  const interactive = flags.bool('interactive')
  const attachStdin = attach.includes('stdin') || (attach.length === 0 && interactive && !detached(flags))
  const volumes = flags.list('volume').map(parseVolume)
  const publications = flags.list('publish').flatMap(parsePublication)
  const exposed = [...publications.map(({ port }) => port), ...flags.list('expose').flatMap(parseExpose)]
  const { mode, endpoints } = parseNetworking(flags)
  const env = [
    ...Object.entries(proxy).map(([name, value]) => `${name}=${value}`),
    ...flags.list('env-file').flatMap(path => readKeyValueFile(path, name => process.env[name])),
    ...flags.list('env'),
  ]
  const labels = toMap([
    ...flags.list('label-file').flatMap(path => readKeyValueFile(path, () => '')),
    ...flags.list('label'),
  ])
  const entrypoint = flags.changed('entrypoint') ? [flags.string('entrypoint')] : undefined
  return {
    Hostname: flags.string('hostname'),
    Domainname: flags.string('domainname'),
    User: flags.string('user'),
    AttachStdin: attachStdin,
    AttachStdout: attach.length === 0 ? !detached(flags) : attach.includes('stdout'),
    AttachStderr: attach.length === 0 ? !detached(flags) : attach.includes('stderr'),
    ...(exposed.length > 0 ? { ExposedPorts: Object.fromEntries(exposed.map(port => [port, {}])) } : {}),
    Tty: flags.bool('tty'),
    OpenStdin: interactive,
    StdinOnce: interactive && attachStdin,
    Env: env.length > 0 ? dedupe(env) : null,
    ...(command.length > 0 ? { Cmd: command } : {}),
    Image: image,
    Volumes: Object.fromEntries(volumes.flatMap(volume => ('target' in volume ? [[volume.target, {}]] : []))),
    WorkingDir: flags.string('workdir'),
    ...(entrypoint ? { Entrypoint: entrypoint } : {}),
    Labels: labels,
    ...(flags.changed('stop-signal') ? { StopSignal: flags.string('stop-signal') } : {}),
    ...(flags.changed('stop-timeout') ? { StopTimeout: flags.number('stop-timeout') } : {}),
    ...healthcheck(flags),
    HostConfig: hostConfig(flags, {
      binds: volumes.flatMap(volume => ('bind' in volume ? [volume.bind] : [])),
      publications,
      networkMode: mode,
    }),
    NetworkingConfig: { EndpointsConfig: endpoints },
  }
}

const detached = (flags: Flags): boolean => flags.bool('detach')

/** The last value of each variable, at the place of the first. */
const dedupe = (env: readonly string[]): string[] => [
  ...new Map(env.map(entry => [entry.split('=')[0], entry])).values(),
]

const healthcheck = (flags: Flags): { Healthcheck?: HealthConfig } => {
  const names = [
    'health-cmd',
    'health-interval',
    'health-timeout',
    'health-retries',
    'health-start-period',
    'health-start-interval',
  ]
  const given = names.filter(name => flags.changed(name))
  if (flags.bool('no-healthcheck')) {
    if (given.length > 0) throw new Error('--no-healthcheck conflicts with --health-* options')
    return { Healthcheck: { Test: ['NONE'] } }
  }
  if (given.length === 0) return {}
  for (const name of names.slice(1)) {
    const value = name === 'health-retries' ? flags.number(name) : flags.duration(name)
    if (value < 0) throw new Error(`--${name} cannot be negative`)
  }
  const command = flags.string('health-cmd')
  return {
    Healthcheck: {
      ...(command === '' ? {} : { Test: ['CMD-SHELL', command] }),
      Interval: flags.duration('health-interval'),
      Timeout: flags.duration('health-timeout'),
      StartPeriod: flags.duration('health-start-period'),
      StartInterval: flags.duration('health-start-interval'),
      Retries: flags.number('health-retries'),
    },
  }
}
