import { type Command, NO_ARGUMENTS } from '../command.ts'
import { describe, Failure } from '../failure.ts'
import { OBJECT_FORMAT } from '../format/format-flags.ts'
import { parseJson } from '../format/parse-json.ts'
import { binarySize } from '../format/units.ts'
import { compile, TemplateExecutionError } from '../template/execute.ts'
import { TemplateSyntaxError } from '../template/lex.ts'
import { toJson } from '../template/value.ts'
import { VERSION } from '../version.ts'

type Info = {
  readonly [key: string]: unknown
  readonly DriverStatus?: readonly (readonly [string, string])[]
  readonly Plugins?: {
    readonly Volume?: readonly string[]
    readonly Network?: readonly string[]
    readonly Log?: readonly string[]
  }
  readonly Runtimes?: Readonly<Record<string, unknown>>
  readonly SecurityOptions?: readonly string[] | null
  readonly Labels?: readonly string[] | null
  readonly RegistryConfig?: {
    readonly InsecureRegistryCIDRs?: readonly string[] | null
    readonly IndexConfigs?: Readonly<
      Record<string, { Name: string; Secure: boolean; Mirrors?: readonly string[] | null }>
    >
  }
  readonly DefaultAddressPools?: readonly { readonly Base: string; readonly Size: number }[]
  readonly CDISpecDirs?: readonly string[] | null
  readonly Warnings?: readonly string[] | null
}

export const command: Command = {
  usage: '[OPTIONS]',
  flags: `
${OBJECT_FORMAT}
`,
  args: NO_ARGUMENTS,
  action: async ({ client, stdout, stderr }, flags) => {
    const format = flags.string('format')
    const clientInfo = { Debug: false, Version: VERSION, Context: 'default', Plugins: [], Warnings: null }
    if (format !== '') {
      const info = {
        ...(parseJson(await (await client.request('GET', '/info')).text()) as object),
        ClientInfo: clientInfo,
      }
      stdout.line(render(format, info))
      return 0
    }
    stdout.write(`Client:\n Version:    ${VERSION}\n Debug Mode: false\n\nServer:\n`)
    let info: Info
    try {
      info = await client.get<Info>('/info')
    } catch (error) {
      stderr.line(describe(error))
      throw new Failure(1, 'errors pretty printing info', { cause: error })
    }
    stdout.write(`${describeServer(info)}\n`)
    for (const warning of info.Warnings ?? []) stderr.line(warning)
    return 0
  },
}

const render = (format: string, info: object): string => {
  if (format === 'json') return toJson(info, true)
  try {
    return compile(format)(info)
  } catch (error) {
    if (error instanceof TemplateSyntaxError)
      throw new Failure(64, `template parsing error: ${error.message}`, { cause: error })
    if (error instanceof TemplateExecutionError) throw new Failure(1, error.message, { cause: error })
    throw error
  }
}

const describeServer = (info: Info): string => {
  let text = ''
  const line = (label: string, value: unknown): void => {
    text += ` ${label}: ${value ?? ''}\n`
  }
  const given = (label: string, value: unknown): void => {
    if (value !== undefined && value !== '' && value !== null) line(label, value)
  }
  const list = (label: string, items: readonly string[] | null | undefined): void => {
    if (items && items.length > 0) text += ` ${label}:\n${items.map(item => `  ${item}\n`).join('')}`
  }
  line('Containers', info.Containers)
  text += `  Running: ${info.ContainersRunning}\n  Paused: ${info.ContainersPaused}\n  Stopped: ${info.ContainersStopped}\n`
  line('Images', info.Images)
  given('Server Version', info.ServerVersion)
  given('Storage Driver', info.Driver)
  for (const [name, value] of info.DriverStatus ?? []) text += `  ${name}: ${value}\n`
  given('Logging Driver', info.LoggingDriver)
  given('Cgroup Driver', info.CgroupDriver)
  given('Cgroup Version', info.CgroupVersion)
  const { Volume = [], Network = [], Log = [] } = info.Plugins ?? {}
  text += ` Plugins:\n  Volume: ${(Volume ?? []).join(' ')}\n  Network: ${(Network ?? []).join(' ')}\n  Log: ${(Log ?? []).join(' ')}\n`
  list('CDI spec directories', info.CDISpecDirs)
  const swarm = (info.Swarm as { LocalNodeState?: string } | undefined)?.LocalNodeState
  line('Swarm', swarm === undefined || swarm === '' ? 'inactive' : swarm)
  if (info.Runtimes)
    text += ` Runtimes: ${Object.keys(info.Runtimes).sort().join(' ')}\n Default Runtime: ${info.DefaultRuntime}\n`
  if (info.OSType === 'linux') {
    line('Init Binary', info.InitBinary)
    for (const [label, key] of [
      ['containerd', 'ContainerdCommit'],
      ['runc', 'RuncCommit'],
      ['init', 'InitCommit'],
    ] as const)
      line(`${label} version`, (info[key] as { ID?: string } | undefined)?.ID)
    text += securityOptions(info.SecurityOptions ?? [])
  }
  given('Kernel Version', info.KernelVersion)
  given('Operating System', info.OperatingSystem)
  given('OSType', info.OSType)
  given('Architecture', info.Architecture)
  line('CPUs', info.NCPU)
  line('Total Memory', binarySize(Number(info.MemTotal)))
  given('Name', info.Name)
  given('ID', info.ID)
  line('Docker Root Dir', info.DockerRootDir)
  line('Debug Mode', info.Debug)
  if (info.Debug)
    text += `  File Descriptors: ${info.NFd}\n  Goroutines: ${info.NGoroutines}\n  System Time: ${info.SystemTime}\n  EventsListeners: ${info.NEventsListener}\n`
  given('HTTP Proxy', info.HttpProxy)
  given('HTTPS Proxy', info.HttpsProxy)
  given('No Proxy', info.NoProxy)
  list('Labels', info.Labels)
  line('Experimental', info.ExperimentalBuild)
  const registries = Object.values(info.RegistryConfig?.IndexConfigs ?? {})
  list('Insecure Registries', [
    ...registries.filter(registry => !registry.Secure).map(registry => registry.Name),
    ...(info.RegistryConfig?.InsecureRegistryCIDRs ?? []),
  ])
  list('Registry Mirrors', registries.find(registry => registry.Name === 'docker.io')?.Mirrors)
  line('Live Restore Enabled', info.LiveRestoreEnabled)
  if (info.ProductLicense) line('Product License', info.ProductLicense)
  if (info.DefaultAddressPools && info.DefaultAddressPools.length > 0)
    text += ` Default Address Pools:\n${info.DefaultAddressPools.map(pool => `   Base: ${pool.Base}, Size: ${pool.Size}\n`).join('')}`
  return text
}

/** `name=seccomp,profile=builtin` as ` seccomp` with its `Profile: builtin` below. */
const securityOptions = (options: readonly string[]): string => {
  if (options.length === 0) return ''
  let text = ' Security Options:\n'
  for (const option of options) {
    const pairs = option.split(',').map(pair => pair.split('=', 2) as [string, string | undefined])
    for (const [key, value] of pairs) {
      if (key === 'name') text += `  ${value}\n`
      else if (value === undefined) text += `  ${key}\n`
      else text += `   ${key === 'profile' ? 'Profile' : key}: ${value}\n`
    }
  }
  return text
}
