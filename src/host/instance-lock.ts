import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { flock } from './syscalls.ts'

/** Somebody else holds the lock. */
export class LockedError extends Error {
  readonly path: string
  /** Undefined when the holder has not written it yet. */
  readonly pid: number | undefined

  constructor(path: string, pid: number | undefined) {
    super(`${path} is locked${pid === undefined ? '' : ` by process ${pid}`}`)
    this.name = 'LockedError'
    this.path = path
    this.pid = pid
  }
}

/**
 * Takes the file as a lock that the kernel drops when this process ends, however it ends; the holder's pid is written
 * into it. Throws LockedError, or the system's error. The file stays: removing it would let two hold "the" lock.
 */
export const lockInstance = (path: string): Disposable => {
  const fd = openSync(path, 'a+', 0o600)
  try {
    if (!flock(fd)) {
      const pid = Number.parseInt(readFileSync(path, 'utf8'), 10)
      throw new LockedError(path, Number.isNaN(pid) ? undefined : pid)
    }
    ftruncateSync(fd)
    writeSync(fd, `${process.pid}\n`)
  } catch (error) {
    closeSync(fd)
    throw error
  }
  return { [Symbol.dispose]: () => closeSync(fd) }
}
