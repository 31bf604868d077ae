import { imageGcFromJson, imageGcFromText } from './config-image-gc.ts'
import * as values from './config-values.ts'
import { invalidArgument } from './errdefs.ts'

export type OptionValue = string | number | boolean | readonly unknown[] | Readonly<Record<string, unknown>>

/** How one type of value is read. */
type Kind = {
  /** The word for it in `--help`; none for switches. */
  readonly label: string
  /** `before` is what an earlier flag of the same name gave. Throws InvalidArgument. */
  readonly fromText: (text: string, before: OptionValue | undefined) => OptionValue
  readonly fromJson: (value: unknown, key: string) => OptionValue
}

export type Option = {
  /** In `Config`. */
  readonly name: string
  /** In the configuration file. */
  readonly key: string
  /** Without its dashes. */
  readonly flag: string
  readonly short: string | undefined
  readonly label: string
  readonly help: string
  readonly otherwise: OptionValue | undefined
  readonly env: string | undefined
  readonly inFile: boolean
  readonly fromText: (text: string, before: OptionValue | undefined) => OptionValue
  readonly fromJson: (value: unknown) => OptionValue
  /** Throws InvalidArgument. */
  readonly check: ((value: OptionValue) => void) | undefined
  /** Known from dockerd and accepted, but without a meaning here: why. */
  readonly ignored: string | undefined
}

const requireType = <Value extends OptionValue>(
  value: unknown,
  type: 'string' | 'number' | 'boolean',
  key: string,
  goType: string,
): Value => {
  if (typeof value !== type || (type === 'number' && !Number.isInteger(value)))
    throw values.wrongJson(value, key, goType)
  return value as Value
}

const SWITCH: Kind = {
  label: '',
  fromText: values.parseBoolean,
  fromJson: (value, key) => requireType(value, 'boolean', key, 'bool'),
}
const INTEGER: Kind = {
  label: 'int',
  fromText: values.parseInteger,
  fromJson: (value, key) => requireType(value, 'number', key, 'int'),
}
const TEXT: Kind = {
  label: 'string',
  fromText: text => text,
  fromJson: (value, key) => requireType(value, 'string', key, 'string'),
}
const BYTES: Kind = {
  label: 'bytes',
  fromText: values.parseBytes,
  fromJson: (value, key) =>
    typeof value === 'number' ? value : values.parseBytes(requireType<string>(value, 'string', key, 'string')),
}
const DURATION: Kind = {
  label: 'duration',
  fromText: values.parseDuration,
  fromJson: (value, key) => values.parseDuration(requireType<string>(value, 'string', key, 'string')),
}
const each = (parse: (text: string) => string, label = 'list'): Kind => ({
  label,
  fromText: (text, before) => [...((before as readonly unknown[] | undefined) ?? []), parse(text)],
  fromJson: (value, key) => {
    if (!Array.isArray(value)) throw values.wrongJson(value, key, '[]string')
    return value.map(item => parse(requireType<string>(item, 'string', key, 'string')))
  },
})
const LIST = each(text => text)
const keyed = (
  label: string,
  parse: (text: string) => readonly [string, unknown],
  fromEntry: (value: unknown, key: string, name: string) => unknown,
): Kind => ({
  label,
  fromText: (text, before) => {
    const [name, value] = parse(text)
    return { ...(before as Readonly<Record<string, unknown>> | undefined), [name]: value }
  },
  fromJson: (value, key) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw values.wrongJson(value, key, 'map')
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, fromEntry(inner, key, name)]))
  },
})
const MAP = keyed(
  'map',
  text => {
    const equals = text.indexOf('=')
    return equals < 0 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)]
  },
  (value, key) => requireType(value, 'string', key, 'string'),
)
const ANY: Kind = { label: 'map', fromText: text => text, fromJson: value => value as OptionValue }
const ULIMITS = keyed(
  'ulimit',
  text => {
    const ulimit = values.parseUlimit(text)
    return [ulimit.Name, ulimit]
  },
  (value, key, name) => {
    const { Name, Soft, Hard } = (value ?? {}) as Partial<values.UlimitConfig>
    if (typeof Soft !== 'number' || typeof Hard !== 'number') throw values.wrongJson(value, key, 'units.Ulimit')
    return values.checkUlimit({ Name: Name ?? name, Soft, Hard })
  },
)
const RUNTIMES = keyed(
  'runtime',
  text => {
    const { name, runtime } = values.parseRuntime(text)
    return [name, runtime]
  },
  (value, key) => {
    const { path, runtimeArgs } = (value ?? {}) as Partial<values.RuntimeConfig>
    if (runtimeArgs !== undefined && !Array.isArray(runtimeArgs))
      throw values.wrongJson(runtimeArgs, `${key}.runtimeArgs`, '[]string')
    return { path: path ?? '', runtimeArgs: runtimeArgs ?? [] }
  },
)
const POOLS: Kind = {
  label: 'pool-options',
  fromText: (text, before) => [...((before as readonly unknown[] | undefined) ?? []), values.parsePool(text)],
  fromJson: (value, key) => {
    if (!Array.isArray(value)) throw values.wrongJson(value, key, '[]*ipamutils.NetworkToSplit')
    return value.map(pool => values.checkPool({ base: String(pool?.base ?? ''), size: Number(pool?.size ?? 0) }))
  },
}

