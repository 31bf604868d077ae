import { readFileSync, statfsSync } from 'node:fs'

const CGROUP2_SUPER_MAGIC = 0x63677270

/** 2 where the unified hierarchy stands alone; 1 for v1 and for hybrid hosts, whose controllers are v1's. */
export const cgroupVersion = (): 1 | 2 => {
  try {
    return statfsSync('/sys/fs/cgroup').type === CGROUP2_SUPER_MAGIC ? 2 : 1
  } catch {
    return 1
  }
}

/** Controllers that the kernel has switched on. */
export const cgroupControllers = (): ReadonlySet<string> =>
  new Set(
    readFileSync('/proc/cgroups', 'utf8')
      .split('\n')
      .map(line => line.split('\t'))
      .filter(([name, , , enabled]) => name !== undefined && !name.startsWith('#') && enabled === '1')
      .map(([name]) => name ?? ''),
  )
