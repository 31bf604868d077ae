import type { ContainerInspect, ContainerState, EndpointSettings, PortMap } from '../api/container.ts'
import type { Endpoint } from '../networks/networks.ts'
import { MASKED_PATHS, READONLY_PATHS } from '../runtime/default-spec.ts'
import { commandOf } from './configuration.ts'
import type { Container } from './container.ts'
import { type Context, keptDirectory, logPathOf } from './context.ts'

const NEVER = '0001-01-01T00:00:00Z'

const stateOf = ({ life }: Container): ContainerState => ({
  Status: life.status,
  Running: life.status === 'running' || life.status === 'paused' || life.status === 'restarting',
  Paused: life.status === 'paused',
  Restarting: life.status === 'restarting',
  OOMKilled: life.oomKilled,
  Dead: life.status === 'dead',
  Pid: life.pid,
  ExitCode: life.exitCode,
  Error: life.error,
  StartedAt: life.startedAt ?? NEVER,
  FinishedAt: life.finishedAt ?? NEVER,
})

/** Bindings as published; exposed ports without one are there with null. */
export const portMap = (endpoint: Endpoint | undefined, exposed: Readonly<Record<string, unknown>>): PortMap => {
  const map: Record<string, { HostIp: string; HostPort: string }[] | null> = {}
  if (!endpoint) return map
  for (const key of Object.keys(exposed)) map[key.includes('/') ? key : `${key}/tcp`] = null
  for (const { containerPort, protocol, hostIp, hostPort } of endpoint.ports) {
    const key = `${containerPort}/${protocol}`
    map[key] = [...(map[key] ?? []), { HostIp: hostIp, HostPort: String(hostPort) }]
  }
  return map
}

/** What `ps` and inspect show of the container's one network. */
export const endpointSettings = (context: Context, container: Container): Record<string, EndpointSettings> => {
  const mode = container.record.hostConfig.NetworkMode ?? 'bridge'
  if (mode.startsWith('container:')) return {}
  const { endpoint } = container.life
  const networkId = context.networks.find(mode)?.id ?? ''
  const active = container.running && (endpoint !== undefined || mode === 'host' || mode === 'none')
  return {
    [mode]: {
      IPAMConfig: null,
      Links: null,
      Aliases: null,
      MacAddress: endpoint?.mac ?? '',
      DriverOpts: null,
      GwPriority: 0,
      NetworkID: active ? networkId : '',
      EndpointID: endpoint?.id ?? '',
      Gateway: endpoint?.gateway ?? '',
      IPAddress: endpoint?.address ?? '',
      IPPrefixLen: endpoint?.prefix ?? 0,
      IPv6Gateway: '',
      GlobalIPv6Address: '',
      GlobalIPv6PrefixLen: 0,
      DNSNames: null,
    },
  }
}

/** `GET /containers/{id}/json`. With `size` the bytes that the container's own files take are counted. */
export const inspectContainer = async (
  context: Context,
  container: Container,
  size: boolean,
): Promise<ContainerInspect> => {
  const { record, life, id } = container
  const { config, hostConfig: host } = record
  const [Path = '', ...Args] = commandOf(config)
  const directory = keptDirectory(context, id)
  const { endpoint } = life
  const sizes = size ? await sizesOf(context, container) : {}
  return {
    Id: id,
    Created: record.created,
    Path,
    Args,
    State: stateOf(container),
    Image: record.image,
    ResolvConfPath: `${directory}/resolv.conf`,
    HostnamePath: `${directory}/hostname`,
    HostsPath: `${directory}/hosts`,
    LogPath: host.LogConfig?.Type === 'none' ? '' : logPathOf(context, id),
    Name: `/${container.name}`,
    RestartCount: life.restartCount,
    Driver: context.snapshotter.name,
    Platform: record.os,
    ...(record.manifest ? { ImageManifestDescriptor: { ...record.manifest, platform: record.platform } } : {}),
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    ExecIDs: execIds(context, container),
    HostConfig: completeHost(host),
    GraphDriver: { Name: context.snapshotter.name, Data: context.snapshotter.describe(id) },
    ...sizes,
    Mounts: record.mounts,
    Config: config,
    NetworkSettings: {
      Bridge: '',
      SandboxID: container.running ? id : '',
      SandboxKey: endpoint ? context.networks.sandboxPath(id) : '',
      Ports: portMap(endpoint, config.ExposedPorts ?? {}),
      EndpointID: endpoint?.id ?? '',
      Gateway: endpoint?.gateway ?? '',
      IPAddress: endpoint?.address ?? '',
      IPPrefixLen: endpoint?.prefix ?? 0,
      MacAddress: endpoint?.mac ?? '',
      HairpinMode: false,
      IPv6Gateway: '',
      GlobalIPv6Address: '',
      GlobalIPv6PrefixLen: 0,
      LinkLocalIPv6Address: '',
      LinkLocalIPv6PrefixLen: 0,
      SecondaryIPAddresses: null,
      SecondaryIPv6Addresses: null,
      Networks: endpointSettings(context, container),
    },
  }
}

