import { lstat, opendir } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf } from '../errdefs.ts'

/** Bytes in the files below a directory; a file with several names counts once. What vanishes meanwhile counts nothing. */
export const directorySize = async (directory: string): Promise<number> => {
  const seen = new Set<string>()
  const waiting = [directory]
  let size = 0
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    try {
      for await (const entry of await opendir(next)) {
        const path = join(next, entry.name)
        if (entry.isDirectory()) {
          waiting.push(path)
          continue
        }
        const stat = await lstat(path)
        if (stat.nlink > 1) {
          const key = `${stat.dev}:${stat.ino}`
          if (seen.has(key)) continue
          seen.add(key)
        }
        size += stat.size
      }
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
    }
  }
  return size
}
