import type { Duplex } from 'node:stream'
import { FrameDecoder } from '../../src/api/stdcopy.ts'
import type { HttpClient, RequestOptions } from './http-client.ts'

/** A process's streams over a connection that was taken over, as attach and exec give them. */
export class StreamClient implements Disposable {
  readonly #socket: Duplex
  readonly #decoder: FrameDecoder | undefined
  readonly #waiting = new Set<() => void>()
  stdout = ''
  stderr = ''
  ended = false

  static async open(
    client: HttpClient,
    path: string,
    tty: boolean,
    options: RequestOptions = {},
  ): Promise<StreamClient> {
    const { socket, head } = await client.hijack(path, options)
    return new StreamClient(socket, head, tty)
  }

  private constructor(socket: Duplex, head: Buffer, tty: boolean) {
    this.#socket = socket
    this.#decoder = tty ? undefined : new FrameDecoder()
    if (head.length > 0) this.#take(head)
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('error', () => {})
    const end = () => {
      this.ended = true
      this.#wake()
    }
    socket.once('end', end)
    socket.once('close', end)
  }

  #take(chunk: Buffer): void {
    const frames = this.#decoder?.decode(chunk) ?? [{ stream: 'stdout', data: chunk }]
    for (const { stream, data } of frames) {
      if (stream === 'stderr') this.stderr += data
      else this.stdout += data
    }
    this.#wake()
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake()
  }

  write(text: string): void {
    this.#socket.write(text)
  }

  /** No more input; the output stays open. */
  closeInput(): void {
    this.#socket.end()
  }

  /** Resolves when the condition holds; throws after `timeout` ms, telling what came. */
  async until(what: string, holds: (stream: StreamClient) => boolean, timeout = 10_000): Promise<void> {
    if (holds(this)) return
    await new Promise<void>((resolve, reject) => {
      const finish = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(look)
      }
      const look = (): void => {
        if (!holds(this)) return
        finish()
        resolve()
      }
      const timer = setTimeout(() => {
        finish()
        const came = JSON.stringify({ stdout: this.stdout, stderr: this.stderr, ended: this.ended })
        reject(new Error(`waited ${timeout} ms in vain for ${what}; what came: ${came}`))
      }, timeout)
      this.#waiting.add(look)
    })
  }

  /** Everything, once the other side has ended it. */
  async whole(timeout?: number): Promise<{ stdout: string; stderr: string }> {
    await this.until('the end of the output', stream => stream.ended, timeout)
    return { stdout: this.stdout, stderr: this.stderr }
  }

  [Symbol.dispose](): void {
    this.#socket.destroy()
  }
}
