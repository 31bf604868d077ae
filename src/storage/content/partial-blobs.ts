import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Milliseconds that a download which was broken off may be resumed. */
const KEPT = 7 * 24 * 3600_000
/** Bytes that such downloads may take together; the oldest go first. */
const ROOM = 10 * 2 ** 30

/** Makes the folder of blobs that are on their way, and takes away what nobody will go on with. At start: nothing is under way. */
export const sweepPartialBlobs = (directory: string, now = Date.now()): void => {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const files = readdirSync(directory)
    .map(name => ({ path: join(directory, name), stat: statSync(join(directory, name)) }))
    .sort((a, b) => b.stat.mtimeMs - a.stat.mtimeMs)
  let total = 0
  for (const { path, stat } of files) {
    total += stat.size
    if (now - stat.mtimeMs > KEPT || total > ROOM) rmSync(path, { recursive: true, force: true })
  }
}
