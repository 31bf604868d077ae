import { closeSync, constants, mkdirSync, openSync, rmdirSync } from 'node:fs'
import { openat } from '../../host/at.ts'
import { MNT, MS, mount, umount } from '../../host/mount.ts'
import { resolveInside } from '../../runtime/user.ts'

const DIRECTORY = 0o10000000 /* O_PATH */ | constants.O_NOFOLLOW | constants.O_DIRECTORY

/**
 * Mounts the directory that `path` names below `root` at `place`, which does not exist yet, until it is disposed: whatever others make of
 * its names meanwhile, a link out of it for one, `place` leads to it. Undefined: no directory is there.
 */
export const pinInside = (root: string, path: string, place: string): Disposable | undefined => {
  const real = resolveInside(root, path)
  const fd = real === undefined ? undefined : openDirectory(root, real.slice(root.length))
  if (fd === undefined) return undefined
  try {
    mkdirSync(place)
    try {
      mount(`/proc/self/fd/${fd}`, place, '', MS.BIND)
    } catch (error) {
      rmdirSync(place)
      throw error
    }
  } finally {
    closeSync(fd)
  }
  return {
    [Symbol.dispose]: () => {
      umount(place, MNT.DETACH)
      rmdirSync(place)
    },
  }
}

/** Name by name, none of them a link. */
const openDirectory = (root: string, inside: string): number | undefined => {
  let fd = openSync(root, DIRECTORY)
  try {
    for (const name of inside.split('/').filter(Boolean)) {
      const next = openat(fd, Buffer.from(name).toString('latin1'), DIRECTORY)
      closeSync(fd)
      fd = next
    }
    return fd
  } catch {
    closeSync(fd)
    return undefined
  }
}
