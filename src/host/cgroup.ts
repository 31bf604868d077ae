import { readdirSync, readFileSync, rmdirSync, statfsSync } from 'node:fs'
import { join } from 'node:path'

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

/** Where the hierarchies are mounted: one on v2, several on v1. */
const hierarchies = (): string[] =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .flatMap(line => (/ - cgroup2? /.test(line) ? [line.split(' ')[4] ?? ''] : []))

/** Removes a group, absolute in its hierarchies, and what lies below it, where no process is in them. Those with processes stay. */
export const removeEmptyCgroups = (group: string): void => {
  for (const hierarchy of hierarchies()) removeEmpty(join(hierarchy, group))
}

const removeEmpty = (directory: string): void => {
  try {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (entry.isDirectory()) removeEmpty(join(directory, entry.name))
    }
    rmdirSync(directory)
  } catch {
    // It is not there, or somebody is in it.
  }
}
