/** Wire types of `/containers` and `/exec`: Docker Engine API 1.52. https://docs.docker.com/reference/api/engine/ */
import type { Descriptor } from '../oci/descriptor.ts'
import type { ExecutionConfig, HealthConfig } from '../oci/image-config.ts'

/** `Config` of `POST /containers/create` and of inspect. */
export type ContainerConfig = ExecutionConfig & {
  readonly Hostname?: string
  readonly Domainname?: string
  readonly AttachStdin?: boolean
  readonly AttachStdout?: boolean
  readonly AttachStderr?: boolean
  readonly Tty?: boolean
  readonly OpenStdin?: boolean
  readonly StdinOnce?: boolean
  readonly Image?: string
  readonly NetworkDisabled?: boolean
  readonly MacAddress?: string
  /** Seconds. */
  readonly StopTimeout?: number
  readonly Healthcheck?: HealthConfig
}

export type PortBinding = { readonly HostIp?: string; readonly HostPort?: string }
/** Key: `80/tcp`. */
export type PortMap = Readonly<Record<string, readonly PortBinding[] | null>>

export type RestartPolicy = { readonly Name?: string; readonly MaximumRetryCount?: number }
export type Ulimit = { readonly Name: string; readonly Soft: number; readonly Hard: number }
export type DeviceMapping = {
  readonly PathOnHost: string
  readonly PathInContainer: string
  readonly CgroupPermissions: string
}
export type ThrottleDevice = { readonly Path: string; readonly Rate: number }
export type DeviceRequest = {
  readonly Driver?: string
  readonly Count?: number
  readonly DeviceIDs?: readonly string[] | null
  readonly Capabilities?: readonly (readonly string[])[] | null
  readonly Options?: Readonly<Record<string, string>> | null
}
export type LogConfig = { readonly Type?: string; readonly Config?: Readonly<Record<string, string>> | null }

export type Mount = {
  readonly Type: 'bind' | 'volume' | 'tmpfs' | 'npipe' | 'cluster' | 'image'
  readonly Source?: string
  readonly Target: string
  readonly ReadOnly?: boolean
  readonly Consistency?: string
  readonly BindOptions?: {
    readonly Propagation?: string
    readonly NonRecursive?: boolean
    readonly CreateMountpoint?: boolean
    readonly ReadOnlyNonRecursive?: boolean
    readonly ReadOnlyForceRecursive?: boolean
  }
  readonly VolumeOptions?: {
    readonly NoCopy?: boolean
    readonly Labels?: Readonly<Record<string, string>>
    readonly DriverConfig?: { readonly Name?: string; readonly Options?: Readonly<Record<string, string>> }
    readonly Subpath?: string
  }
  readonly ImageOptions?: { readonly Subpath?: string }
  readonly TmpfsOptions?: {
    readonly SizeBytes?: number
    readonly Mode?: number
    readonly Options?: readonly string[][]
  }
}

