import { invalidArgument } from '../errdefs.ts'

/**
 * The type that a JSON value must have; what is not named in an object may be anything. null is no value at all.
 * `words` are strings of which a single one may stand alone, as Docker allows for commands.
 */
export type Shape =
  | 'string'
  | 'int'
  | 'bool'
  | 'strings'
  | 'words'
  | { readonly list: Shape }
  | { readonly map: Shape }
  | Fields
export type Fields = { readonly fields: Readonly<Record<string, Shape>> }

const GO_TYPES: Readonly<Record<string, string>> = { string: 'string', int: 'int64', bool: 'bool' }

/**
 * Holds a client's JSON against the types that the engine counts on, so that nonsense is refused at the door.
 * Throws InvalidArgument as Go's decoder words it. `type` is the name of the whole body.
 */
export const checkShape = (value: unknown, shape: Shape, type: string, path = ''): void => {
  const wrong = (expected: string): Error =>
    invalidArgument(
      path === ''
        ? `invalid JSON: json: cannot unmarshal ${jsonType(value)} into Go value of type ${expected}`
        : `invalid JSON: json: cannot unmarshal ${jsonType(value)} into Go struct field .${path} of type ${expected}`,
    )
  if (value === null || value === undefined) return
  if (shape === 'words' && typeof value === 'string') return
  if (shape === 'strings' || shape === 'words') return checkShape(value, { list: 'string' }, type, path)
  if (typeof shape === 'string') {
    const good =
      shape === 'string'
        ? typeof value === 'string'
        : shape === 'bool'
          ? typeof value === 'boolean'
          : Number.isInteger(value)
    if (!good) throw wrong(GO_TYPES[shape] ?? shape)
    return
  }
  if ('list' in shape) {
    if (!Array.isArray(value)) throw wrong(shape.list === 'string' ? '[]string' : 'array')
    for (const [index, item] of value.entries()) checkShape(item, shape.list, type, join(path, String(index)))
    return
  }
  if (typeof value !== 'object' || Array.isArray(value)) throw wrong(path === '' ? type : 'object')
  if ('map' in shape) {
    for (const [key, item] of Object.entries(value))
      checkShape(item, shape.map, type, join(path, key.replaceAll('~', '~0').replaceAll('/', '~1')))
    return
  }
  for (const [name, inner] of Object.entries(value)) {
    const known = shape.fields[name]
    if (known !== undefined) checkShape(inner, known, type, join(path, name))
  }
}

const join = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`)

const jsonType = (value: unknown): string =>
  Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value

const OBJECT: Shape = { fields: {} }
const STRING_MAP: Shape = { map: 'string' }
const each = (type: Shape, names: string): Record<string, Shape> =>
  Object.fromEntries(names.split(' ').map(name => [name, type]))

const HEALTHCHECK: Shape = {
  fields: { Test: 'strings', ...each('int', 'Interval Timeout StartPeriod StartInterval Retries') },
}
const DEVICE: Shape = { fields: each('string', 'PathOnHost PathInContainer CgroupPermissions') }
const MOUNT: Shape = {
  fields: {
    ...each('string', 'Type Source Target Consistency'),
    ReadOnly: 'bool',
    BindOptions: {
      fields: {
        Propagation: 'string',
        ...each('bool', 'NonRecursive CreateMountpoint ReadOnlyNonRecursive ReadOnlyForceRecursive'),
      },
    },
    VolumeOptions: {
      fields: {
        NoCopy: 'bool',
        Labels: STRING_MAP,
        DriverConfig: { fields: { Name: 'string', Options: STRING_MAP } },
        Subpath: 'string',
      },
    },
    TmpfsOptions: { fields: { ...each('int', 'SizeBytes Mode'), Options: { list: 'strings' } } },
  },
}
const HOST_CONFIG: Shape = {
  fields: {
    ...each(
      'strings',
      'Binds VolumesFrom Dns DnsOptions DnsSearch ExtraHosts GroupAdd Links SecurityOpt MaskedPaths ReadonlyPaths DeviceCgroupRules',
    ),
    ...each('words', 'CapAdd CapDrop'),
    ...each(
      'string',
      'ContainerIDFile NetworkMode VolumeDriver CgroupnsMode IpcMode Cgroup PidMode UTSMode UsernsMode Runtime Isolation CgroupParent CpusetCpus CpusetMems',
    ),
    ...each('bool', 'AutoRemove Privileged PublishAllPorts ReadonlyRootfs Init OomKillDisable'),
    ...each(
      'int',
      'OomScoreAdj ShmSize CpuShares Memory NanoCpus BlkioWeight CpuPeriod CpuQuota CpuRealtimePeriod CpuRealtimeRuntime MemoryReservation MemorySwap MemorySwappiness PidsLimit CpuCount CpuPercent',
    ),
    ...each(STRING_MAP, 'Annotations StorageOpt Tmpfs Sysctls'),
    LogConfig: { fields: { Type: 'string', Config: STRING_MAP } },
    PortBindings: { map: { list: { fields: each('string', 'HostIp HostPort') } } },
    RestartPolicy: { fields: { Name: 'string', MaximumRetryCount: 'int' } },
    Mounts: { list: MOUNT },
    ConsoleSize: { list: 'int' },
    Devices: { list: DEVICE },
    DeviceRequests: { list: OBJECT },
    Ulimits: { list: { fields: { Name: 'string', Soft: 'int', Hard: 'int' } } },
  },
}

/** `POST /containers/create` */
export const CREATE_SHAPE: Shape = {
  fields: {
    ...each('string', 'Hostname Domainname User Image WorkingDir MacAddress StopSignal'),
    ...each('bool', 'AttachStdin AttachStdout AttachStderr Tty OpenStdin StdinOnce NetworkDisabled ArgsEscaped'),
    ...each('strings', 'Env OnBuild'),
    ...each('words', 'Cmd Entrypoint Shell'),
    ...each({ map: OBJECT }, 'ExposedPorts Volumes'),
    Labels: STRING_MAP,
    StopTimeout: 'int',
    Healthcheck: HEALTHCHECK,
    HostConfig: HOST_CONFIG,
    NetworkingConfig: {
      fields: {
        EndpointsConfig: {
          map: { fields: { ...each('strings', 'Links Aliases'), MacAddress: 'string', DriverOpts: STRING_MAP } },
        },
      },
    },
  },
}

/** `POST /containers/{id}/exec` */
export const EXEC_SHAPE: Shape = {
  fields: {
    ...each('string', 'User DetachKeys WorkingDir'),
    ...each('bool', 'Privileged Tty AttachStdin AttachStderr AttachStdout Detach'),
    ...each('strings', 'Env Cmd'),
    ConsoleSize: { list: 'int' },
  },
}

/** `POST /exec/{id}/start` */
export const EXEC_START_SHAPE: Shape = { fields: { ...each('bool', 'Detach Tty'), ConsoleSize: { list: 'int' } } }

/** `POST /volumes/create` */
export const VOLUME_SHAPE: Shape = {
  fields: { ...each('string', 'Name Driver'), ...each(STRING_MAP, 'DriverOpts Labels') },
}
