/** The part of the OCI runtime specification that Tare writes. https://github.com/opencontainers/runtime-spec/blob/main/config.md */
export type RuntimeSpec = {
  readonly ociVersion: string
  readonly process: ProcessSpec
  readonly root: { readonly path: string; readonly readonly?: boolean }
  readonly hostname?: string | undefined
  readonly domainname?: string | undefined
  readonly mounts: readonly MountSpec[]
  readonly hooks?: Readonly<Record<string, readonly { readonly path: string; readonly args?: readonly string[] }[]>>
  readonly annotations?: Readonly<Record<string, string>> | undefined
  readonly linux: LinuxSpec
}

export type ProcessSpec = {
  readonly terminal?: boolean | undefined
  readonly consoleSize?: { readonly height: number; readonly width: number } | undefined
  readonly user: {
    readonly uid: number
    readonly gid: number
    readonly umask?: number
    readonly additionalGids?: readonly number[]
  }
  readonly args: readonly string[]
  readonly env: readonly string[]
  readonly cwd: string
  readonly capabilities?: Capabilities | undefined
  readonly rlimits?: readonly { readonly type: string; readonly soft: number; readonly hard: number }[] | undefined
  readonly noNewPrivileges?: boolean | undefined
  readonly apparmorProfile?: string | undefined
  readonly oomScoreAdj?: number | undefined
}

export type Capabilities = {
  readonly bounding: readonly string[]
  readonly effective: readonly string[]
  readonly permitted: readonly string[]
  readonly inheritable?: readonly string[]
  readonly ambient?: readonly string[]
}

export type MountSpec = {
  readonly destination: string
  readonly type?: string
  readonly source?: string
  readonly options?: readonly string[]
}

export type NamespaceType = 'pid' | 'network' | 'mount' | 'ipc' | 'uts' | 'user' | 'cgroup' | 'time'

export type LinuxSpec = {
  readonly namespaces: readonly { readonly type: NamespaceType; readonly path?: string }[]
  readonly devices?: readonly DeviceSpec[] | undefined
  readonly cgroupsPath?: string | undefined
  readonly resources?: ResourcesSpec | undefined
  readonly sysctl?: Readonly<Record<string, string>> | undefined
  readonly seccomp?: SeccompSpec | undefined
  readonly maskedPaths?: readonly string[] | undefined
  readonly readonlyPaths?: readonly string[] | undefined
  readonly rootfsPropagation?: string | undefined
}

export type DeviceSpec = {
  readonly path: string
  readonly type: 'c' | 'b' | 'p' | 'u'
  readonly major: number
  readonly minor: number
  readonly fileMode?: number
  readonly uid?: number
  readonly gid?: number
}

export type DeviceRule = {
  readonly allow: boolean
  readonly type?: string
  readonly major?: number
  readonly minor?: number
  readonly access?: string
}

export type ResourcesSpec = {
  readonly devices?: readonly DeviceRule[] | undefined
  /** Bytes. */
  readonly memory?:
    | {
        readonly limit?: number | undefined
        readonly reservation?: number | undefined
        readonly swap?: number | undefined
        readonly swappiness?: number | undefined
        readonly disableOOMKiller?: boolean | undefined
      }
    | undefined
  readonly cpu?:
    | {
        readonly shares?: number | undefined
        readonly quota?: number | undefined
        readonly period?: number | undefined
        readonly realtimeRuntime?: number | undefined
        readonly realtimePeriod?: number | undefined
        readonly cpus?: string | undefined
        readonly mems?: string | undefined
      }
    | undefined
  readonly pids?: { readonly limit: number } | undefined
  readonly blockIO?: { readonly weight?: number | undefined } | undefined
}

export type SeccompSpec = {
  readonly defaultAction: string
  readonly defaultErrnoRet?: number
  readonly architectures?: readonly string[]
  readonly syscalls?: readonly {
    readonly names: readonly string[]
    readonly action: string
    readonly errnoRet?: number
    readonly args?: readonly {
      readonly index: number
      readonly value: number
      readonly valueTwo?: number
      readonly op: string
    }[]
  }[]
}
