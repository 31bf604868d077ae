import { existsSync, readdirSync, readFileSync, statfsSync } from 'node:fs'
import { availableParallelism, hostname, release, totalmem } from 'node:os'
import type { Config } from '../config.ts'
import { VERSION } from './product.ts'
import { API_VERSION, MINIMUM_API_VERSION } from './version.ts'

/** A program that Tare works with. */
export type Component = { readonly name: string; readonly version: string }

export type InfoFacts = {
  /** The engine's own id, kept in the data root. */
  readonly id: string
  readonly config: Config
  readonly containers: {
    readonly total: number
    readonly running: number
    readonly paused: number
    readonly stopped: number
  }
  readonly images: number
  readonly listeners: number
  readonly components: readonly Component[]
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64', arm: 'armv7l', ia32: 'i386' }
const GO_ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' }

/** What f_type of statfs(2) means, for the file systems that data roots lie on. */
const FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0xef53, 'extfs'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x01021994, 'tmpfs'],
  [0x2fc12fc1, 'zfs'],
  [0x794c7630, 'overlayfs'],
  [0xf2f52010, 'f2fs'],
])

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** Which limits this host's cgroups can set. */
const cgroupFacts = () => {
  const unified = read('/sys/fs/cgroup/cgroup.controllers')
  if (unified !== '') {
    const has = (name: string) => unified.split(/\s+/).includes(name)
    return {
      version: '2',
      memory: has('memory'),
      // The root has no such file; any service below it does when the kernel accounts swap.
      swap: has('memory') && !/\bswapaccount=0\b/.test(read('/proc/cmdline')),
      cpu: has('cpu'),
      cpuset: has('cpuset'),
      pids: has('pids'),
      oomKillDisable: false,
    }
  }
  const has = (path: string) => existsSync(`/sys/fs/cgroup/${path}`)
  return {
    version: '1',
    memory: has('memory/memory.limit_in_bytes'),
    swap: has('memory/memory.memsw.limit_in_bytes'),
    cpu: has('cpu/cpu.cfs_quota_us'),
    cpuset: has('cpuset/cpuset.cpus'),
    pids: has('pids'),
    oomKillDisable: has('memory/memory.oom_control'),
  }
}

const osRelease = (): Readonly<Record<string, string>> => {
  const text = read('/etc/os-release') || read('/usr/lib/os-release')
  return Object.fromEntries(
    [...text.matchAll(/^([A-Z_]+)=(?:"([^"\n]*)"|(.*))$/gm)].map(([, key = '', quoted, bare]) => [
      key,
      quoted ?? bare ?? '',
    ]),
  )
}

const registryConfig = ({ registryMirrors, insecureRegistries }: Config) => {
  const isRange = (text: string) => text.includes('/')
  // `HOST=https://…` mirrors another registry than Docker Hub.
  const hubMirrors = registryMirrors.filter(mirror => !/^[^/]+=/.test(mirror))
  const index = (name: string, Secure: boolean, Mirrors: readonly string[] = []) => [
    name,
    { Mirrors, Name: name, Official: name === 'docker.io', Secure },
  ]
  return {
    IndexConfigs: Object.fromEntries([
      index('docker.io', true, hubMirrors),
      ...insecureRegistries.filter(name => !isRange(name)).map(name => index(name, false)),
    ]),
    InsecureRegistryCIDRs: ['::1/128', '127.0.0.0/8', ...insecureRegistries.filter(isRange)],
    Mirrors: hubMirrors.length === 0 ? null : hubMirrors,
  }
}

