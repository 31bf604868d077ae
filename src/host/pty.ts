import { closeSync, constants, openSync } from 'node:fs'
import { ReadStream } from 'node:tty'
import { check, libc } from './libc.ts'

const posixOpenptCall = libc.func('int posix_openpt(int flags)')
const unlockptCall = libc.func('int unlockpt(int fd)')
const ptsnameCall = libc.func('int ptsname_r(int fd, _Out_ void *name, size_t size)')
const ioctlCall = libc.func('int ioctl(int fd, unsigned long request, const void *argument)')

const TIOCSWINSZ = 0x5414
const O_CLOEXEC = 0o2000000

/** A pseudo-terminal: the side that a program gets, and ours. */
export class Pty implements Disposable {
  /** The program's, for its stdio; `releaseSlave` when it has it. */
  readonly slave: number
  /** What the program writes and reads. Its end is told as an end, not as EIO. */
  readonly master: ReadStream
  readonly #fd: number
  #slaveOpen = true

  /** SyscallError when the host has no more. */
  constructor() {
    this.#fd = check(posixOpenptCall(constants.O_RDWR | constants.O_NOCTTY | O_CLOEXEC), 'posix_openpt')
    try {
      check(unlockptCall(this.#fd), 'unlockpt')
      const name = Buffer.alloc(128)
      const failed: number = ptsnameCall(this.#fd, name, name.length)
      if (failed !== 0) throw new Error(`ptsname_r: errno ${failed}`)
      this.slave = openSync(name.toString('latin1', 0, name.indexOf(0)), constants.O_RDWR | constants.O_NOCTTY)
    } catch (error) {
      closeSync(this.#fd)
      throw error
    }
    this.master = new ReadStream(this.#fd)
    // Linux says EIO when nobody has the other side any more.
    this.master.on('error', () => this.master.destroy())
  }

  /** Tells nobody: whoever runs in it may have to be sent SIGWINCH. */
  resize(rows: number, columns: number): void {
    const size = Buffer.alloc(8)
    size.writeUInt16LE(rows, 0)
    size.writeUInt16LE(columns, 2)
    check(ioctlCall(this.#fd, TIOCSWINSZ, size), 'ioctl TIOCSWINSZ')
  }

  releaseSlave(): void {
    if (!this.#slaveOpen) return
    this.#slaveOpen = false
    closeSync(this.slave)
  }

  [Symbol.dispose](): void {
    this.releaseSlave()
    this.master.destroy()
  }
}
