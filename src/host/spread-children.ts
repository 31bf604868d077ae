import { closeSync, openSync } from 'node:fs'
import { libc } from './libc.ts'

/** From linux/fs.h; the same on all 64-bit systems. */
const FS_IOC_GETFLAGS = 0x80086601n
const FS_IOC_SETFLAGS = 0x40086602n
const FS_TOPDIR_FL = 0x00020000

const ioctlFlags = libc.func('int ioctl(int fd, unsigned long request, _Inout_ uint32_t *flags)')

/**
 * Asks ext4 to put the folders that will be made in a directory into different parts of the disk (`chattr +T`), where it
 * would put them beside each other. ext4 does not use inodes again for half a minute after they were freed, and looks at
 * each such one in turn: files made after a large removal in the same part take 300 µs each instead of 10. A hint: other
 * file systems do not know it, and nothing is lost without it.
 */
export const spreadChildren = (directory: string): void => {
  const fd = openSync(directory, 'r')
  try {
    const flags = new Uint32Array(2)
    if (ioctlFlags(fd, FS_IOC_GETFLAGS, flags) < 0 || ((flags[0] as number) & FS_TOPDIR_FL) !== 0) return
    flags[0] = (flags[0] as number) | FS_TOPDIR_FL
    ioctlFlags(fd, FS_IOC_SETFLAGS, flags)
  } finally {
    closeSync(fd)
  }
}