/** `HostConfig` of `POST /containers/create` and of inspect; resources included. */
export type HostConfig = {
  readonly Binds?: readonly string[] | null
  readonly ContainerIDFile?: string
  readonly LogConfig?: LogConfig
  readonly NetworkMode?: string
  readonly PortBindings?: PortMap | null
  readonly RestartPolicy?: RestartPolicy
  readonly AutoRemove?: boolean
  readonly VolumeDriver?: string
  readonly VolumesFrom?: readonly string[] | null
  readonly Mounts?: readonly Mount[] | null
  readonly ConsoleSize?: readonly [number, number]
  readonly Annotations?: Readonly<Record<string, string>>
  readonly CapAdd?: readonly string[] | null
  readonly CapDrop?: readonly string[] | null
  readonly CgroupnsMode?: string
  readonly Dns?: readonly string[] | null
  readonly DnsOptions?: readonly string[] | null
  readonly DnsSearch?: readonly string[] | null
  readonly ExtraHosts?: readonly string[] | null
  readonly GroupAdd?: readonly string[] | null
  readonly IpcMode?: string
  readonly Cgroup?: string
  readonly Links?: readonly string[] | null
  readonly OomScoreAdj?: number
  readonly PidMode?: string
  readonly Privileged?: boolean
  readonly PublishAllPorts?: boolean
  readonly ReadonlyRootfs?: boolean
  readonly SecurityOpt?: readonly string[] | null
  readonly StorageOpt?: Readonly<Record<string, string>> | null
  readonly Tmpfs?: Readonly<Record<string, string>> | null
  readonly UTSMode?: string
  readonly UsernsMode?: string
  /** Bytes. */
  readonly ShmSize?: number
  readonly Sysctls?: Readonly<Record<string, string>> | null
  readonly Runtime?: string
  readonly Isolation?: string
  readonly MaskedPaths?: readonly string[] | null
  readonly ReadonlyPaths?: readonly string[] | null
  readonly Init?: boolean | null
  readonly CpuShares?: number
  /** Bytes. */
  readonly Memory?: number
  /** Billionths of a CPU. */
  readonly NanoCpus?: number
  readonly CgroupParent?: string
  readonly BlkioWeight?: number
  readonly BlkioWeightDevice?: readonly { readonly Path: string; readonly Weight: number }[] | null
  readonly BlkioDeviceReadBps?: readonly ThrottleDevice[] | null
  readonly BlkioDeviceWriteBps?: readonly ThrottleDevice[] | null
  readonly BlkioDeviceReadIOps?: readonly ThrottleDevice[] | null
  readonly BlkioDeviceWriteIOps?: readonly ThrottleDevice[] | null
  /** Microseconds. */
  readonly CpuPeriod?: number
  /** Microseconds per period. */
  readonly CpuQuota?: number
  readonly CpuRealtimePeriod?: number
  readonly CpuRealtimeRuntime?: number
  readonly CpusetCpus?: string
  readonly CpusetMems?: string
  readonly Devices?: readonly DeviceMapping[] | null
  readonly DeviceCgroupRules?: readonly string[] | null
  readonly DeviceRequests?: readonly DeviceRequest[] | null
  readonly MemoryReservation?: number
  readonly MemorySwap?: number
  readonly MemorySwappiness?: number | null
  readonly OomKillDisable?: boolean | null
  readonly PidsLimit?: number | null
  readonly Ulimits?: readonly Ulimit[] | null
  readonly CpuCount?: number
  readonly CpuPercent?: number
  readonly IOMaximumIOps?: number
  readonly IOMaximumBandwidth?: number
}

export type EndpointSettings = {
  readonly IPAMConfig?: {
    readonly IPv4Address?: string
    readonly IPv6Address?: string
    readonly LinkLocalIPs?: readonly string[]
  } | null
  readonly Links?: readonly string[] | null
  readonly Aliases?: readonly string[] | null
  readonly DriverOpts?: Readonly<Record<string, string>> | null
  readonly GwPriority?: number
  readonly NetworkID?: string
  readonly EndpointID?: string
  readonly Gateway?: string
  readonly IPAddress?: string
  readonly MacAddress?: string
  readonly IPPrefixLen?: number
  readonly IPv6Gateway?: string
  readonly GlobalIPv6Address?: string
  readonly GlobalIPv6PrefixLen?: number
  readonly DNSNames?: readonly string[] | null
}

/** Body of `POST /containers/create`. */
export type ContainerCreateRequest = ContainerConfig & {
  readonly HostConfig?: HostConfig | null
  readonly NetworkingConfig?: {
    readonly EndpointsConfig?: Readonly<Record<string, EndpointSettings | null>> | null
  } | null
}
export type ContainerCreateResponse = { readonly Id: string; readonly Warnings: readonly string[] }

/** One row of `GET /containers/json`. */
export type ContainerSummary = {
  readonly Id: string
  /** Each with a leading slash. */
  readonly Names: readonly string[]
  readonly Image: string
  readonly ImageID: string
  readonly Command: string
  /** Seconds since the epoch. */
  readonly Created: number
  readonly Ports: readonly PortSummary[]
  readonly SizeRw?: number
  readonly SizeRootFs?: number
  readonly Labels: Readonly<Record<string, string>>
  readonly State: string
  readonly Status: string
  readonly HostConfig: { readonly NetworkMode: string; readonly Annotations?: Readonly<Record<string, string>> }
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, EndpointSettings>> }
  readonly Mounts: readonly MountPoint[]
}
export type PortSummary = {
  readonly IP?: string
  readonly PrivatePort: number
  readonly PublicPort?: number
  readonly Type: string
}
export type MountPoint = {
  readonly Type: string
  readonly Name?: string
  readonly Source: string
  readonly Destination: string
  readonly Driver?: string
  readonly Mode: string
  readonly RW: boolean
  readonly Propagation: string
}

