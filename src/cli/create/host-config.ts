import type { DeviceRequest, HostConfig, LogConfig, Mount, RestartPolicy } from '../../api/container.ts'
import type { Flags } from '../flags/flags.ts'
import { capability, parseUlimit } from './checks.ts'
import { isCdiDevice, parseDevice, parseGpus, parseIopsDevice, parseRateDevice, parseWeightDevice } from './devices.ts'
import { toMap } from './environment.ts'
import { parseMount } from './mount.ts'
import type { Publication } from './ports.ts'
import { parseSecurityOptions } from './security-options.ts'

type Parts = {
  readonly binds: readonly string[]
  readonly publications: readonly Publication[]
  readonly networkMode: string
}

/** `HostConfig` of a create request. Throws Errors in Docker's words. */
export const hostConfig = (flags: Flags, parts: Parts): HostConfig => {
  const restart = restartPolicy(flags.string('restart'))
  if (flags.bool('rm') && restart.Name !== 'no' && restart.Name !== '')
    throw new Error('conflicting options: cannot specify both --restart and --rm')
  checkModes(flags)
  const security = parseSecurityOptions(flags.list('security-opt'))
  const devices = flags.list('device')
  return {
    Binds: orNull(parts.binds),
    ContainerIDFile: flags.string('cidfile'),
    LogConfig: logConfig(flags),
    NetworkMode: parts.networkMode,
    PortBindings: portBindings(parts.publications),
    RestartPolicy: restart,
    AutoRemove: flags.bool('rm'),
    VolumeDriver: flags.string('volume-driver'),
    VolumesFrom: orNull(flags.list('volumes-from')),
    ...many('Mounts', mounts(flags)),
    ...mapped('Annotations', flags.list('annotation')),
    CapAdd: orNull(flags.list('cap-add').map(capability)),
    CapDrop: orNull(flags.list('cap-drop').map(capability)),
    CgroupnsMode: flags.string('cgroupns'),
    Dns: flags.list('dns'),
    DnsOptions: flags.list('dns-option'),
    DnsSearch: flags.list('dns-search'),
    ExtraHosts: orNull(flags.list('add-host')),
    GroupAdd: orNull(flags.list('group-add')),
    IpcMode: flags.string('ipc'),
    Links: orNull(flags.list('link')),
    OomScoreAdj: flags.number('oom-score-adj'),
    PidMode: flags.string('pid'),
    Privileged: flags.bool('privileged'),
    PublishAllPorts: flags.bool('publish-all'),
    ReadonlyRootfs: flags.bool('read-only'),
    SecurityOpt: orNull(security.options),
    ...(security.unmasked ? { MaskedPaths: [], ReadonlyPaths: [] } : {}),
    ...mapped('StorageOpt', storageOptions(flags)),
    ...tmpfs(flags),
    UTSMode: flags.string('uts'),
    UsernsMode: flags.string('userns'),
    ShmSize: flags.bytes('shm-size'),
    ...mapped('Sysctls', flags.list('sysctl')),
    ...(flags.string('runtime') ? { Runtime: flags.string('runtime') } : {}),
    Isolation: flags.string('isolation'),
    ...(flags.changed('init') ? { Init: flags.bool('init') } : {}),
    ...resources(flags),
    Devices: devices.filter(device => !isCdiDevice(device)).map(parseDevice),
    DeviceCgroupRules: orNull(flags.list('device-cgroup-rule')),
    DeviceRequests: orNull(deviceRequests(flags)),
  }
}

