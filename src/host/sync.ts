import { closeSync, openSync } from 'node:fs'
import koffi from 'koffi'
import { check, libc, SyscallError } from './libc.ts'

const syncfsCall = libc.func('int syncfs(int fd)')

/** syncfs(2): waits until the disk has all of the file system that a directory lies in. Blocks; for threads of their own. */
export const syncDirectoryNow = (directory: string): void => {
  const fd = openSync(directory, 'r')
  try {
    check(syncfsCall(fd), 'syncfs', directory)
  } finally {
    closeSync(fd)
  }
}

/** The same, waited for on another thread. */
export const syncDirectory = async (directory: string): Promise<void> => {
  const fd = openSync(directory, 'r')
  try {
    await new Promise<void>((resolve, reject) => {
      syncfsCall.async(fd, (error: Error | null, result: number) => {
        if (error) reject(error)
        else if (result < 0) reject(new SyscallError('syncfs', koffi.errno(), directory))
        else resolve()
      })
    })
  } finally {
    closeSync(fd)
  }
}
