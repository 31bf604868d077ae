import koffi from 'koffi'
import { check, cString, libc, SyscallError } from './libc.ts'

export { SyscallError } from './libc.ts'
export { MNT, MS, mount, mountsBelow, umount } from './mount.ts'

type Path = string | Buffer

const lsetxattrCall = libc.func(
  'int lsetxattr(const void *path, const void *name, const void *value, size_t size, int flags)',
)
const lgetxattrCall = libc.func('long lgetxattr(const void *path, const void *name, void *value, size_t size)')
const llistxattrCall = libc.func('long llistxattr(const void *path, void *list, size_t size)')
const lremovexattrCall = libc.func('int lremovexattr(const void *path, const void *name)')
const mknodCall = libc.func('int mknod(const void *path, unsigned int mode, unsigned long dev)')
const utimensatCall = libc.func('int utimensat(int dirfd, const void *path, const void *times, int flags)')
const flockCall = libc.func('int flock(int fd, int operation)')

/** File type bits of `mknod` and `st_mode`. */
export const S_IFIFO = 0o010000
export const S_IFCHR = 0o020000
export const S_IFBLK = 0o060000

export const lsetxattr = (path: Path, name: Path, value: Uint8Array): void => {
  check(lsetxattrCall(cString(path), cString(name), value, value.byteLength, 0), 'lsetxattr', path)
}

/** Undefined when the attribute is not there or the file system has none. */
export const lgetxattr = (path: Path, name: Path): Buffer | undefined => {
  for (let size = 256; ; ) {
    const value = Buffer.alloc(size)
    const length = Number(lgetxattrCall(cString(path), cString(name), value, size))
    if (length >= 0) return value.subarray(0, length)
    const error = new SyscallError('lgetxattr', koffi.errno(), path)
    if (error.code === 'ENODATA' || error.code === 'ENOTSUP' || error.code === 'EOPNOTSUPP') return undefined
    if (error.code !== 'ERANGE') throw error
    size = 65536
  }
}

/** Whether the file system could keep such an attribute there, whether or not it has it. */
export const keepsAttribute = (path: Path, name: Path): boolean => {
  if (Number(lgetxattrCall(cString(path), cString(name), null, 0)) >= 0) return true
  const { code } = new SyscallError('lgetxattr', koffi.errno(), path)
  return code !== 'ENOTSUP' && code !== 'EOPNOTSUPP'
}

/** Attribute names, as bytes in latin1 strings. */
export const llistxattr = (path: Path): string[] => {
  for (let size = 1024; ; ) {
    const list = Buffer.alloc(size)
    const length = Number(llistxattrCall(cString(path), list, size))
    if (length >= 0) return list.toString('latin1', 0, length).split('\0').filter(Boolean)
    const error = new SyscallError('llistxattr', koffi.errno(), path)
    if (error.code === 'ENOTSUP' || error.code === 'EOPNOTSUPP') return []
    if (error.code !== 'ERANGE') throw error
    size = 65536
  }
}

export const lremovexattr = (path: Path, name: Path): void => {
  check(lremovexattrCall(cString(path), cString(name)), 'lremovexattr', path)
}

/** A device number as the kernel packs it. */
export const makeDevice = (major: number, minor: number): bigint => {
  const [high, low] = [BigInt(major), BigInt(minor)]
  return (low & 0xffn) | ((high & 0xfffn) << 8n) | ((low & ~0xffn) << 12n) | ((high & ~0xfffn) << 32n)
}

/** mknod(2): `mode` holds the type (S_IF…) and the permissions, less the umask. */
export const mknod = (path: Path, mode: number, device: bigint = 0n): void => {
  check(mknodCall(cString(path), mode, device), 'mknod', path)
}

/** Sets access and modification time, nanoseconds since the epoch, of the name itself (not of what a link points at). */
export const lutimes = (path: Path, atime: bigint, mtime: bigint): void => {
  const times = Buffer.alloc(32)
  for (const [index, time] of [atime, mtime].entries()) {
    const nanoseconds = ((time % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n
    times.writeBigInt64LE((time - nanoseconds) / 1_000_000_000n, index * 16)
    times.writeBigInt64LE(nanoseconds, index * 16 + 8)
  }
  const AT_FDCWD = -100
  const AT_SYMLINK_NOFOLLOW = 0x100
  check(utimensatCall(AT_FDCWD, cString(path), times, AT_SYMLINK_NOFOLLOW), 'utimensat', path)
}

/** Takes an exclusive lock that dies with the process. False when somebody else holds it. */
export const flock = (fd: number): boolean => {
  const LOCK_EX_NB = 2 | 4
  if (flockCall(fd, LOCK_EX_NB) === 0) return true
  const error = new SyscallError('flock', koffi.errno())
  if (error.code === 'EAGAIN') return false
  throw error
}