const resources = (flags: Flags): HostConfig => {
  const swappiness = flags.changed('memory-swappiness') ? flags.number('memory-swappiness') : -1
  if (swappiness < -1 || swappiness > 100)
    throw new Error(`invalid value: ${swappiness}. Valid memory swappiness range is 0-100`)
  return {
    CpuShares: flags.number('cpu-shares'),
    Memory: flags.bytes('memory'),
    NanoCpus: Math.round(flags.number('cpus') * 1e9),
    CgroupParent: flags.string('cgroup-parent'),
    BlkioWeight: flags.number('blkio-weight'),
    BlkioWeightDevice: flags.list('blkio-weight-device').map(parseWeightDevice),
    BlkioDeviceReadBps: flags.list('device-read-bps').map(parseRateDevice),
    BlkioDeviceWriteBps: flags.list('device-write-bps').map(parseRateDevice),
    BlkioDeviceReadIOps: flags.list('device-read-iops').map(parseIopsDevice),
    BlkioDeviceWriteIOps: flags.list('device-write-iops').map(parseIopsDevice),
    CpuPeriod: flags.number('cpu-period'),
    CpuQuota: flags.number('cpu-quota'),
    CpuRealtimePeriod: flags.number('cpu-rt-period'),
    CpuRealtimeRuntime: flags.number('cpu-rt-runtime'),
    CpusetCpus: flags.string('cpuset-cpus'),
    CpusetMems: flags.string('cpuset-mems'),
    MemoryReservation: flags.bytes('memory-reservation'),
    MemorySwap: flags.bytes('memory-swap'),
    MemorySwappiness: swappiness,
    OomKillDisable: flags.bool('oom-kill-disable'),
    PidsLimit: flags.number('pids-limit'),
    Ulimits: flags.list('ulimit').map(parseUlimit),
  }
}

/** Docker's client sends null for these lists when they are empty, and inspect shows it. */
const orNull = <T>(values: readonly T[]): readonly T[] | null => (values.length > 0 ? values : null)

const many = <K extends string, T>(key: K, values: readonly T[]): { [P in K]?: readonly T[] } =>
  (values.length > 0 ? { [key]: values } : {}) as { [P in K]?: readonly T[] }
const mapped = <K extends string>(key: K, pairs: readonly string[]): { [P in K]?: Record<string, string> } =>
  (pairs.length > 0 ? { [key]: toMap(pairs) } : {}) as { [P in K]?: Record<string, string> }

const mounts = (flags: Flags): Mount[] => flags.list('mount').map(parseMount)

const tmpfs = (flags: Flags): { Tmpfs?: Record<string, string> } => {
  const given = flags.list('tmpfs')
  if (given.length === 0) return {}
  return {
    Tmpfs: Object.fromEntries(
      given.map(spec => {
        const colon = spec.indexOf(':')
        return colon < 0 ? [spec, ''] : [spec.slice(0, colon), spec.slice(colon + 1)]
      }),
    ),
  }
}

const checkModes = (flags: Flags): void => {
  const pid = flags.string('pid')
  if (pid !== '' && pid !== 'host' && !/^container:./.test(pid)) throw new Error('--pid: invalid PID mode')
  if (!['', 'host'].includes(flags.string('uts'))) throw new Error('--uts: invalid UTS mode')
  if (!['', 'host'].includes(flags.string('userns'))) throw new Error('--userns: invalid USER mode')
  if (!['', 'host', 'private'].includes(flags.string('cgroupns'))) throw new Error('--cgroupns: invalid CGROUP mode')
}

const portBindings = (publications: readonly Publication[]): HostConfig['PortBindings'] => {
  const result: Record<string, Publication['binding'][]> = {}
  for (const { port, binding } of publications) (result[port] ??= []).push(binding)
  return result
}

const restartPolicy = (text: string): RestartPolicy => {
  const [name = '', count, ...more] = text.split(':')
  if (more.length > 0 || (count !== undefined && !/^[+-]?\d+$/.test(count)))
    throw new Error('invalid restart policy format: maximum retry count must be an integer')
  if (name === '' && count !== undefined)
    throw new Error('invalid restart policy format: no policy provided before colon')
  return { Name: name, MaximumRetryCount: Number(count ?? 0) }
}

const logConfig = (flags: Flags): LogConfig => {
  const options = flags.list('log-opt')
  if (flags.string('log-driver') === 'none' && options.length > 0)
    throw new Error('invalid logging opts for driver none')
  return { Type: flags.string('log-driver'), Config: toMap(options) }
}

const storageOptions = (flags: Flags): string[] => {
  const options = flags.list('storage-opt')
  if (options.some(option => !option.includes('='))) throw new Error('invalid storage option')
  return options
}

const deviceRequests = (flags: Flags): DeviceRequest[] => {
  const requests = flags.list('gpus').map(parseGpus)
  const cdi = flags.list('device').filter(isCdiDevice)
  return cdi.length > 0 ? [...requests, { Driver: 'cdi', DeviceIDs: cdi }] : requests
}
