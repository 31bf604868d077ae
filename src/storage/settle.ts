import { readFileSync, statSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { syncDirectory } from '../host/sync.ts'

/** Milliseconds that what was written waits for more: whoever pulls an image comes with several layers. */
const GATHER = 1000

/** One syncfs(2) at a time for a file system; what comes before it has begun shares it. */
const running = new Map<number, Sync>()
type Sync = { begun: boolean; done: Promise<void> }

/**
 * Resolves when the disk has all that lay in a directory's file system before the call. Nobody waits for that who does not have to:
 * layers and their blobs are recorded with the boot that they were written in, and count as lost when that boot ended first.
 */
export const settle = async (directory: string): Promise<void> => {
  const { dev } = statSync(directory)
  for (let other = running.get(dev); other; other = running.get(dev)) {
    const shared = !other.begun
    // It may fail for reasons of its own directory's: then this one is tried.
    const done = await other.done.then(
      () => true,
      () => false,
    )
    if (shared && done) return
  }
  const sync: Sync = { begun: false, done: Promise.resolve() }
  const run = async (): Promise<void> => {
    try {
      await setTimeout(GATHER, undefined, { ref: false })
      sync.begun = true
      await syncDirectory(directory)
    } finally {
      running.delete(dev)
    }
  }
  sync.done = run()
  running.set(dev, sync)
  await sync.done
}

/** Changes with every start of the host, and with nothing else. */
export const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
