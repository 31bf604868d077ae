import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseFlags } from './config-flags.ts'
import type { ImageGcConfig } from './config-image-gc.ts'
import { OPTIONS, type Option, type OptionValue } from './config-options.ts'
import type { AddressPool, RuntimeConfig, UlimitConfig } from './config-values.ts'
import { codeOf, invalidArgument, messageOf } from './errdefs.ts'
import type { LogLevel } from './log.ts'

export { type ImageGcConfig, imageGcFromText } from './config-image-gc.ts'
export type { AddressPool, RuntimeConfig, UlimitConfig } from './config-values.ts'

/**
 * What the daemon was told: defaults, then the environment, then flags or the configuration file. The names are those
 * of daemon.json in camel case. Made by `loadConfig`; `reloadConfig` alone changes it, so read a value where it is used.
 */
export type Config = {
  readonly configFile: string
  readonly dataRoot: string
  readonly execRoot: string
  /** `unix://PATH`, `tcp://HOST:PORT` or `fd://`. */
  readonly hosts: readonly string[]
  readonly pidfile: string
  readonly group: string
  readonly logLevel: LogLevel
  readonly debug: boolean

  /** The default bridge's own address, `172.18.0.1/16`; undefined: chosen from the address pools. */
  readonly bip: string | undefined
  readonly fixedCidr: string | undefined
  /** Name of a bridge that exists; `none` for no default network. */
  readonly bridge: string | undefined
  readonly defaultAddressPools: readonly AddressPool[]
  /** Bytes. */
  readonly mtu: number
  /** Host address that published ports take by default. */
  readonly ip: string
  readonly icc: boolean
  readonly ipForward: boolean
  readonly ipMasq: boolean
  /** Whether the daemon writes firewall rules (nftables; the key is dockerd's `iptables`). */
  readonly firewall: boolean
  readonly dns: readonly string[]
  readonly dnsSearch: readonly string[]
  readonly dnsOptions: readonly string[]

  readonly insecureRegistries: readonly string[]
  /** Empty: what the environment says (`HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`). */
  readonly httpProxy: string
  readonly httpsProxy: string
  readonly noProxy: string
  readonly registryMirrors: readonly string[]
  /** `HOST:PORT` on which the local images are offered to other machines; '' for none. */
  readonly registryListen: string
  /** Milliseconds. */
  readonly registryTimeout: number
  readonly maxConcurrentDownloads: number
  readonly maxConcurrentUploads: number
  readonly maxDownloadAttempts: number
  /** Bytes that one layer of an image may unpack to. */
  readonly maxLayerSize: number

  /** When images go by themselves; undefined: never. */
  readonly imageGc: ImageGcConfig | undefined

  /** `key=value` */
  readonly labels: readonly string[]
  readonly runtimes: Readonly<Record<string, RuntimeConfig>>
  readonly defaultRuntime: string
  readonly cgroupParent: string
  readonly defaultUlimits: Readonly<Record<string, UlimitConfig>>
  /** Bytes. */
  readonly defaultShmSize: number
  readonly defaultIpcMode: 'private' | 'shareable'
  /** Undefined: private under cgroup v2, host under v1. */
  readonly defaultCgroupnsMode: 'host' | 'private' | undefined
  readonly init: boolean
  readonly initPath: string
  readonly noNewPrivileges: boolean
  /** `builtin`, `unconfined` or a file. */
  readonly seccompProfile: string
  readonly logDriver: string
  readonly logOpts: Readonly<Record<string, string>>
  /** Seconds that requests under way get when the daemon stops. */
  readonly shutdownTimeout: number
  readonly storageDriver: string
  readonly experimental: boolean
  /** What builds may be granted that ask for it: `network.host`, `security.insecure`. */
  readonly buildEntitlements: readonly string[]

  readonly tls: boolean
  readonly tlsVerify: boolean
  readonly tlsCaCert: string
  readonly tlsCert: string
  readonly tlsKey: string
}

/** What the arguments ask for: run with a configuration, or only tell something. */
export type Invocation =
  | { readonly action: 'run' | 'validate'; readonly config: Config }
  | { readonly action: 'help' }
  | { readonly action: 'version' }

type Values = Partial<Record<string, OptionValue>>

const CONFIG_FILE = '/etc/tare/daemon.json'

/** Reads flags, environment and configuration file. Throws InvalidArgument in dockerd's words. */
export const loadConfig = (argv: readonly string[], env: NodeJS.ProcessEnv = process.env): Invocation => {
  const { action, values: flags } = parseFlags(argv)
  if (action === 'help' || action === 'version') return { action }
  return { action, config: mergeConfig(flags, env) }
}

