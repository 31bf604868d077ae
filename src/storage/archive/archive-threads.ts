import { availableParallelism } from 'node:os'
import { type Transferable, Worker } from 'node:worker_threads'
import { releaseFreeMemory } from '../../host/memory.ts'
import type { FromWorker, ToWorker } from './archive-protocol.ts'

/** Chunks under way to or from a thread at a time, per job. */
export const WINDOW = 4
/** Milliseconds after its last job until a thread ends and gives its memory back. */
const IDLE = 3000
/** More than the disk can follow is of no use. */
const THREADS = Math.min(availableParallelism(), 8)

type Listener = (message: FromWorker | Error) => void
type Thread = { readonly worker: Worker; readonly jobs: Set<number>; idle?: NodeJS.Timeout }

/**
 * The threads that unpack and pack: one is started with the first job, others with jobs beside it, up to the number of
 * processors, and each ended a while after its last. A job stays on its thread.
 */
class ArchiveThreads {
  readonly #threads = new Set<Thread>()
  readonly #jobs = new Map<number, { readonly thread: Thread; readonly listener: Listener }>()
  #next = 1

  open(listener: Listener): number {
    const job = this.#next++
    const thread = this.#choose()
    clearTimeout(thread.idle)
    thread.worker.ref()
    thread.jobs.add(job)
    this.#jobs.set(job, { thread, listener })
    return job
  }

  post(message: ToWorker, transfer: Transferable[] = []): void {
    this.#jobs.get(message.job)?.thread.worker.postMessage(message, transfer)
  }

  close(job: number): void {
    const thread = this.#jobs.get(job)?.thread
    if (!thread) return
    this.#jobs.delete(job)
    thread.jobs.delete(job)
    if (thread.jobs.size > 0) return
    thread.worker.unref()
    thread.idle = setTimeout(() => {
      this.#threads.delete(thread)
      void thread.worker.terminate().then(releaseFreeMemory)
    }, IDLE)
    thread.idle.unref()
  }

  #choose(): Thread {
    const [least] = [...this.#threads].sort((a, b) => a.jobs.size - b.jobs.size)
    return least && (least.jobs.size === 0 || this.#threads.size >= THREADS) ? least : this.#start()
  }

  #start(): Thread {
    // In the release this file is part of a bundle, and the thread's file lies beside it.
    const file = import.meta.url.endsWith('.ts') ? './archive-worker.ts' : './archive-worker.js'
    const worker = new Worker(new URL(file, import.meta.url), {
      resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 128 },
    })
    const thread: Thread = { worker, jobs: new Set() }
    worker.on('message', (message: FromWorker) => this.#jobs.get(message.job)?.listener(message))
    worker.on('error', error => this.#lose(thread, error))
    worker.on('exit', () => this.#lose(thread, new Error('an archive thread ended')))
    this.#threads.add(thread)
    return thread
  }

  #lose(thread: Thread, error: Error): void {
    if (!this.#threads.delete(thread)) return
    clearTimeout(thread.idle)
    for (const job of [...thread.jobs]) this.#jobs.get(job)?.listener(error)
  }
}

/** The engine's archive threads. */
export const archiveThreads = new ArchiveThreads()