/** Bytes of the container's own files, and of all that it sees. */
export const sizesOf = async (
  context: Context,
  container: Container,
): Promise<{ SizeRw: number; SizeRootFs: number }> => {
  const own = await context.snapshotter.usage(container.id)
  const layers = context.images.find(container.record.image)?.layers ?? []
  const below = layers.reduce((sum, layer) => sum + (context.snapshotter.layer(layer.diffId)?.size ?? 0), 0)
  return { SizeRw: own, SizeRootFs: own + below }
}

const execIds = (context: Context, container: Container): string[] | null => {
  const running = context.execs
    .of(container)
    .filter(exec => exec.state === 'running')
    .map(exec => exec.id)
  return running.length > 0 ? running : null
}

/** Every field that Docker shows, also those that the client left out. */
const completeHost = (host: Container['record']['hostConfig']): Container['record']['hostConfig'] => ({
  Binds: null,
  ContainerIDFile: '',
  PortBindings: {},
  AutoRemove: false,
  VolumeDriver: '',
  VolumesFrom: null,
  ConsoleSize: [0, 0],
  CapAdd: null,
  CapDrop: null,
  Dns: null,
  DnsOptions: null,
  DnsSearch: null,
  ExtraHosts: null,
  GroupAdd: null,
  Cgroup: '',
  Links: null,
  OomScoreAdj: 0,
  PidMode: '',
  Privileged: false,
  PublishAllPorts: false,
  ReadonlyRootfs: false,
  SecurityOpt: null,
  UTSMode: '',
  UsernsMode: '',
  Isolation: '',
  CpuShares: 0,
  Memory: 0,
  NanoCpus: 0,
  CgroupParent: '',
  BlkioWeight: 0,
  BlkioWeightDevice: null,
  BlkioDeviceReadBps: null,
  BlkioDeviceWriteBps: null,
  BlkioDeviceReadIOps: null,
  BlkioDeviceWriteIOps: null,
  CpuPeriod: 0,
  CpuQuota: 0,
  CpuRealtimePeriod: 0,
  CpuRealtimeRuntime: 0,
  CpusetCpus: '',
  CpusetMems: '',
  Devices: null,
  DeviceCgroupRules: null,
  DeviceRequests: null,
  MemoryReservation: 0,
  MemorySwap: host.Memory ? host.Memory * 2 : 0,
  MemorySwappiness: null,
  OomKillDisable: false,
  PidsLimit: null,
  CpuCount: 0,
  CpuPercent: 0,
  IOMaximumIOps: 0,
  IOMaximumBandwidth: 0,
  Ulimits: null,
  // What was left out may be there as undefined, too.
  ...(JSON.parse(JSON.stringify(host)) as typeof host),
  MaskedPaths: host.MaskedPaths ?? (host.Privileged ? null : MASKED_PATHS),
  ReadonlyPaths: host.ReadonlyPaths ?? (host.Privileged ? null : READONLY_PATHS),
})
