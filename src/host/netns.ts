import { closeSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { codeOf } from '../errdefs.ts'
import { check, libc } from './libc.ts'
import { MNT, MS, mount, umount } from './mount.ts'

const unshareCall = libc.func('int unshare(int flags)')
const setnsCall = libc.func('int setns(int fd, int type)')

const CLONE_NEWNET = 0x40000000
/** Of this thread: a process-wide path would show the wrong thread's namespace. */
const OWN = '/proc/thread-self/ns/net'

let home: number | undefined

/**
 * Runs `work` with this thread in another network namespace, and comes back. Synchronous from end to end, so that no other
 * JavaScript ever runs there. If coming back fails the process must not go on.
 */
const elsewhere = <Result>(enter: () => void, work: () => Result): Result => {
  home ??= openSync(OWN, 'r')
  enter()
  try {
    return work()
  } finally {
    if (setnsCall(home, CLONE_NEWNET) !== 0) {
      process.stderr.write('cannot return to the host network namespace\n')
      process.abort()
    }
  }
}

/** Makes a network namespace, kept alive by a mount on the file `path`. `inside` runs in it, synchronously. Throws SyscallError. */
export const createNetworkNamespace = <Result>(path: string, inside: () => Result): Result => {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
  writeFileSync(path, '', { mode: 0o444 })
  try {
    return elsewhere(
      () => check(unshareCall(CLONE_NEWNET), 'unshare'),
      () => {
        mount(OWN, path, '', MS.BIND)
        return inside()
      },
    )
  } catch (error) {
    removeNetworkNamespace(path)
    throw error
  }
}

/** Runs `work` in the namespace that `path` names, synchronously. */
export const insideNetworkNamespace = <Result>(path: string, work: () => Result): Result => {
  const fd = openSync(path, 'r')
  try {
    return elsewhere(() => check(setnsCall(fd, CLONE_NEWNET), 'setns', path), work)
  } finally {
    closeSync(fd)
  }
}

/** Lets go of a namespace; its links go with it once nobody is inside. Quiet when it is not there. */
export const removeNetworkNamespace = (path: string): void => {
  try {
    umount(path, MNT.DETACH)
  } catch (error) {
    if (codeOf(error) !== 'EINVAL' && codeOf(error) !== 'ENOENT') throw error
  }
  rmSync(path, { force: true })
}
