import koffi from 'koffi'
import { check, libc, SyscallError } from './libc.ts'

const lseekCall = libc.func('int64_t lseek(int fd, int64_t offset, int whence)')
const SEEK_DATA = 3
const SEEK_HOLE = 4

/** The first byte at or after `from` that lies in data; undefined when only a hole follows. Moves the descriptor's position. */
export const seekData = (fd: number, from: number): number | undefined => {
  const found = Number(lseekCall(fd, from, SEEK_DATA))
  if (found >= 0) return found
  const error = new SyscallError('lseek', koffi.errno())
  if (error.code === 'ENXIO') return undefined
  throw error
}

/** The first byte at or after `from` that lies in a hole; the end of the file counts as one. */
export const seekHole = (fd: number, from: number): number => check(Number(lseekCall(fd, from, SEEK_HOLE)), 'lseek')
