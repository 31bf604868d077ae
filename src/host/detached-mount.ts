import { closeSync } from 'node:fs'
import { check, cString, libc } from './libc.ts'

// libc has names for these from glibc 2.36 on only. Their numbers are the same for all architectures.
const open = libc.func('long syscall(long number, const void *type, unsigned int flags)')
const config = libc.func(
  'long syscall(long number, int fd, unsigned int command, const void *key, const void *value, int aux)',
)
const mount = libc.func('long syscall(long number, int fd, unsigned int flags, unsigned int attributes)')
const FSOPEN = 430
const FSCONFIG = 431
const FSMOUNT = 432
const CLOEXEC = 1
const CMD_CREATE = 6
const MOUNT_ATTR_NOSUID_NODEV_NOEXEC = 14

/**
 * Mounts a file system without putting it anywhere: only who has the descriptor sees it, as /proc/self/fd/N, and it is gone
 * when that is closed. Throws SyscallError. Linux 5.2.
 */
export const mountDetached = (type: string): number => {
  const context = check(Number(open(FSOPEN, cString(type), CLOEXEC)), 'fsopen', type)
  try {
    check(Number(config(FSCONFIG, context, CMD_CREATE, null, null, 0)), 'fsconfig', type)
    return check(Number(mount(FSMOUNT, context, CLOEXEC, MOUNT_ATTR_NOSUID_NODEV_NOEXEC)), 'fsmount', type)
  } finally {
    closeSync(context)
  }
}
