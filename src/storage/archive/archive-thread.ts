import { Worker } from 'node:worker_threads'
import { releaseFreeMemory } from '../../host/memory.ts'
import type { FromWorker, ToWorker } from './archive-protocol.ts'

/** Chunks under way to or from the thread at a time, per job. */
export const WINDOW = 8
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

/** The engine's one archive thread. */
export const archiveThread = new ArchiveThread()
