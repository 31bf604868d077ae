import { Readable } from 'node:stream'
import { Worker } from 'node:worker_threads'
import { releaseFreeMemory } from '../../host/memory.ts'
import { type FromWorker, type ToWorker, unpackError } from './archive-protocol.ts'
import type { PackOptions } from './packer.ts'
import type { UnpackOptions } from './unpacker.ts'

/** Chunks under way to or from the thread at a time. */
const WINDOW = 8
/** Milliseconds after its last job until the thread ends and gives its memory back. */
const IDLE = 3000

type Listener = (message: FromWorker | Error) => void

/** A thread that unpacks and packs, started with the first job and ended a while after the last. */
class ArchiveThread {
  #worker: Worker | undefined
  readonly #jobs = new Map<number, Listener>()
  #next = 1
  #idle: NodeJS.Timeout | undefined

  open(listener: Listener): number {
    const job = this.#next++
    this.#jobs.set(job, listener)
    clearTimeout(this.#idle)
    this.#worker ??= this.#start()
    this.#worker.ref()
    return job
  }

  post(message: ToWorker, transfer: ArrayBuffer[] = []): void {
    this.#worker?.postMessage(message, transfer)
  }

  close(job: number): void {
    if (!this.#jobs.delete(job) || this.#jobs.size > 0) return
    this.#worker?.unref()
    this.#idle = setTimeout(() => {
      const worker = this.#worker
      this.#worker = undefined
      void worker?.terminate().then(releaseFreeMemory)
    }, IDLE)
    this.#idle.unref()
  }

  #start(): Worker {
    // In the release this file is part of a bundle, and the thread's file lies beside it.
    const file = import.meta.url.endsWith('.ts') ? './archive-worker.ts' : './archive-worker.js'
    const worker = new Worker(new URL(file, import.meta.url), {
      resourceLimits: { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 128 },
    })
    worker.on('message', (message: FromWorker) => this.#jobs.get(message.job)?.(message))
    worker.on('error', error => this.#lose(worker, error))
    worker.on('exit', () => this.#lose(worker, new Error('the archive thread ended')))
    return worker
  }

  #lose(worker: Worker, error: Error): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    for (const listener of [...this.#jobs.values()]) listener(error)
  }
}

const thread = new ArchiveThread()

type UnpackCall = {
  readonly durable?: boolean
  readonly signal?: AbortSignal | undefined
  /** Sees the tar pass, to hash or count it. */
  readonly onChunk?: ((chunk: Uint8Array) => void) | undefined
}

/**
 * Unpacks an uncompressed tar into an existing directory. `durable` waits until the disk has it. Gives the bytes of files'
 * contents. InvalidArgument when the archive is broken or leads out of the directory; what was unpacked until then stays.
 */
export const unpack = async (
  tar: AsyncIterable<Uint8Array>,
  directory: string,
  { durable = false, signal, onChunk, ...options }: UnpackOptions & UnpackCall = {},
): Promise<{ size: number }> => {
  let credits = WINDOW
  const { promise: done, resolve, reject } = Promise.withResolvers<{ size: number }>()
  // Failure is seen where it is awaited; until then it is not unhandled.
  done.catch(() => {})
  let wake: (() => void) | undefined
  let failed = false
  const fail = (error: unknown): void => {
    failed = true
    reject(error)
    wake?.()
  }
  const job = thread.open(message => {
    if (message instanceof Error) fail(message)
    else if (message.type === 'more') {
      credits++
      wake?.()
    } else if (message.type === 'done') resolve({ size: message.size })
    else if (message.type === 'failed') fail(unpackError(message.error))
  })
  const abort = (): void => {
    fail(signal?.reason)
    // Else the loop below waits for a chunk that may never come.
    if (tar instanceof Readable) tar.destroy(signal?.reason)
  }
  signal?.addEventListener('abort', abort, { once: true })
  let finished = false
  try {
    signal?.throwIfAborted()
    thread.post({ job, type: 'unpack', directory, options, durable })
    for await (const chunk of tar) {
      while (credits === 0 && !failed) {
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
      if (failed) break
      credits--
      onChunk?.(chunk)
      // The chunk may be a window on memory that its maker still uses.
      const data = new Uint8Array(chunk)
      thread.post({ job, type: 'chunk', data }, [data.buffer])
    }
    thread.post({ job, type: 'end' })
    const result = await done
    finished = true
    return result
  } finally {
    signal?.removeEventListener('abort', abort)
    if (!finished) thread.post({ job, type: 'cancel' })
    thread.close(job)
  }
}

/** A packed directory: its tar, and after the last byte of it `size`, the bytes of files' contents. */
export type PackedTree = { readonly tar: Readable; readonly size: Promise<number> }

/** Packs a directory as a deterministic tar. `durable` waits at the end until the disk has what was packed. */
export const pack = (
  directory: string,
  { durable = false, ...options }: PackOptions & { durable?: boolean } = {},
): PackedTree => {
  const size = Promise.withResolvers<number>()
  size.promise.catch(() => {})
  let job: number | undefined
  let asked = 0
  let waiting = true
  const ask = (): void => {
    if (job === undefined) return
    for (; asked < WINDOW; asked++) thread.post({ job, type: 'pull' })
  }
  const tar = new Readable({
    highWaterMark: 1 << 20,
    read() {
      if (job === undefined) {
        job = thread.open(message => {
          if (message instanceof Error) tar.destroy(message)
          else if (message.type === 'failed') tar.destroy(unpackError(message.error))
          else if (message.type === 'data') {
            asked--
            waiting = tar.push(
              Buffer.from(message.data.buffer as ArrayBuffer, message.data.byteOffset, message.data.byteLength),
            )
            if (waiting) ask()
          } else if (message.type === 'done') {
            size.resolve(message.size)
            tar.push(null)
          }
        })
        thread.post({ job, type: 'pack', directory, options, durable })
      }
      ask()
    },
    destroy(error, callback) {
      if (job !== undefined) {
        thread.post({ job, type: 'cancel' })
        thread.close(job)
      }
      size.reject(error ?? new Error('the archive was not read to its end'))
      callback(error)
    },
  })
  return { tar, size: size.promise }
}
