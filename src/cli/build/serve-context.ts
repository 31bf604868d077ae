import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs'
import type { Duplex } from 'node:stream'
import { finished } from 'node:stream/promises'
import {
  type ContextHead,
  type ContextWish,
  encodeFileHead,
  encodeMessage,
  FILE_HEAD,
  PieceReader,
} from '../../api/context-stream.ts'
import { fileFault } from '../create/environment.ts'
import { Failure } from '../failure.ts'
import { bytesOf, type ListedFile, listContext } from './list-context.ts'
import type { LocalContext } from './local-context.ts'
import { StatCache } from './stat-cache.ts'

const CHUNK = 256 * 1024

export type ContextEvents = {
  /** Bytes so far. */
  sent(bytes: number): void
  /** The daemon has all that it wants for now. */
  settled(): void
}

/** Serves the daemon a context until it has enough of it. */
export const serveContext = async (channel: Duplex, context: LocalContext, told: ContextEvents): Promise<void> => {
  if (context.kind === 'archive') {
    await write(channel, encodeMessage({ format: 'archive' } satisfies ContextHead))
    let bytes = 0
    for await (const chunk of context.body) {
      bytes += chunk.length
      await write(channel, chunk as Buffer)
      told.sent(bytes)
    }
    channel.end()
    await finished(channel, { readable: false })
    return
  }
  const { root, rules } = context
  const cache = new StatCache(root)
  const files: (ListedFile | undefined)[] = []
  const sender = new FileSender(channel, root, told)
  await sender.message({ format: 'directory' } satisfies ContextHead)
  for (const entries of listContext(root, rules, cache, files)) await sender.message(entries)
  await sender.message([])
  const reader = new PieceReader(channel)
  const readAt = new Map<number, number>()
  try {
    for (;;) {
      const wish = await reader.message<ContextWish>()
      if (wish === undefined) return
      if ('want' in wish) {
        const now = Date.now()
        for (const index of wish.want) readAt.set(index, now)
        await sender.send(wish.want, files)
        told.settled()
        continue
      }
      for (const [index, digest] of wish.digests) {
        const file = files[index]
        if (file !== undefined) cache.note(file.path, file.stat, digest, readAt.get(index) ?? 0)
      }
    }
  } finally {
    cache.save()
  }
}

/** Small files travel together, and are read into the very bytes that are sent. */
class FileSender {
  readonly #channel: Duplex
  readonly #root: string
  readonly #told: ContextEvents
  #chunk = Buffer.allocUnsafeSlow(CHUNK)
  #filled = 0
  #sent = 0

  constructor(channel: Duplex, root: string, told: ContextEvents) {
    this.#channel = channel
    this.#root = root
    this.#told = told
  }

  async message(message: object): Promise<void> {
    const bytes = encodeMessage(message)
    await write(this.#channel, bytes)
    this.#count(bytes.length)
  }

  async send(indices: readonly number[], files: readonly (ListedFile | undefined)[]): Promise<void> {
    for (const index of indices) {
      const file = files[index]
      if (file === undefined) throw new Failure(1, `the daemon asks for what is no file: ${index}`)
      const { path, stat } = file
      const fd = this.#open(path)
      try {
        if (FILE_HEAD + stat.size >= CHUNK || !(await this.#small(fd, index, stat))) await this.#large(fd, index, path)
      } finally {
        closeSync(fd)
      }
    }
    await this.#flush()
  }

  #open(path: string): number {
    try {
      // Not waiting: in the place of a file there may be a pipe by now.
      return openSync(bytesOf(this.#root, path), constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW)
    } catch (error) {
      throw this.#fault('open', path, error)
    }
  }

  /** False when it has grown out of the chunk. */
  async #small(fd: number, index: number, { size }: Stats): Promise<boolean> {
    if (this.#filled + FILE_HEAD + size + 1 > CHUNK) await this.#flush()
    const begin = this.#filled + FILE_HEAD
    let read = 0
    // One byte more than there should be, so that growth shows.
    for (;;) {
      const got = readSync(fd, this.#chunk, begin + read, size + 1 - read, null)
      read += got
      if (got === 0 || read > size) break
    }
    if (read > size) return false
    encodeFileHead(this.#chunk, this.#filled, index, read)
    this.#filled = begin + read
    return true
  }

  async #large(fd: number, index: number, path: string): Promise<void> {
    const stat = fstatSync(fd)
    if (!stat.isFile()) throw new Failure(1, `error from sender: ${this.#root}/${path} is no file any more`)
    if (this.#filled + FILE_HEAD > CHUNK) await this.#flush()
    encodeFileHead(this.#chunk, this.#filled, index, stat.size)
    this.#filled += FILE_HEAD
    for (let done = 0; done < stat.size; ) {
      if (this.#filled === CHUNK) await this.#flush()
      const got = readSync(fd, this.#chunk, this.#filled, Math.min(CHUNK - this.#filled, stat.size - done), done)
      if (got === 0) throw new Failure(1, `error from sender: ${this.#root}/${path} became shorter while it was read`)
      this.#filled += got
      done += got
    }
  }

  async #flush(): Promise<void> {
    if (this.#filled === 0) return
    const full = this.#chunk.subarray(0, this.#filled)
    this.#chunk = Buffer.allocUnsafeSlow(CHUNK)
    this.#filled = 0
    await write(this.#channel, full)
    this.#count(full.length)
  }

  #count(bytes: number): void {
    this.#sent += bytes
    this.#told.sent(this.#sent)
  }

  #fault(operation: string, path: string, error: unknown): Failure {
    const shown = `${this.#root}/${Buffer.from(path, 'latin1')}`
    return new Failure(1, `error from sender: ${fileFault(operation, shown, error)}`, { cause: error })
  }
}

/** Resolves when the daemon may be sent more. Rejects when it wants no more. */
const write = (channel: Duplex, chunk: Buffer): Promise<void> =>
  new Promise((resolve, reject) => {
    if (channel.destroyed) return reject(channel.errored ?? new Error('the channel was closed'))
    channel.write(chunk, error => (error ? reject(error) : resolve()))
  })
