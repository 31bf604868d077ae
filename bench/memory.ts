import { readdirSync, readFileSync } from 'node:fs'

/** The proportional set size of all processes whose command line speaks of a folder, in MiB: shared pages count once. */
export const proportionalMemory = (folder: string): number => {
  let kibibytes = 0
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue
    try {
      if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder)) continue
      kibibytes += Number(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8').match(/^Pss:\s+(\d+) kB/m)?.[1] ?? 0)
    } catch {
      // It ended meanwhile.
    }
  }
  return kibibytes / 1024
}
