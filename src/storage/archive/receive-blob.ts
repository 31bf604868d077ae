import { MessageChannel } from 'node:worker_threads'
import { archiveThreads, WINDOW } from './archive-threads.ts'
import type { Expected, Received, ReceiveOptions } from './blob-receiver.ts'
import { unpackError } from './pack-error.ts'
import { PIECE, RING, type TreeOptions } from './tree-writer.ts'

/** Bytes that go to the thread at a time: network chunks are smaller, and a message costs the same for any length. */
const CHUNK = 256 * 1024

/** A blob that a thread works off as it comes. */
export interface Reception extends AsyncDisposable {
  /** Bytes of the blob that have been worked off. */
  readonly unpacked: number
  /** Resolves when there is room for more. */
  write(chunk: Uint8Array): Promise<void>
  finish(expected: Expected): Promise<Received>
}

/**
 * Hands a blob over to the archive threads, in a ring of buffers that go there and come back: one thread hashes and decodes, another
 * writes the tree. Errors come out of whatever is called next. Disposed without `finish`, what was written is still kept in the file.
 */
export const receiveBlob = (options: ReceiveOptions & TreeOptions, signal: AbortSignal | undefined): Reception =>
  new ThreadReception(options, signal)

class ThreadReception implements Reception {
  readonly #job: number
  readonly #tree: number
  readonly #signal: AbortSignal | undefined
  readonly #free: Uint8Array<ArrayBuffer>[] = []
  readonly #result = Promise.withResolvers<Received>()
  readonly #ended = Promise.withResolvers<void>()
  /** Until the file's own bytes are worked off. */
  readonly #ready: Promise<void>
  #under = 0
  #current: Uint8Array<ArrayBuffer> | undefined
  #filled = 0
  #error: Error | undefined
  #wake: (() => void) | undefined
  #lost = false
  #closed = false
  unpacked = 0

  constructor(options: ReceiveOptions & TreeOptions, signal: AbortSignal | undefined) {
    this.#signal = signal
    // Failure is seen where it is awaited; until then it is not unhandled.
    this.#result.promise.catch(() => {})
    this.#job = archiveThreads.open(message => {
      if (message instanceof Error) {
        this.#lose(message)
        this.#ended.resolve()
      } else if (message.type === 'failed') this.#lose(unpackError(message.error))
      else if (message.type === 'received') this.#result.resolve(message.received)
      else if (message.type === 'cancelled') this.#ended.resolve()
      else if (message.type === 'taken') {
        this.unpacked = message.position
        this.#under--
        if (message.data) this.#free.push(message.data)
        this.#wake?.()
      }
    })
    signal?.addEventListener('abort', this.#abort, { once: true })
    this.#tree = archiveThreads.open(message => {
      if (message instanceof Error) this.#lose(message)
    })
    const { port1, port2 } = new MessageChannel()
    const ring = new SharedArrayBuffer(RING * PIECE)
    archiveThreads.post({ job: this.#tree, type: 'tree', options, port: port2, ring }, [port2])
    archiveThreads.post({ job: this.#job, type: 'receive', options, port: port1, ring }, [port1])
    this.#ready = this.#readFile(options.offset)
    this.#ready.catch(() => {})
  }

  async write(chunk: Uint8Array): Promise<void> {
    await this.#ready
    for (let offset = 0; offset < chunk.byteLength; ) {
      this.#throwIfFailed()
      this.#current ??= this.#free.pop() ?? new Uint8Array(CHUNK)
      const piece = chunk.subarray(offset, offset + CHUNK - this.#filled)
      this.#current.set(piece, this.#filled)
      this.#filled += piece.byteLength
      offset += piece.byteLength
      if (this.#filled === CHUNK) {
        this.#flush()
        await this.#room()
      }
    }
  }

  async finish(expected: Expected): Promise<Received> {
    await this.#ready
    this.#throwIfFailed()
    this.#flush()
    archiveThreads.post({ job: this.#job, type: 'verify', expected })
    return await this.#result.promise
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return
    // What has come so far is worth keeping.
    if (!this.#lost) this.#flush()
    archiveThreads.post({ job: this.#job, type: 'cancel' })
    await this.#ended.promise
    this.#close()
  }

  #close(): void {
    this.#closed = true
    this.#signal?.removeEventListener('abort', this.#abort)
    archiveThreads.close(this.#job)
    archiveThreads.close(this.#tree)
  }

  readonly #abort = (): void => this.#fail(this.#signal?.reason)

  /** The thread has given up. */
  #lose(error: Error): void {
    this.#lost = true
    this.#fail(error)
  }

  #fail(error: unknown): void {
    this.#error ??= error instanceof Error ? error : new Error(String(error))
    this.#result.reject(this.#error)
    this.#wake?.()
  }

  #throwIfFailed(): void {
    this.#signal?.throwIfAborted()
    if (this.#error) throw this.#error
  }

  async #readFile(offset: number): Promise<void> {
    while (this.unpacked < offset) {
      this.#under++
      archiveThreads.post({ job: this.#job, type: 'read' })
      await this.#room(1)
      this.#throwIfFailed()
    }
  }

  #flush(): void {
    if (!this.#current || this.#filled === 0) return
    const data = this.#current
    archiveThreads.post({ job: this.#job, type: 'chunk', data, length: this.#filled }, [data.buffer])
    this.#under++
    this.#current = undefined
    this.#filled = 0
  }

  /** Waits until fewer than so many chunks are under way. */
  async #room(limit = WINDOW): Promise<void> {
    while (this.#under >= limit && !this.#error) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      await promise
    }
    this.#wake = undefined
    this.#throwIfFailed()
  }
}
