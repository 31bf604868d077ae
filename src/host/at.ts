import koffi from 'koffi'
import { libc, SyscallError } from './libc.ts'

/**
 * System calls relative to an opened directory, a third of the cost of `node:fs` through /proc/self/fd. A name is bytes in a latin1
 * string, and one component: what it names is looked up in that very directory, wherever it lies now.
 */
const openatCall = libc.func('int openat(int directory, uintptr_t name, int flags, unsigned int mode)')
const mkdiratCall = libc.func('int mkdirat(int directory, uintptr_t name, unsigned int mode)')
const symlinkatCall = libc.func('int symlinkat(uintptr_t target, int directory, uintptr_t name)')
const linkatCall = libc.func('int linkat(int fromDirectory, uintptr_t from, int directory, uintptr_t name, int flags)')
const fchownatCall = libc.func(
  'int fchownat(int directory, uintptr_t name, unsigned int uid, unsigned int gid, int flags)',
)
const utimensatCall = libc.func('int utimensat(int directory, uintptr_t name, uintptr_t times, int flags)')
const futimensCall = libc.func('int futimens(int fd, uintptr_t times)')
const pwriteCall = libc.func('long pwrite(int fd, const void *bytes, size_t length, long position)')
const fchmodCall = libc.func('int fchmod(int fd, unsigned int mode)')
const fchownCall = libc.func('int fchown(int fd, unsigned int uid, unsigned int gid)')
const closeCall = libc.func('int close(int fd)')
const unshareCall = libc.func('int unshare(int flags)')
const umaskCall = libc.func('unsigned int umask(unsigned int mask)')

const AT_SYMLINK_NOFOLLOW = 0x100
const CLONE_FS = 0x200
/** PATH_MAX: what a link's target may have at most. */
const LONGEST = 4096

/** Native memory for the arguments of the call that is made next: two names and two times. */
const scratch = Buffer.alloc(2 * (LONGEST + 1) + 7 + 32)
const base = Number(koffi.address(scratch))
const SECOND_NAME = LONGEST + 1
const TIMES = 2 * (LONGEST + 1) + 6

const place = (name: string, offset = 0): number => {
  if (name.length > LONGEST || name.includes('\0')) throw new SyscallError('openat', ENAMETOOLONG, toText(name))
  scratch.write(name, offset, 'latin1')
  scratch[offset + name.length] = 0
  return base + offset
}
const ENAMETOOLONG = 36

const toText = (name: string): string => Buffer.from(name, 'latin1').toString()

const fail = (call: string, name?: string): never => {
  throw new SyscallError(call, koffi.errno(), name === undefined ? undefined : toText(name))
}

export const openat = (directory: number, name: string, flags: number, mode = 0): number => {
  const fd = openatCall(directory, place(name), flags | O_CLOEXEC, mode)
  return fd < 0 ? fail('openat', name) : fd
}
const O_CLOEXEC = 0o2000000

export const mkdirat = (directory: number, name: string, mode: number): void => {
  if (mkdiratCall(directory, place(name), mode) < 0) fail('mkdirat', name)
}

export const symlinkat = (target: string, directory: number, name: string): void => {
  if (symlinkatCall(place(target, SECOND_NAME), directory, place(name)) < 0) fail('symlinkat', name)
}

/** Without following a symbolic link at `from`. */
export const linkat = (fromDirectory: number, from: string, directory: number, name: string): void => {
  if (linkatCall(fromDirectory, place(from, SECOND_NAME), directory, place(name), 0) < 0) fail('linkat', name)
}

/** The name's own owner, also of a symbolic link. */
export const lchownat = (directory: number, name: string, uid: number, gid: number): void => {
  if (fchownatCall(directory, place(name), uid, gid, AT_SYMLINK_NOFOLLOW) < 0) fail('fchownat', name)
}

/** Access and modification time of the name itself; nanoseconds since the epoch. */
export const lutimesat = (directory: number, name: string, time: bigint): void => {
  if (utimensatCall(directory, place(name), times(time), AT_SYMLINK_NOFOLLOW) < 0) fail('utimensat', name)
}

export const futimens = (fd: number, time: bigint): void => {
  if (futimensCall(fd, times(time)) < 0) fail('futimens')
}

/** Writes all of it. */
export const pwriteAll = (fd: number, bytes: Uint8Array, position: number): void => {
  for (let done = 0; done < bytes.byteLength; ) {
    const rest = done === 0 ? bytes : bytes.subarray(done)
    const written = Number(pwriteCall(fd, rest, rest.byteLength, position + done))
    done += written < 0 ? fail('write') : written
  }
}

export const fchmod = (fd: number, mode: number): void => {
  if (fchmodCall(fd, mode) < 0) fail('fchmod')
}

export const fchown = (fd: number, uid: number, gid: number): void => {
  if (fchownCall(fd, uid, gid) < 0) fail('fchown')
}

export const close = (fd: number): void => void closeCall(fd)

/**
 * Gives this thread a working directory and a umask of its own, and sets the umask to zero: what it makes has the mode that it asks
 * for. For worker threads only. False when the kernel does not let it.
 */
export const dropUmask = (): boolean => {
  if (unshareCall(CLONE_FS) < 0) return false
  umaskCall(0)
  return true
}

let last: bigint | undefined

/** Many files of an archive have the same time. */
const times = (time: bigint): number => {
  if (time !== last) {
    const nanoseconds = ((time % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n
    const seconds = (time - nanoseconds) / 1_000_000_000n
    for (const offset of [TIMES, TIMES + 16]) {
      scratch.writeBigInt64LE(seconds, offset)
      scratch.writeBigInt64LE(nanoseconds, offset + 8)
    }
    last = time
  }
  return base + TIMES
}