/** `GET /info`: everything is read when it is asked; nothing is claimed that the engine does not do. */
export const systemInfo = (facts: InfoFacts): object => {
  const { config, containers, components } = facts
  const cgroup = cgroupFacts()
  const { PRETTY_NAME, VERSION_ID } = osRelease()
  const forwarding = read('/proc/sys/net/ipv4/ip_forward').trim() === '1'
  const versionOf = (name: string) => components.find(component => component.name === name)?.version ?? ''
  const warnings = [
    ...(cgroup.memory ? [] : ['WARNING: No memory limit support']),
    ...(cgroup.swap ? [] : ['WARNING: No swap limit support']),
    ...(forwarding ? [] : ['WARNING: IPv4 forwarding is disabled']),
  ]
  return {
    ID: facts.id,
    Containers: containers.total,
    ContainersRunning: containers.running,
    ContainersPaused: containers.paused,
    ContainersStopped: containers.stopped,
    Images: facts.images,
    Driver: 'overlay2',
    DriverStatus: [
      ['Backing Filesystem', FILE_SYSTEMS.get(statfsSync(config.dataRoot).type) ?? 'unknown'],
      ['Supports d_type', 'true'],
      ['Using metacopy', 'false'],
      ['Native Overlay Diff', 'true'],
      ['userxattr', 'false'],
    ],
    Plugins: {
      Volume: ['local'],
      Network: ['bridge', 'host', 'null'],
      Authorization: null,
      Log: ['json-file', 'local', 'none'],
    },
    MemoryLimit: cgroup.memory,
    SwapLimit: cgroup.swap,
    CpuCfsPeriod: cgroup.cpu,
    CpuCfsQuota: cgroup.cpu,
    CPUShares: cgroup.cpu,
    CPUSet: cgroup.cpuset,
    PidsLimit: cgroup.pids,
    IPv4Forwarding: forwarding,
    Debug: config.debug,
    NFd: readdirSync('/proc/self/fd').length,
    OomKillDisable: cgroup.oomKillDisable,
    NGoroutines: 0,
    SystemTime: new Date().toISOString(),
    LoggingDriver: config.logDriver,
    CgroupDriver: 'cgroupfs',
    CgroupVersion: cgroup.version,
    NEventsListener: facts.listeners,
    KernelVersion: release(),
    OperatingSystem: PRETTY_NAME ?? 'Linux',
    OSVersion: VERSION_ID ?? '',
    OSType: 'linux',
    Architecture: ARCHITECTURES[process.arch] ?? process.arch,
    IndexServerAddress: 'https://index.docker.io/v1/',
    RegistryConfig: registryConfig(config),
    NCPU: availableParallelism(),
    MemTotal: totalmem(),
    GenericResources: null,
    DockerRootDir: config.dataRoot,
    HttpProxy: withoutPassword(process.env.HTTP_PROXY ?? process.env.http_proxy ?? ''),
    HttpsProxy: withoutPassword(process.env.HTTPS_PROXY ?? process.env.https_proxy ?? ''),
    NoProxy: process.env.NO_PROXY ?? process.env.no_proxy ?? '',
    Name: hostname(),
    Labels: config.labels,
    ExperimentalBuild: config.experimental,
    ServerVersion: VERSION,
    Runtimes: {
      runc: { path: 'runc' },
      ...Object.fromEntries(
        Object.entries(config.runtimes).map(([name, { path, runtimeArgs }]) => [
          name,
          runtimeArgs.length === 0 ? { path } : { path, runtimeArgs },
        ]),
      ),
    },
    DefaultRuntime: config.defaultRuntime,
    Swarm: {
      NodeID: '',
      NodeAddr: '',
      LocalNodeState: 'inactive',
      ControlAvailable: false,
      Error: '',
      RemoteManagers: null,
    },
    LiveRestoreEnabled: true,
    Isolation: '',
    InitBinary: config.initPath,
    ContainerdCommit: { ID: '' },
    RuncCommit: { ID: versionOf('runc') },
    InitCommit: { ID: '' },
    SecurityOptions: [
      ...(config.seccompProfile === 'unconfined' ? [] : [`name=seccomp,profile=${config.seccompProfile}`]),
      ...(cgroup.version === '2' ? ['name=cgroupns'] : []),
      ...(config.noNewPrivileges ? ['name=no-new-privileges'] : []),
    ],
    FirewallBackend: { Driver: config.firewall ? 'nftables' : 'none' },
    CDISpecDirs: [],
    Warnings: warnings.length === 0 ? null : warnings,
  }
}

const withoutPassword = (url: string): string => url.replace(/\/\/[^/@]*@/, '//xxxxx:xxxxx@')

/** `GET /version` */
export const systemVersion = ({ config, components }: Pick<InfoFacts, 'config' | 'components'>): object => {
  const shared = {
    ApiVersion: API_VERSION,
    MinAPIVersion: MINIMUM_API_VERSION,
    GitCommit: '',
    // Clients print this line: it says what runs instead.
    GoVersion: `none (Node.js ${process.versions.node})`,
    Os: 'linux',
    Arch: GO_ARCHITECTURES[process.arch] ?? process.arch,
    KernelVersion: release(),
    BuildTime: '',
  }
  return {
    Platform: { Name: 'Tare' },
    Components: [
      { Name: 'Engine', Version: VERSION, Details: { ...shared, Experimental: String(config.experimental) } },
      ...components.map(({ name, version }) => ({ Name: name, Version: version, Details: { GitCommit: '' } })),
    ],
    Version: VERSION,
    ...shared,
  }
}
