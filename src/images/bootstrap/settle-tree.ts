import { lstatSync, readdirSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { lutimes } from '../../host/syscalls.ts'
import { toPath } from '../../storage/archive/byte-string.ts'

/** Entries looked at before others get their turn. */
const BATCH = 256
const SECOND = 1_000_000_000n

/**
 * Makes a fresh tree's times say nothing of when it was made: whatever is newer than `begun` gets the time of the newest
 * file that came with the packages. Same packages, same times. Gives that time; both in milliseconds since the epoch.
 */
export const settleTimes = async (root: string, begun: number): Promise<number> => {
  const limit = BigInt(Math.floor(begun)) * 1_000_000n
  const fresh: string[] = []
  let newest = 0n
  let count = 0
  const walk = async (path: string): Promise<void> => {
    const stat = lstatSync(toPath(path), { bigint: true })
    // What a script wrote just now, or claims to be from the future, is not what was packed.
    if (stat.mtimeNs >= limit) fresh.push(path)
    else if (stat.isFile() && stat.mtimeNs > newest) newest = stat.mtimeNs
    if (++count % BATCH === 0) await setImmediate()
    if (stat.isDirectory()) for (const name of readdirSync(toPath(path), 'latin1')) await walk(`${path}/${name}`)
  }
  await walk(Buffer.from(root).toString('latin1'))
  const epoch = (newest / SECOND) * SECOND
  // Children first: nothing done to them touches their directories' times, but it reads better in a trace.
  for (const path of fresh.reverse()) lutimes(toPath(path), epoch, epoch)
  return Number(epoch / 1_000_000n)
}
