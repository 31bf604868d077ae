import { existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Makes a directory and those above it that are missing, top down. For paths that users give: Node's own recursive mkdir never
 * returns where the kernel answers ENOENT to a mkdir (`/proc/x`). Throws the system's error.
 */
export const makeDirectories = (path: string, mode = 0o777): void => {
  const missing: string[] = []
  for (let directory = path; !existsSync(directory); directory = dirname(directory)) missing.push(directory)
  for (const directory of missing.reverse()) mkdirSync(directory, { mode })
}
