import { readdirSync, statSync } from 'node:fs'
import type { HostConfig } from '../api/container.ts'
import { invalidArgument } from '../errdefs.ts'
import type { DeviceRule, DeviceSpec, ResourcesSpec } from '../oci/runtime-spec.ts'
import { DEVICE_RULES } from '../runtime/default-spec.ts'

const MEBIBYTE = 1024 * 1024
const PERIOD = 100_000

/** Throws InvalidArgument, in Docker's words, for limits that make no sense together. `cpus` is what the host has. */
export const checkResources = (host: HostConfig, cpus: number): void => {
  const { Memory = 0, MemorySwap = 0, MemoryReservation = 0, NanoCpus = 0 } = host
  if (Memory !== 0 && Memory < 6 * MEBIBYTE) throw invalidArgument('Minimum memory limit allowed is 6MB')
  if (MemorySwap > 0 && Memory === 0)
    throw invalidArgument('You should always set the Memory limit when using Memoryswap limit, see usage')
  if (MemorySwap > 0 && MemorySwap < Memory) {
    throw invalidArgument('Minimum memoryswap limit should be larger than memory limit, see usage')
  }
  if (MemoryReservation > 0 && Memory > 0 && MemoryReservation > Memory) {
    throw invalidArgument('Minimum memory limit can not be less than memory reservation limit, see usage')
  }
  if (NanoCpus > 0 && ((host.CpuPeriod ?? 0) > 0 || (host.CpuQuota ?? 0) > 0)) {
    throw invalidArgument('Conflicting options: Nano CPUs and CPU CFS quota or period cannot both be set')
  }
  if (NanoCpus < 0 || NanoCpus > cpus * 1e9) {
    throw invalidArgument(`range of CPUs is from 0.01 to ${cpus.toFixed(2)}, as there are only ${cpus} CPUs available`)
  }
}

const deviceRule = (text: string): DeviceRule => {
  const match = /^([acb]) ([0-9]+|\*):([0-9]+|\*) ([rwm]{1,3})$/.exec(text)
  if (!match) throw invalidArgument(`invalid device cgroup rule format: '${text}'`)
  const [, type, major, minor, access] = match
  return {
    allow: true,
    type: type as string,
    ...(major === '*' ? {} : { major: Number(major) }),
    ...(minor === '*' ? {} : { minor: Number(minor) }),
    access: access as string,
  }
}

/** A device node of the host. `path` is where the container sees it. Throws InvalidArgument. */
const deviceOf = (source: string, path: string): DeviceSpec => {
  let stat: ReturnType<typeof statSync>
  try {
    stat = statSync(source)
  } catch (cause) {
    throw invalidArgument(
      `error gathering device information while adding custom device "${source}": no such file or directory`,
      { cause },
    )
  }
  if (!stat.isCharacterDevice() && !stat.isBlockDevice()) {
    throw invalidArgument(
      `error gathering device information while adding custom device "${source}": not a device node`,
    )
  }
  return {
    path,
    type: stat.isBlockDevice() ? 'b' : 'c',
    major: (stat.rdev >> 8) & 0xfff,
    minor: (stat.rdev & 0xff) | ((stat.rdev >> 12) & 0xfff00),
    fileMode: stat.mode & 0o777,
    uid: stat.uid,
    gid: stat.gid,
  }
}

/** What a container has of its own below /dev, or must not see of the host's. */
const OWN_DEVICES = [
  'pts',
  'shm',
  'mqueue',
  'fd',
  'lxc',
  'lxd-fuse',
  '.lxc',
  '.lxd-mounts',
  '.udev',
  'console',
  'ptmx',
  'tty',
]

/** Every device node of the host, for privileged containers. */
const hostDevices = (directory = '/dev'): DeviceSpec[] =>
  readdirSync(directory, { withFileTypes: true }).flatMap(entry => {
    const path = `${directory}/${entry.name}`
    if (directory === '/dev' && OWN_DEVICES.includes(entry.name)) return []
    if (entry.isDirectory()) return hostDevices(path)
    return entry.isCharacterDevice() || entry.isBlockDevice() ? [deviceOf(path, path)] : []
  })

/** The devices that the container gets beside those that every one has. Throws InvalidArgument. */
export const deviceSpecs = (host: HostConfig): DeviceSpec[] => [
  ...(host.Privileged ? hostDevices() : []),
  ...(host.Devices ?? []).map(device => deviceOf(device.PathOnHost, device.PathInContainer || device.PathOnHost)),
]

const defined = <Value extends object>(value: Value): Value | undefined =>
  Object.values(value).some(entry => entry !== undefined) ? value : undefined

/** The cgroup's limits. Throws InvalidArgument. */
export const resourcesSpec = (host: HostConfig, devices: readonly DeviceSpec[]): ResourcesSpec => {
  const { Memory = 0, MemorySwap = 0, NanoCpus = 0 } = host
  const positive = (value: number | undefined): number | undefined =>
    value !== undefined && value > 0 ? value : undefined
  return {
    devices: host.Privileged
      ? [{ allow: true, access: 'rwm' }]
      : [
          ...DEVICE_RULES,
          ...devices.map((device, index) => ({
            allow: true,
            type: device.type,
            major: device.major,
            minor: device.minor,
            access: host.Devices?.[index]?.CgroupPermissions || 'rwm',
          })),
          ...(host.DeviceCgroupRules ?? []).map(deviceRule),
        ],
    memory: defined({
      limit: positive(Memory),
      // Docker's rule: as much swap again, unless told otherwise.
      swap: MemorySwap === -1 ? -1 : MemorySwap > 0 ? MemorySwap : Memory > 0 ? Memory * 2 : undefined,
      reservation: positive(host.MemoryReservation),
      swappiness: host.MemorySwappiness != null && host.MemorySwappiness >= 0 ? host.MemorySwappiness : undefined,
      disableOOMKiller: host.OomKillDisable ? true : undefined,
    }),
    cpu: defined({
      shares: positive(host.CpuShares),
      quota: NanoCpus > 0 ? Math.round((NanoCpus * PERIOD) / 1e9) : host.CpuQuota || undefined,
      period: NanoCpus > 0 ? PERIOD : positive(host.CpuPeriod),
      realtimeRuntime: positive(host.CpuRealtimeRuntime),
      realtimePeriod: positive(host.CpuRealtimePeriod),
      cpus: host.CpusetCpus || undefined,
      mems: host.CpusetMems || undefined,
    }),
    pids: host.PidsLimit != null && host.PidsLimit !== 0 ? { limit: host.PidsLimit } : undefined,
    blockIO: defined({ weight: positive(host.BlkioWeight) }),
  }
}