/** dockerd's `builder.entitlements`; the flag is buildkitd's. Builds may have the host's network unless told otherwise. */
const ENTITLEMENTS: Kind = {
  label: 'list',
  fromText: (text, before) =>
    values.addEntitlement((before as readonly string[] | undefined) ?? ['network.host'], text),
  fromJson: values.entitlementsFromJson,
}
const IMAGE_GC: Kind = { label: 'policy', fromText: imageGcFromText, fromJson: imageGcFromJson }

type Extra = {
  key?: string
  short?: string
  otherwise?: OptionValue
  env?: string
  inFile?: false
  check?: (value: OptionValue) => void
  ignored?: string
}

const option = (kind: Kind, name: string, flag: string, help: string, extra: Extra = {}): Option => {
  const key = extra.key ?? flag
  return {
    name,
    key,
    flag,
    short: extra.short,
    label: kind.label,
    help,
    otherwise: extra.otherwise,
    env: extra.env,
    inFile: extra.inFile ?? true,
    fromText: kind.fromText,
    fromJson: value => kind.fromJson(value, key),
    check: extra.check,
    ignored: extra.ignored,
  }
}

const positive = (what: string) => (value: OptionValue) => {
  if ((value as number) < 0) throw invalidArgument(`invalid ${what}: ${value}`)
}
const atLeastOne = (what: string) => (value: OptionValue) => {
  if ((value as number) < 1) throw invalidArgument(`invalid ${what}: ${value}`)
}
const oneOf = (allowed: readonly string[], complaint: (value: string) => string) => (value: OptionValue) => {
  if (!allowed.includes(value as string)) throw invalidArgument(complaint(value as string))
}
/** dockerd has it, Tare does not: asking for it must not be overheard. */
const absent = (name: string): Extra => ({
  check: value => {
    if (value !== false && value !== '' && !(Array.isArray(value) && value.length === 0))
      throw invalidArgument(`${name} is not supported by Tare`)
  },
})
const LEVELS = ['debug', 'info', 'warn', 'error', 'fatal']

