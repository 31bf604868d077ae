import type { Readable, Writable } from 'node:stream'

/** A client's terminal, lent to a process of a build. */
export type ShellTerminal = {
  readonly input: Readable
  readonly output: Writable
  readonly size: WindowSize
  /** One listener, which gets each later size. */
  onResize(listener: (size: WindowSize) => void): void
  /** Tells the client that the shell is over. */
  close(): void
}

export type WindowSize = { readonly rows: number; readonly columns: number }
