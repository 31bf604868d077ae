import type { ContainerConfig, HostConfig } from '../api/container.ts'
import { invalidArgument } from '../errdefs.ts'
import type { DeviceSpec, LinuxSpec, MountSpec, NamespaceType, ProcessSpec, RuntimeSpec } from '../oci/runtime-spec.ts'
import { capabilitiesFor } from '../runtime/capabilities.ts'
import { defaultMounts, MASKED_PATHS, OCI_VERSION, READONLY_PATHS } from '../runtime/default-spec.ts'
import { processEnv } from '../runtime/process-env.ts'
import type { ProcessUser } from '../runtime/user.ts'
import { commandOf } from './configuration.ts'
import { resourcesSpec } from './resources.ts'
import { seccompFor, securityOptions } from './security.ts'

/** All that the specification depends on besides what the container was created as: found out, then handed in. */
export type SpecFacts = {
  readonly id: string
  readonly config: ContainerConfig
  readonly host: HostConfig
  readonly rootfs: string
  readonly user: ProcessUser
  /** Volumes, binds and the daemon's own files, outer ones first. */
  readonly mounts: readonly MountSpec[]
  readonly devices: readonly DeviceSpec[]
  readonly cgroupsPath: string
  readonly cgroupVersion: 1 | 2
  readonly capabilities: ReadonlySet<string>
  /** Files of namespaces that are joined; undefined for the host's; a kind that is left out is made anew. */
  readonly joined: Partial<Record<NamespaceType, string | undefined>>
  /** Path of the init program on the host, when one is wanted. */
  readonly init: string | undefined
  readonly defaultShmSize: number
  readonly noNewPrivileges: boolean
}

const INIT_PATH = '/sbin/docker-init'
const NAMESPACES: readonly NamespaceType[] = ['mount', 'pid', 'network', 'ipc', 'uts']
const DEFAULT_SYSCTLS = { 'net.ipv4.ip_unprivileged_port_start': '0', 'net.ipv4.ping_group_range': '0 2147483647' }

const rlimits = (host: HostConfig): ProcessSpec['rlimits'] =>
  (host.Ulimits ?? []).map(({ Name, Soft, Hard }) => {
    if (Soft > Hard && Hard !== -1)
      throw invalidArgument(`ulimit soft limit must be less than or equal to hard limit: ${Soft} > ${Hard}`)
    const unlimited = (value: number): number => (value < 0 ? Number.MAX_SAFE_INTEGER : value)
    return { type: `RLIMIT_${Name.toUpperCase()}`, soft: unlimited(Soft), hard: unlimited(Hard) }
  })

const linuxSpec = (facts: SpecFacts, capabilities: readonly string[]): LinuxSpec => {
  const { host, joined, devices } = facts
  const security = securityOptions(host.SecurityOpt ?? [], { noNewPrivileges: facts.noNewPrivileges })
  const privateCgroup = host.CgroupnsMode
    ? host.CgroupnsMode === 'private'
    : facts.cgroupVersion === 2 && !host.Privileged
  const kinds: readonly NamespaceType[] = privateCgroup ? [...NAMESPACES, 'cgroup'] : NAMESPACES
  const open = host.Privileged || security.systemPaths === 'unconfined'
  const ownNetwork = !('network' in joined) || joined.network !== undefined
  return {
    namespaces: kinds.flatMap(type => {
      if (!(type in joined)) return [{ type }]
      const path = joined[type]
      return path === undefined ? [] : [{ type, path }]
    }),
    devices,
    cgroupsPath: facts.cgroupsPath,
    resources: resourcesSpec(host, devices),
    sysctl: { ...(ownNetwork && !host.Privileged ? DEFAULT_SYSCTLS : {}), ...host.Sysctls },
    seccomp: seccompFor(host, security, capabilities),
    maskedPaths: host.MaskedPaths ?? (open ? [] : MASKED_PATHS),
    readonlyPaths: host.ReadonlyPaths ?? (open ? [] : READONLY_PATHS),
    rootfsPropagation: 'rprivate',
  }
}

/** The OCI specification of a container: a function of its facts. Throws InvalidArgument. */
export const containerSpec = (facts: SpecFacts): RuntimeSpec => {
  const { config, host, user } = facts
  const tty = config.Tty ?? false
  const capabilities = capabilitiesFor(
    { privileged: host.Privileged, add: host.CapAdd, drop: host.CapDrop },
    facts.capabilities,
  )
  const security = securityOptions(host.SecurityOpt ?? [], { noNewPrivileges: facts.noNewPrivileges })
  const linux = linuxSpec(facts, capabilities)
  const ownUts = linux.namespaces.some(namespace => namespace.type === 'uts' && namespace.path === undefined)
  const overridden = new Set(facts.mounts.map(mount => mount.destination))
  const command = commandOf(config)
  // With the host's IPC namespace its shared memory is seen, too.
  const hostIpc = 'ipc' in facts.joined && facts.joined.ipc === undefined
  // Capabilities are for root; another user has them bounded, and gains only what was added by name.
  const effective = user.uid === 0 ? capabilities : []
  return {
    ociVersion: OCI_VERSION,
    process: {
      terminal: tty,
      ...(tty && host.ConsoleSize?.[0]
        ? { consoleSize: { height: host.ConsoleSize[0], width: host.ConsoleSize[1] } }
        : {}),
      user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
      args: facts.init === undefined ? command : [INIT_PATH, '--', ...command],
      env: processEnv(config.Env ?? [], { hostname: config.Hostname, tty, home: user.home }),
      cwd: config.WorkingDir || '/',
      capabilities: { bounding: capabilities, effective, permitted: effective },
      rlimits: rlimits(host),
      noNewPrivileges: security.noNewPrivileges,
      oomScoreAdj: host.OomScoreAdj ?? 0,
    },
    root: { path: facts.rootfs, readonly: host.ReadonlyRootfs ?? false },
    ...(ownUts ? { hostname: config.Hostname, ...(config.Domainname ? { domainname: config.Domainname } : {}) } : {}),
    mounts: [
      ...defaultMounts({ shmSize: host.ShmSize || facts.defaultShmSize, privileged: host.Privileged ?? false })
        .filter(mount => !overridden.has(mount.destination))
        .map(mount =>
          hostIpc && mount.destination === '/dev/shm'
            ? { ...mount, type: 'bind', source: '/dev/shm', options: ['rbind'] }
            : mount,
        )
        .filter(mount => !('ipc' in facts.joined && mount.destination === '/dev/mqueue')),
      ...(facts.init === undefined
        ? []
        : [{ destination: INIT_PATH, type: 'bind', source: facts.init, options: ['bind', 'ro'] }]),
      ...facts.mounts,
    ],
    annotations: host.Annotations,
    linux,
  }
}
