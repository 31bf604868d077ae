import { lstatSync, readdirSync } from 'node:fs'
import { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { syncDirectory } from '../../host/sync.ts'
import { archiveThreads, WINDOW } from './archive-threads.ts'
import { toPath } from './byte-string.ts'
import { unpackError } from './pack-error.ts'
import { Packer, type PackOptions } from './packer.ts'

/** Trees up to this size are packed on the spot: that takes less than starting a thread. */
const INLINE_ENTRIES = 64
const INLINE_BYTES = 1 << 20

/** A packed directory: its tar, and after the last byte of it `size`, the bytes of files' contents. */
export type PackedTree = { readonly tar: Readable; readonly size: Promise<number> }

/** Packs a directory as a deterministic tar. `durable` waits at the end until the disk has what was packed. */
export const pack = (
  directory: string,
  { durable = false, ...options }: PackOptions & { durable?: boolean } = {},
): PackedTree => {
  const { promise: size, resolve, reject } = Promise.withResolvers<number>()
  size.catch(() => {})
  const start = options.only === undefined && isSmall(directory) ? packHere : packThere
  let work: Work | undefined
  const tar = new Readable({
    highWaterMark: 1 << 20,
    read() {
      work ??= start(tar, directory, options, durable, resolve)
      work.more()
    },
    destroy(error, callback) {
      work?.end()
      reject(error ?? new Error('the archive was not read to its end'))
      callback(error)
    },
  })
  return { tar, size }
}

/** What fills the stream: `more` as long as it may, `end` when nobody reads it any more. */
type Work = { more(): void; end(): void }
type Start = (
  tar: Readable,
  directory: string,
  options: PackOptions,
  durable: boolean,
  done: (size: number) => void,
) => Work

/** In this thread, a chunk a turn of the event loop: the tree may have grown since it was looked at. */
const packHere: Start = (tar, directory, options, durable, done) => {
  const packer = new Packer(options)
  const chunks = packer.pack(directory, options)
  let running = false
  let wanted = false
  const run = async (): Promise<void> => {
    running = true
    for (;;) {
      const { done: ended, value } = chunks.next()
      if (ended) break
      wanted = false
      // The reader may ask for more while it takes this.
      if (!tar.push(value) && !wanted) {
        running = false
        return
      }
      await setImmediate()
    }
    if (durable) await syncDirectory(directory)
    done(packer.size)
    tar.push(null)
  }
  return {
    more() {
      wanted = true
      if (!running) run().catch((error: Error) => tar.destroy(error))
    },
    end: () => void chunks.return(),
  }
}

const packThere: Start = (tar, directory, options, durable, done) => {
  let asked = 0
  const ask = (): void => {
    for (; asked < WINDOW; asked++) archiveThreads.post({ job, type: 'pull' })
  }
  const job = archiveThreads.open(message => {
    if (message instanceof Error) tar.destroy(message)
    else if (message.type === 'failed') tar.destroy(unpackError(message.error))
    else if (message.type === 'data') {
      asked--
      const { buffer, byteOffset, byteLength } = message.data
      if (tar.push(Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength))) ask()
    } else if (message.type === 'done') {
      done(message.size)
      tar.push(null)
    }
  })
  archiveThreads.post({ job, type: 'pack', directory, options, durable })
  return {
    more: ask,
    end() {
      archiveThreads.post({ job, type: 'cancel' })
      archiveThreads.close(job)
    },
  }
}

/** Looks at no more entries than it has to. */
const isSmall = (directory: string): boolean => {
  let entries = 0
  let bytes = 0
  const fits = (path: string): boolean =>
    readdirSync(toPath(path), 'latin1').every(name => {
      const child = `${path}/${name}`
      const stat = lstatSync(toPath(child), { throwIfNoEntry: false })
      entries++
      bytes += stat?.size ?? 0
      return entries <= INLINE_ENTRIES && bytes <= INLINE_BYTES && (!stat?.isDirectory() || fits(child))
    })
  try {
    return fits(Buffer.from(directory).toString('latin1'))
  } catch {
    // Whoever packs it for good says what is wrong with it.
    return false
  }
}
