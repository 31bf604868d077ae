import type { ChildProcess } from 'node:child_process'
import { Pty } from '../host/pty.ts'
import type { ShellTerminal } from './shell-terminal.ts'

/** Joins a client's terminal to the process of a step. */
export class StepTerminal implements Disposable {
  readonly #terminal: ShellTerminal
  readonly #pty = new Pty()

  constructor(terminal: ShellTerminal) {
    this.#terminal = terminal
    const { rows, columns } = terminal.size
    this.#pty.resize(rows, columns)
  }

  /** What the process gets for its stdio. */
  get slave(): number {
    return this.#pty.slave
  }

  /** The process has been started on it. When the client goes away, its terminal is hung up. */
  attach(child: ChildProcess): void {
    const { master } = this.#pty
    const { input, output } = this.#terminal
    this.#pty.releaseSlave()
    // No `pipe` towards the client: the end of one process is not the end of its terminal.
    master.on('data', (chunk: Buffer) => {
      if (output.destroyed || output.write(chunk)) return
      master.pause()
      output.once('drain', () => master.resume())
    })
    input.on('data', (chunk: Buffer) => {
      if (!master.destroyed) master.write(chunk)
    })
    input.once('close', () => master.destroy())
    input.on('error', () => master.destroy())
    this.#terminal.onResize(({ rows, columns }) => {
      if (master.destroyed) return
      this.#pty.resize(rows, columns)
      // The runtime is in no session of this terminal, which would tell it.
      child.kill('SIGWINCH')
    })
  }

  [Symbol.dispose](): void {
    this.#pty[Symbol.dispose]()
  }
}