/** Every option of the daemon, with dockerd's names where dockerd has it. */
export const OPTIONS: readonly Option[] = [
  option(RUNTIMES, 'runtimes', 'add-runtime', 'Register an additional OCI compatible runtime', {
    key: 'runtimes',
    otherwise: {},
  }),
  option(LIST, 'authorizationPlugins', 'authorization-plugin', 'Authorization plugins to load', {
    key: 'authorization-plugins',
    ...absent('authorization-plugins'),
  }),
  option(TEXT, 'bip', 'bip', 'IPv4 address for the default bridge', {
    check: value => void values.parsePrefix(value as string),
  }),
  option(TEXT, 'bridge', 'bridge', 'Attach containers to a network bridge', { short: 'b' }),
  option(TEXT, 'cgroupParent', 'cgroup-parent', 'Set parent cgroup for all containers', { otherwise: '' }),
  option(TEXT, 'configFile', 'config-file', 'Daemon configuration file', {
    otherwise: '/etc/tare/daemon.json',
    inFile: false,
  }),
  option(TEXT, 'containerd', 'containerd', 'containerd grpc address', { ignored: 'Tare runs without containerd' }),
  option(TEXT, 'dataRoot', 'data-root', 'Root directory of persistent state', { otherwise: '/var/lib/tare' }),
  option(SWITCH, 'debug', 'debug', 'Enable debug mode', { short: 'D', otherwise: false }),
  option(POOLS, 'defaultAddressPools', 'default-address-pool', 'Default address pools for local networks', {
    key: 'default-address-pools',
    otherwise: [],
  }),
  option(
    TEXT,
    'defaultCgroupnsMode',
    'default-cgroupns-mode',
    'Default mode for containers cgroup namespace ("host" | "private")',
    {
      check: oneOf(
        ['host', 'private'],
        value => `invalid default cgroup namespace (${value}): use "host" or "private"`,
      ),
    },
  ),
  option(TEXT, 'defaultIpcMode', 'default-ipc-mode', 'Default mode for containers ipc ("shareable" | "private")', {
    otherwise: 'private',
    check: oneOf(
      ['private', 'shareable'],
      value => `default IPC mode setting (${value}) is invalid; use "shareable" or "private"`,
    ),
  }),
  option(TEXT, 'defaultRuntime', 'default-runtime', 'Default OCI runtime for containers', { otherwise: 'runc' }),
  option(BYTES, 'defaultShmSize', 'default-shm-size', 'Default shm size for containers', {
    otherwise: 64 * 1024 * 1024,
  }),
  option(ULIMITS, 'defaultUlimits', 'default-ulimit', 'Default ulimits for containers', {
    key: 'default-ulimits',
    otherwise: {},
  }),
  option(each(values.parseIp), 'dns', 'dns', 'DNS server to use', { otherwise: [] }),
  option(LIST, 'dnsOptions', 'dns-opt', 'DNS options to use', { key: 'dns-opts', otherwise: [] }),
  option(each(values.checkDnsSearch), 'dnsSearch', 'dns-search', 'DNS search domains to use', { otherwise: [] }),
  option(LIST, 'execOpts', 'exec-opt', 'Runtime execution options', {
    key: 'exec-opts',
    ignored: 'the cgroup driver is cgroupfs',
  }),
  option(
    ENTITLEMENTS,
    'buildEntitlements',
    'allow-insecure-entitlement',
    'Allow builds to be granted an entitlement ("security.insecure")',
    { key: 'builder', otherwise: ['network.host'] },
  ),
  option(TEXT, 'execRoot', 'exec-root', 'Root directory for execution state files', { otherwise: '/run/tare' }),
  option(SWITCH, 'experimental', 'experimental', 'Enable experimental features', { otherwise: false }),
  option(ANY, 'features', 'feature', 'Enable feature in the daemon', {
    key: 'features',
    ignored: 'Tare has no features to switch',
  }),
  option(TEXT, 'fixedCidr', 'fixed-cidr', 'IPv4 subnet for the default bridge network', {
    check: value => void values.parsePrefix(value as string),
  }),
  option(TEXT, 'group', 'group', 'Group for the unix socket', { short: 'G', otherwise: 'docker' }),
  option(each(values.parseHost), 'hosts', 'host', 'Daemon socket(s) to connect to', {
    key: 'hosts',
    short: 'H',
    otherwise: ['unix:///run/tare/tare.sock'],
  }),
  option(SWITCH, 'icc', 'icc', 'Enable inter-container communication for the default bridge network', {
    otherwise: true,
  }),
  option(TEXT, 'httpProxy', 'http-proxy', 'HTTP proxy URL to use for outgoing traffic', { otherwise: '' }),
  option(TEXT, 'httpsProxy', 'https-proxy', 'HTTPS proxy URL to use for outgoing traffic', { otherwise: '' }),
  option(IMAGE_GC, 'imageGc', 'image-gc', 'When images that are not used go by themselves (high=20GB,low=15GB,keep=3)'),
  option(SWITCH, 'init', 'init', 'Run an init in the container to forward signals and reap processes', {
    otherwise: false,
  }),
  option(TEXT, 'initPath', 'init-path', 'Path to the init binary', { otherwise: '' }),
  option(LIST, 'insecureRegistries', 'insecure-registry', 'Enable insecure registry communication', {
    key: 'insecure-registries',
    otherwise: [],
  }),
  option(
    { ...TEXT, label: 'ip', fromText: values.parseIp },
    'ip',
    'ip',
    'Host IP for port publishing from the default bridge network',
    { otherwise: '0.0.0.0', check: value => void values.parseIp(value as string) },
  ),
  option(SWITCH, 'ipForward', 'ip-forward', 'Enable IP forwarding in system configuration', { otherwise: true }),
  option(SWITCH, 'ipMasq', 'ip-masq', 'Enable IP masquerading for the default bridge network', { otherwise: true }),
  option(SWITCH, 'ip6tables', 'ip6tables', 'Enable addition of IPv6 firewall rules', {
    ignored: 'networks have no IPv6 yet',
  }),
  option(SWITCH, 'firewall', 'iptables', 'Enable addition of firewall rules (nftables)', { otherwise: true }),
  option(SWITCH, 'ipv6', 'ipv6', 'Enable IPv6 networking for the default bridge network', absent('ipv6')),
  option(each(values.checkLabel), 'labels', 'label', 'Set key=value labels to the daemon', {
    key: 'labels',
    otherwise: [],
  }),
  option(SWITCH, 'liveRestore', 'live-restore', 'Containers run on while the daemon is away (always so)', {
    ignored: 'containers always run on while the daemon is away',
  }),
  option(TEXT, 'logDriver', 'log-driver', 'Default driver for container logs', { otherwise: 'json-file' }),
  option(TEXT, 'logFormat', 'log-format', 'Set the logging format ("json")', { ignored: 'the log is always JSON' }),
  option(TEXT, 'logLevel', 'log-level', 'Set the logging level ("debug"|"info"|"warn"|"error"|"fatal")', {
    short: 'l',
    otherwise: 'info',
    check: oneOf(LEVELS, value => `invalid logging level: ${value}`),
  }),
  option(MAP, 'logOpts', 'log-opt', 'Default log driver options for containers', { key: 'log-opts', otherwise: {} }),
  option(INTEGER, 'maxConcurrentDownloads', 'max-concurrent-downloads', 'Set the max concurrent downloads', {
    otherwise: 3,
    check: positive('max concurrent downloads'),
  }),
  option(INTEGER, 'maxConcurrentUploads', 'max-concurrent-uploads', 'Set the max concurrent uploads', {
    otherwise: 5,
    check: positive('max concurrent uploads'),
  }),
  option(INTEGER, 'maxDownloadAttempts', 'max-download-attempts', 'Set the max download attempts for each pull', {
    otherwise: 5,
    check: atLeastOne('max download attempts'),
  }),
  option(BYTES, 'maxLayerSize', 'max-layer-size', 'Refuse layers that unpack to more than this', {
    otherwise: 64 * 2 ** 30,
    check: atLeastOne('max layer size'),
  }),
  option(INTEGER, 'mtu', 'mtu', 'Set the MTU for the default "bridge" network', {
    otherwise: 1500,
    check: positive('default MTU'),
  }),
  option(SWITCH, 'noNewPrivileges', 'no-new-privileges', 'Set no-new-privileges by default for new containers', {
    otherwise: false,
  }),
  option(TEXT, 'noProxy', 'no-proxy', 'Comma-separated list of hosts or IP addresses for which the proxy is skipped', {
    otherwise: '',
  }),
  option(TEXT, 'pidfile', 'pidfile', 'Path to use for daemon PID file (default "EXEC-ROOT/tare.pid")', { short: 'p' }),
  option(SWITCH, 'rawLogs', 'raw-logs', 'Full timestamps without ANSI coloring', { ignored: 'the log is always JSON' }),
  option(TEXT, 'registryListen', 'registry-listen', 'Offer the local images as a registry, read-only, on HOST:PORT', {
    otherwise: '',
  }),
  option(each(values.checkMirror), 'registryMirrors', 'registry-mirror', 'Preferred registry mirror', {
    key: 'registry-mirrors',
    otherwise: [],
  }),
  option(DURATION, 'registryTimeout', 'registry-timeout', 'How long a registry may say nothing', {
    otherwise: 30_000,
    check: atLeastOne('registry timeout'),
  }),
  option(
    TEXT,
    'seccompProfile',
    'seccomp-profile',
    'Path to seccomp profile. Set to "unconfined" to disable the default seccomp profile',
    { otherwise: 'builtin' },
  ),
  option(SWITCH, 'selinuxEnabled', 'selinux-enabled', 'Enable selinux support', absent('selinux-enabled')),
  option(INTEGER, 'shutdownTimeout', 'shutdown-timeout', 'Set the default shutdown timeout', { otherwise: 15 }),
  option(TEXT, 'storageDriver', 'storage-driver', 'Storage driver to use', {
    short: 's',
    otherwise: 'overlay2',
    check: oneOf(
      ['overlay2', 'overlay', 'overlayfs'],
      value => `error initializing graphdriver: driver not supported: ${value}`,
    ),
  }),
  option(LIST, 'storageOpts', 'storage-opt', 'Storage driver options', {
    key: 'storage-opts',
    ...absent('storage-opts'),
  }),
  option(SWITCH, 'tls', 'tls', 'Use TLS; implied by --tlsverify', { otherwise: false }),
  option(TEXT, 'tlsCaCert', 'tlscacert', 'Trust certs signed only by this CA'),
  option(TEXT, 'tlsCert', 'tlscert', 'Path to TLS certificate file'),
  option(TEXT, 'tlsKey', 'tlskey', 'Path to TLS key file'),
  option(SWITCH, 'tlsVerify', 'tlsverify', 'Use TLS and verify the remote', {
    otherwise: false,
    env: 'TARE_TLS_VERIFY',
  }),
  option(SWITCH, 'userlandProxy', 'userland-proxy', 'Use userland proxy for loopback traffic', {
    ignored: 'the firewall answers on loopback',
  }),
  option(TEXT, 'userlandProxyPath', 'userland-proxy-path', 'Path to the userland proxy binary', {
    ignored: 'the firewall answers on loopback',
  }),
  option(TEXT, 'usernsRemap', 'userns-remap', 'User/Group setting for user namespaces', absent('userns-remap')),
]
