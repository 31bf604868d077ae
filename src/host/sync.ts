import { check, libc } from './libc.ts'

const syncfsCall = libc.func('int syncfs(int fd)')

/** Writes everything of the file system that holds the open `fd` to the disk, and waits for it. */
export const syncFileSystem = (fd: number): void => {
  check(syncfsCall(fd), 'syncfs')
}