export type ContainerState = {
  readonly Status: 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead'
  readonly Running: boolean
  readonly Paused: boolean
  readonly Restarting: boolean
  readonly OOMKilled: boolean
  readonly Dead: boolean
  readonly Pid: number
  readonly ExitCode: number
  readonly Error: string
  /** RFC 3339 with nanoseconds; `0001-01-01T00:00:00Z` when it never was. */
  readonly StartedAt: string
  readonly FinishedAt: string
}

/** `GET /containers/{id}/json` */
export type ContainerInspect = {
  readonly Id: string
  readonly Created: string
  readonly Path: string
  readonly Args: readonly string[]
  readonly State: ContainerState
  readonly Image: string
  readonly ResolvConfPath: string
  readonly HostnamePath: string
  readonly HostsPath: string
  readonly LogPath: string
  /** With a leading slash. */
  readonly Name: string
  readonly RestartCount: number
  readonly Driver: string
  readonly Platform: string
  readonly ImageManifestDescriptor?: Descriptor
  readonly MountLabel: string
  readonly ProcessLabel: string
  readonly AppArmorProfile: string
  readonly ExecIDs: readonly string[] | null
  readonly HostConfig: HostConfig
  readonly GraphDriver: { readonly Name: string; readonly Data: Readonly<Record<string, string>> | null }
  readonly SizeRw?: number
  readonly SizeRootFs?: number
  readonly Mounts: readonly MountPoint[]
  readonly Config: ContainerConfig
  readonly NetworkSettings: {
    readonly Bridge: string
    readonly SandboxID: string
    readonly SandboxKey: string
    readonly Ports: PortMap
    readonly EndpointID: string
    readonly Gateway: string
    readonly IPAddress: string
    readonly IPPrefixLen: number
    readonly MacAddress: string
    readonly HairpinMode: boolean
    readonly IPv6Gateway: string
    readonly GlobalIPv6Address: string
    readonly GlobalIPv6PrefixLen: number
    readonly LinkLocalIPv6Address: string
    readonly LinkLocalIPv6PrefixLen: number
    readonly SecondaryIPAddresses: null
    readonly SecondaryIPv6Addresses: null
    readonly Networks: Readonly<Record<string, EndpointSettings>>
  }
}

export type WaitCondition = 'not-running' | 'next-exit' | 'removed'
export type ContainerWaitResponse = { readonly StatusCode: number; readonly Error?: { readonly Message: string } }

export type ContainerPruneResponse = { readonly ContainersDeleted: readonly string[]; readonly SpaceReclaimed: number }

/** Body of `POST /containers/{id}/exec`. */
export type ExecCreateRequest = {
  readonly User?: string
  readonly Privileged?: boolean
  readonly Tty?: boolean
  readonly ConsoleSize?: readonly [number, number] | null
  readonly AttachStdin?: boolean
  readonly AttachStderr?: boolean
  readonly AttachStdout?: boolean
  readonly DetachKeys?: string
  readonly Env?: readonly string[] | null
  readonly WorkingDir?: string
  readonly Cmd?: readonly string[] | null
}
/** Body of `POST /exec/{id}/start`. */
export type ExecStartRequest = {
  readonly Detach?: boolean
  readonly Tty?: boolean
  readonly ConsoleSize?: readonly [number, number] | null
}
/** `GET /exec/{id}/json` */
export type ExecInspect = {
  readonly ID: string
  readonly Running: boolean
  readonly ExitCode: number | null
  readonly ProcessConfig: {
    readonly tty: boolean
    readonly entrypoint: string
    readonly arguments: readonly string[]
    readonly privileged: boolean
    readonly user?: string
  }
  readonly OpenStdin: boolean
  readonly OpenStderr: boolean
  readonly OpenStdout: boolean
  readonly CanRemove: boolean
  readonly ContainerID: string
  readonly DetachKeys: string
  readonly Pid: number
}

/** `GET /containers/{id}/top` */
export type ContainerTop = { readonly Titles: readonly string[]; readonly Processes: readonly (readonly string[])[] }