const mergeConfig = (flags: Values, env: NodeJS.ProcessEnv): Config => {
  const configFile = (flags.configFile as string | undefined) ?? CONFIG_FILE
  const merged = `unable to configure the Docker daemon with file ${configFile}`
  const file = readConfigFile(configFile, flags.configFile !== undefined, merged)
  const doubled = OPTIONS.filter(({ name }) => flags[name] !== undefined && file[name] !== undefined)
  if (doubled.length > 0) {
    const list = doubled
      .map(({ name, key }) => `${key}: (from flag: ${goText(flags[name])}, from file: ${goText(file[name])})`)
      .sort()
      .join(', ')
    throw invalidArgument(
      `${merged}: the following directives are specified both as a flag and in the configuration file: ${list}`,
    )
  }
  const values: Values = {}
  for (const option of OPTIONS) {
    const { name } = option
    values[name] = flags[name] ?? file[name] ?? environmentValue(option, env) ?? option.otherwise
  }
  values.configFile = configFile
  // Paths are kept in SQLite and handed to the kernel: they must not depend on where the daemon was started.
  for (const name of ['dataRoot', 'execRoot'] as const) values[name] = resolve(values[name] as string)
  const given = (name: string) => flags[name] !== undefined || file[name] !== undefined
  if (!given('pidfile')) values.pidfile = `${values.execRoot}/tare.pid`
  if (given('debug') && values.debug === true && !given('logLevel')) values.logLevel = 'debug'
  if (values.tlsVerify === true) values.tls = true
  const certificates = env.TARE_CERT_PATH ?? `${values.dataRoot}/tls`
  for (const [name, base] of [
    ['tlsCaCert', 'ca.pem'],
    ['tlsCert', 'cert.pem'],
    ['tlsKey', 'key.pem'],
  ] as const) {
    if (!given(name)) values[name] = `${certificates}/${base}`
  }
  for (const option of OPTIONS) {
    try {
      const value = values[option.name]
      if (value !== undefined) option.check?.(value)
    } catch (error) {
      throw invalidArgument(
        `${merged}: merged configuration validation from file and command line flags failed: ${messageOf(error)}`,
        { cause: error },
      )
    }
  }
  checkTogether(values as unknown as Config)
  return values as unknown as Config
}

/** What no single value shows. */
const checkTogether = (config: Config): void => {
  const seen = new Map<string, string>()
  for (const label of config.labels) {
    const key = label.slice(0, label.indexOf('='))
    const other = seen.get(key)
    if (other !== undefined && other !== label) throw invalidArgument(`conflict labels for ${label} and ${other}`)
    seen.set(key, label)
  }
  for (const [name, { path }] of Object.entries(config.runtimes)) {
    if (name === 'runc' && path !== 'runc') throw invalidArgument("runtime name 'runc' is reserved")
    if (path === '') throw invalidArgument(`invalid runtime ${name}: either a runtimeType or a path must be configured`)
  }
  if (config.defaultRuntime !== 'runc' && config.runtimes[config.defaultRuntime] === undefined) {
    throw invalidArgument(`specified default runtime '${config.defaultRuntime}' does not exist`)
  }
}

const readConfigFile = (path: string, required: boolean, merged: string): Values => {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT' && !required) return {}
    const reason =
      codeOf(error) === 'ENOENT'
        ? 'no such file or directory'
        : codeOf(error) === 'EACCES'
          ? 'permission denied'
          : messageOf(error)
    throw invalidArgument(`${merged}: open ${path}: ${reason}`, { cause: error })
  }
  try {
    return parseConfigFile(text)
  } catch (error) {
    throw invalidArgument(`${merged}: ${messageOf(error)}`, { cause: error })
  }
}

const parseConfigFile = (text: string): Values => {
  if (text.trim() === '') return {}
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw invalidArgument(`invalid JSON: ${messageOf(error)}`, { cause: error })
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw invalidArgument('invalid JSON: the configuration file must hold one JSON object')
  }
  const directives = flatten(parsed as Readonly<Record<string, unknown>>)
  const known = new Map(OPTIONS.filter(({ inFile }) => inFile).map(option => [option.key, option]))
  const unknown = Object.keys(directives).filter(key => !known.has(key))
  if (unknown.length > 0) {
    throw invalidArgument(`the following directives don't match any configuration option: ${unknown.join(', ')}`)
  }
  const values: Values = {}
  for (const [key, value] of Object.entries(directives)) {
    const option = known.get(key) as Option
    if (value === null) continue
    try {
      values[option.name] = option.fromJson(value)
    } catch (error) {
      throw invalidArgument(`invalid JSON: ${messageOf(error)}`, { cause: error })
    }
  }
  return values
}

/** As in dockerd the proxies stand together in an object, or by themselves. */
const flatten = ({ proxies, ...rest }: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => {
  if (proxies === undefined || proxies === null) return rest
  if (typeof proxies !== 'object' || Array.isArray(proxies))
    throw invalidArgument('invalid JSON: "proxies" must be an object')
  return { ...rest, ...proxies }
}

const environmentValue = ({ env: name, fromText }: Option, env: NodeJS.ProcessEnv): OptionValue | undefined => {
  const text = name === undefined ? undefined : env[name]
  return text === undefined || text === '' ? undefined : fromText(text, undefined)
}

/** A value as Go's `%v` prints it, for dockerd's conflict message. */
const goText = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`
  if (typeof value === 'object' && value !== null) {
    return `map[${Object.entries(value)
      .map(([key, inner]) => `${key}:${goText(inner)}`)
      .sort()
      .join(' ')}]`
  }
  return String(value)
}

const RELOADABLE = [
  'debug',
  'logLevel',
  'labels',
  'imageGc',
  'insecureRegistries',
  'registryMirrors',
  'registryTimeout',
  'maxConcurrentDownloads',
  'maxConcurrentUploads',
  'maxDownloadAttempts',
  'runtimes',
  'defaultRuntime',
  'shutdownTimeout',
] as const satisfies readonly (keyof Config)[]

export type Reloadable = (typeof RELOADABLE)[number]

/** Takes over what may change while the daemon runs, in place, and tells what changed. */
export const reloadConfig = (config: Config, next: Config): readonly Reloadable[] => {
  const changed = RELOADABLE.filter(name => JSON.stringify(config[name]) !== JSON.stringify(next[name]))
  const target = config as { -readonly [Name in keyof Config]: Config[Name] }
  Object.assign(target, Object.fromEntries(changed.map(name => [name, next[name]])))
  return changed
}
