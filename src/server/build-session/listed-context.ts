import { createHash, hash } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { Readable } from 'node:stream'
import {
  type ContextHead,
  type ContextWish,
  DIRECTORY,
  decodeFileHead,
  encodeMessage,
  FILE,
  FILE_HEAD,
  type ListedEntry,
  PieceReader,
  SYMLINK,
} from '../../api/context-stream.ts'
import type { ContextPlace } from '../../builder/build-client.ts'
import type { ContextLease } from '../../builder/context/context-store.ts'
import { type Content, type ContentLoader, ContextTree } from '../../builder/context/context-tree.ts'
import type { PackWriter } from '../../builder/context/pack-writer.ts'
import { receiveContext } from '../../builder/context/receive-context.ts'
import { invalidArgument } from '../../errdefs.ts'

/** Receives a context over its channel: an archive whole, of a directory the names only. The tree closes the channel. */
export const receiveListedContext = async (
  channel: Duplex,
  place: ContextPlace,
  signal: AbortSignal,
): Promise<ContextTree> => {
  const reader = new PieceReader(channel)
  const head = await reader.message<ContextHead>()
  if (head?.format === 'archive') {
    using _ = { [Symbol.dispose]: () => channel.destroy() }
    return await receiveContext(Readable.from(reader.remainder(), { objectMode: false }), place.spool(), signal)
  }
  const loader = new ChannelLoader(channel, reader, place.store.lease())
  const tree = new ContextTree(undefined, { filtered: true, loader })
  try {
    for (;;) {
      const entries = await reader.message<readonly ListedEntry[]>()
      if (entries === undefined) throw invalidArgument('unexpected EOF')
      if (entries.length === 0) return tree
      for (const entry of entries) addEntry(tree, loader, entry)
    }
  } catch (error) {
    tree[Symbol.dispose]()
    throw error
  }
}

const addEntry = (tree: ContextTree, loader: ChannelLoader, entry: ListedEntry): void => {
  const [path, kind, mode, mtime, size, detail] = entry
  const type = kind === FILE ? 'file' : kind === DIRECTORY ? 'directory' : kind === SYMLINK ? 'symlink' : 'other'
  const content = loader.next(type === 'file' ? { source: undefined, offset: 0, size, digest: detail } : undefined)
  const linkTarget = type === 'symlink' ? detail : ''
  tree.list(path, { type, mode, mtime: BigInt(mtime) * 1000n, size, linkTarget }, content)
}

/** Fetches contents that neither the store has nor the client has sent yet, in the order in which they are asked for. */
class ChannelLoader implements ContentLoader {
  readonly #channel: Duplex
  readonly #reader: PieceReader
  readonly #lease: ContextLease
  readonly #numbers = new Map<Content, number>()
  #listed = 0
  #told = false
  #last: Promise<void> = Promise.resolve()

  constructor(channel: Duplex, reader: PieceReader, lease: ContextLease) {
    this.#channel = channel
    this.#reader = reader
    this.#lease = lease
  }

  /** Numbers the next entry of the list. */
  next(content: Content | undefined): Content | undefined {
    if (content !== undefined) this.#numbers.set(content, this.#listed)
    this.#listed++
    return content
  }

  load(contents: readonly Content[], signal: AbortSignal): Promise<void> {
    const loaded = this.#last.then(() => this.#load(contents, signal))
    this.#last = loaded.catch(() => undefined)
    return loaded
  }

  async #load(contents: readonly Content[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const missing = this.#lease.fill(contents.filter(({ source }) => source === undefined))
    if (missing.length === 0) {
      // The client is told once that it has done all for now.
      if (!this.#told) this.#tell({ want: [] })
      return
    }
    // Half a file on the channel is of no use to anybody: whoever gives up one content gives up the context.
    const abort = () => this.#channel.destroy(signal.reason instanceof Error ? signal.reason : undefined)
    signal.addEventListener('abort', abort, { once: true })
    try {
      await this.#lease.bring(writer => this.#bring(missing, writer))
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  async #bring(missing: readonly Content[], writer: PackWriter): Promise<readonly Content[]> {
    const numbers = missing.map(content => this.#numbers.get(content) as number)
    this.#tell({ want: numbers })
    const learned: [number, string][] = []
    const received: Content[] = []
    for (const [at, content] of missing.entries()) {
      const { index, size } = decodeFileHead(await this.#reader.exactly(FILE_HEAD))
      if (index !== numbers[at]) throw invalidArgument('the client sends other files than it was asked for')
      const offset = writer.length
      const digest = await this.#content(size, writer)
      if (digest !== content.digest) learned.push([index, digest])
      Object.assign(content, { offset, size, digest })
      received.push(content)
    }
    if (learned.length > 0) this.#tell({ digests: learned })
    return received
  }

  async #content(size: number, writer: PackWriter): Promise<string> {
    const first = size === 0 ? Buffer.alloc(0) : await this.#reader.some(size)
    writer.append(first)
    // Most files come in one piece.
    if (first.length === size) return hash('sha256', first, 'hex')
    const whole = createHash('sha256').update(first)
    for (let left = size - first.length; left > 0; ) {
      const piece = await this.#reader.some(left)
      writer.append(piece)
      whole.update(piece)
      left -= piece.length
    }
    return whole.digest('hex')
  }

  /** Wishes are few and short: what the client does not take yet lies in the channel's window. */
  #tell(wish: ContextWish): void {
    this.#told = true
    this.#channel.write(encodeMessage(wish))
  }

  [Symbol.dispose](): void {
    this.#channel.destroy()
    this.#lease[Symbol.dispose]()
  }
}
