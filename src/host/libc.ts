import { getSystemErrorName } from 'node:util'
import koffi from 'koffi'

/** A failed call into libc. */
export class SyscallError extends Error {
  readonly call: string
  readonly errno: number
  /** `EPERM` */
  readonly code: string
  readonly path: string | undefined
  /** In the kernel's words: `no such file or directory`. */
  readonly reason: string

  constructor(call: string, errno: number, path?: string | Buffer) {
    const code = getSystemErrorName(-errno)
    const where = path === undefined ? '' : ` ${path.toString()}`
    const reason = TEXTS[code] ?? code
    super(`${call}${where}: ${reason} (errno ${errno})`)
    this.reason = reason
    this.name = 'SyscallError'
    this.call = call
    this.errno = errno
    this.code = code
    this.path = path?.toString()
  }
}

const TEXTS: Readonly<Record<string, string>> = {
  EPERM: 'operation not permitted',
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EBUSY: 'device or resource busy',
  EEXIST: 'file exists',
  ENODEV: 'no such device',
  ENOTDIR: 'not a directory',
  EINVAL: 'invalid argument',
  ENOSPC: 'no space left on device',
  EROFS: 'read-only file system',
  ENOTSUP: 'operation not supported',
}

export const libc = koffi.load('libc.so.6')

/** A path as C wants it; Buffers carry names that are not UTF-8. */
export const cString = (text: string | Buffer): Buffer =>
  typeof text === 'string' ? Buffer.from(`${text}\0`) : Buffer.concat([text, Buffer.of(0)])

/** Turns libc's -1 into a SyscallError. */
export const check = (result: number, call: string, path?: string | Buffer): number => {
  if (result < 0) throw new SyscallError(call, koffi.errno(), path)
  return result
}
