import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { connectSeqpacket } from '../host/seqpacket.ts'

export type Output = { readonly stream: 'stdout' | 'stderr'; readonly data: Buffer }

/** What a session does with the process's output. Returning false asks the process's output to wait until `resume`. */
export type Listener = {
  onOutput(output: Output): boolean
  /** The process's output has ended, or the monitor is gone. */
  onEnd(): void
}

const STDERR = 3
/** conmon reads at most this much of one packet. */
const PACKET = 32 * 1024

/**
 * The one connection to a monitored process's stdio, shared by all who are attached. One, because conmon takes the end of any
 * connection for the end of the process's stdin.
 */
export class Stdio {
  readonly #bundle: string
  readonly #listeners = new Set<Listener>()
  readonly #stalled = new Set<Listener>()
  #socket: Socket | undefined
  #ended = false
  readonly #connected = Promise.withResolvers<void>()
  readonly #done = Promise.withResolvers<void>()
  #writing: Promise<void> = Promise.resolve()

  constructor(bundle: string) {
    this.#bundle = bundle
  }

  /** Connects when the monitor is there; sessions may be added before. */
  connect(): void {
    if (this.#socket || this.#ended) return
    const socket = connectSeqpacket(join(this.#bundle, 'attach'))
    this.#socket = socket
    this.#connected.resolve()
    socket.on('data', (packet: Buffer) => {
      const output: Output = { stream: packet[0] === STDERR ? 'stderr' : 'stdout', data: packet.subarray(1) }
      for (const listener of this.#listeners) {
        if (!listener.onOutput(output)) this.#stalled.add(listener)
      }
      if (this.#stalled.size > 0) socket.pause()
    })
    socket.on('error', () => this.end())
    socket.once('close', () => this.end())
    socket.once('end', () => this.end())
  }

  get connected(): boolean {
    return this.#socket !== undefined
  }

  get sessions(): number {
    return this.#listeners.size
  }

  add(listener: Listener): void {
    if (this.#ended) {
      listener.onEnd()
      return
    }
    this.#listeners.add(listener)
  }

  /** Goes on after a listener returned false. */
  resume(listener: Listener): void {
    if (this.#stalled.delete(listener) && this.#stalled.size === 0) this.#socket?.resume()
  }

  remove(listener: Listener): void {
    this.#listeners.delete(listener)
    this.resume(listener)
  }

  /** Sends to the process's stdin, in order. Resolves when the monitor has taken it; what comes after its end is dropped. */
  write(data: Buffer): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      await this.#connected.promise
      for (let at = 0; at < data.length; at += PACKET) {
        const socket = this.#socket
        if (!socket?.writable) return
        // One at a time: writes that queue up would be merged into one packet, of which conmon would read the beginning.
        await new Promise<void>(resolve => socket.write(data.subarray(at, at + PACKET), () => resolve()))
      }
    })
    return this.#writing
  }

  /** Ends the process's stdin, after what was written before; its output stays. */
  closeInput(): void {
    this.#writing = this.#writing.then(async () => {
      await this.#connected.promise
      this.#socket?.end()
    })
  }

  /** Resolves when all of the output has been handed on; a session that does not take it is waited for `patience` ms at most. */
  async drained(patience: number): Promise<void> {
    if (this.#socket && !this.#ended) {
      const timer = setTimeout(() => this.end(), patience)
      await this.#done.promise
      clearTimeout(timer)
    } else {
      this.end()
    }
  }

  /** Tells all sessions that there is no more, and disconnects. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#socket?.destroy()
    const listeners = [...this.#listeners]
    this.#listeners.clear()
    this.#stalled.clear()
    for (const listener of listeners) listener.onEnd()
    this.#connected.resolve()
    this.#done.resolve()
  }
}

/** Sends one line to conmon's control FIFO. Does nothing when no conmon reads it any more. */
const control = async (bundle: string, line: string): Promise<void> => {
  const fifo = await open(join(bundle, 'ctl'), constants.O_WRONLY | constants.O_NONBLOCK).catch(() => undefined)
  if (!fifo) return
  try {
    await fifo.write(line)
  } finally {
    await fifo.close()
  }
}

/** Sets the size of the process's terminal, in characters. */
export const resizeTerminal = (bundle: string, height: number, width: number): Promise<void> =>
  control(bundle, `1 ${Math.min(height, 1000)} ${Math.min(width, 1000)}\n`)

/** Makes conmon open its log file anew, after the old one was renamed. */
export const reopenLog = (bundle: string): Promise<void> => control(bundle, '2 0 0\n')
