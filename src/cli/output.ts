import { writeSync } from 'node:fs'
import { isatty } from 'node:tty'
import { codeOf } from '../errdefs.ts'

/**
 * Standard output or error. Written synchronously, as Node does for files, pipes and terminals anyway, but without
 * making a stream object first; so nothing is lost when the command exits.
 */
export class Output {
  readonly fd: number
  #terminal: boolean | undefined

  constructor(fd: number) {
    this.fd = fd
  }

  get isTerminal(): boolean {
    this.#terminal ??= isatty(this.fd)
    return this.#terminal
  }

  /** Columns and rows of the terminal; undefined when it is none. */
  size(): { columns: number; rows: number } | undefined {
    if (!this.isTerminal) return undefined
    const stream = this.fd === 1 ? process.stdout : process.stderr
    const [columns = 80, rows = 24] = stream.getWindowSize()
    return { columns, rows }
  }

  write(data: string | Uint8Array): void {
    let rest = typeof data === 'string' ? Buffer.from(data) : data
    while (rest.length > 0) {
      try {
        rest = rest.subarray(writeSync(this.fd, rest))
      } catch (error) {
        const code = codeOf(error)
        // The reader has gone (`tare logs x | head -1`): end as a program killed by SIGPIPE does.
        if (code === 'EPIPE') process.exit(141)
        // Somebody made the descriptor non-blocking; Node's stream knows how to wait for it.
        if (code === 'EAGAIN') return void (this.fd === 1 ? process.stdout : process.stderr).write(rest)
        throw error
      }
    }
  }

  line(text: string): void {
    this.write(`${text}\n`)
  }
}
