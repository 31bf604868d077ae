import { lstatSync, rmdirSync, statSync, unlinkSync, utimesSync } from 'node:fs'
import { dirname } from 'node:path'
import { codeOf } from '../../errdefs.ts'
import { resolveInside } from '../../runtime/user.ts'

/** What a running process has mounted over the image; deepest first. The runtime makes what is missing of it. */
const MOUNT_POINTS = ['/etc/hostname', '/etc/hosts', '/etc/resolv.conf', '/etc', '/dev', '/proc', '/sys']

/**
 * Remembers which mount points the image does not have, and takes them away again after the step: they were made for it
 * and are not its result.
 */
export const rememberMountPoints = (root: string): (() => void) => {
  const missing = MOUNT_POINTS.flatMap(path => {
    const real = resolveInside(root, path)
    return real === undefined || lstatSync(real, { throwIfNoEntry: false }) !== undefined ? [] : [real]
  })
  const parents = new Map<string, { atime: Date; mtime: Date }>()
  for (const path of missing) {
    const stat = statSync(dirname(path), { throwIfNoEntry: false })
    if (stat !== undefined) parents.set(dirname(path), { atime: stat.atime, mtime: stat.mtime })
  }
  return () => {
    for (const path of missing) removeIfEmpty(path)
    for (const [path, { atime, mtime }] of parents) {
      const now = statSync(path, { throwIfNoEntry: false })
      // Setting the time it has would make it a change of the step.
      if (now !== undefined && now.mtimeMs !== mtime.getTime()) utimesSync(path, atime, mtime)
    }
  }
}

const removeIfEmpty = (path: string): void => {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat?.isFile() && stat.size === 0) unlinkSync(path)
  if (!stat?.isDirectory()) return
  try {
    rmdirSync(path)
  } catch (error) {
    // The step has put something there: then it is the step's.
    if (codeOf(error) !== 'ENOTEMPTY') throw error
  }
}
