import { Worker } from 'node:worker_threads'
import { releaseFreeMemory } from '../host/memory.ts'
import type { CheckJob, CheckResults } from './check-jobs.ts'

/** A tree of a million entries needs some 300 MB; who has more is told so. */
const HEAP_MIB = 2048

/**
 * A thread of a check's own: hashing and comparing block it and nobody else, and its memory goes with it. One job at a time.
 * Dispose ends it in the middle of a job, too.
 */
export class CheckThread implements AsyncDisposable {
  #worker: Worker | undefined
  #pending: { resolve(result: unknown): void; reject(error: unknown): void } | undefined

  /** Rejects with the signal's reason when it aborts, and when the thread ends, as for want of memory. */
  async run<Job extends CheckJob>(job: Job, signal?: AbortSignal): Promise<CheckResults[Job['type']]> {
    signal?.throwIfAborted()
    if (this.#pending) throw new TypeError('a job is under way')
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const abort = (): void => this.#fail(signal?.reason)
    signal?.addEventListener('abort', abort, { once: true })
    this.#pending = { resolve, reject }
    this.#worker ??= this.#start()
    this.#worker.postMessage(job)
    try {
      return (await promise) as CheckResults[Job['type']]
    } finally {
      signal?.removeEventListener('abort', abort)
      this.#pending = undefined
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    if (!worker) return
    await worker.terminate()
    releaseFreeMemory()
  }

  #start(): Worker {
    // In the release this file is part of a bundle, and the thread's file lies beside it.
    const file = import.meta.url.endsWith('.ts') ? './check-worker.ts' : './check-worker.js'
    const worker = new Worker(new URL(file, import.meta.url), {
      resourceLimits: { maxYoungGenerationSizeMb: 16, maxOldGenerationSizeMb: HEAP_MIB },
    })
    worker.on('message', result => this.#pending?.resolve(result))
    const lost = (error: Error): void => {
      if (this.#worker !== worker) return
      this.#worker = undefined
      this.#fail(error)
    }
    worker.on('error', lost)
    worker.on('exit', () => lost(new Error('the thread of the check ended')))
    return worker
  }

  #fail(error: unknown): void {
    this.#pending?.reject(error)
  }
}
