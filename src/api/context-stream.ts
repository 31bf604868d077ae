/**
 * What a `context` channel of a build session carries. Messages are a length (uint32, big endian) and that many bytes of JSON.
 *
 * Client: a `ContextHead`; for an archive then its bytes to the end. For a directory `ListedEntry[]`s until an empty one.
 * Daemon: `ContextWish`es, as the build comes to need files. Client, for each index of a `want`, in its order: a file's head
 * (index uint32, size uint64) and its bytes. The daemon tells the digests of files that were listed without one.
 */
import type { Readable } from 'node:stream'
import { unavailable } from '../errdefs.ts'

export type ContextHead = { readonly format: 'archive' | 'directory' }

export const FILE = 0
export const DIRECTORY = 1
export const SYMLINK = 2
/** A device, a pipe: known to be there, never copied. */
export const OTHER = 3

/**
 * Path (one character per byte, relative), kind, permission bits, modification time in microseconds, size in bytes, and the
 * link's target or the content's SHA-256 in hexadecimal, empty when the client does not know it.
 */
export type ListedEntry = readonly [
  path: string,
  kind: number,
  mode: number,
  mtime: number,
  size: number,
  detail: string,
]

export type ContextWish =
  /** Numbers of entries, from 0 in the order of the list. */
  { readonly want: readonly number[] } | { readonly digests: readonly (readonly [index: number, digest: string])[] }

export const FILE_HEAD = 12
const MESSAGE_LIMIT = 16 * 1024 * 1024

export const encodeMessage = (message: object): Buffer => {
  const text = Buffer.from(JSON.stringify(message))
  const whole = Buffer.allocUnsafe(4 + text.length)
  whole.writeUInt32BE(text.length, 0)
  text.copy(whole, 4)
  return whole
}

/** Writes a file's head at `at`. */
export const encodeFileHead = (buffer: Buffer, at: number, index: number, size: number): void => {
  buffer.writeUInt32BE(index, at)
  buffer.writeUInt32BE(Math.floor(size / 2 ** 32), at + 4)
  buffer.writeUInt32BE(size >>> 0, at + 8)
}

export const decodeFileHead = (buffer: Buffer): { index: number; size: number } => ({
  index: buffer.readUInt32BE(0),
  size: buffer.readUInt32BE(4) * 2 ** 32 + buffer.readUInt32BE(8),
})

/** Reads a stream piece by piece: what was asked for, and no more than the stream has given. */
export class PieceReader {
  readonly #stream: Readable
  readonly #chunks: AsyncIterator<Buffer>
  #rest: Buffer = Buffer.alloc(0)

  constructor(stream: Readable) {
    this.#stream = stream
    this.#chunks = stream.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>
  }

  /** Undefined when the stream has ended before the message. */
  async message<Message>(): Promise<Message | undefined> {
    if (this.#rest.length === 0 && !(await this.#more())) return undefined
    const length = (await this.exactly(4)).readUInt32BE(0)
    if (length > MESSAGE_LIMIT) throw unavailable(`a message of ${length} bytes is too large`)
    return JSON.parse((await this.exactly(length)).toString()) as Message
  }

  async exactly(bytes: number): Promise<Buffer> {
    while (this.#rest.length < bytes) if (!(await this.#more())) throw unavailable('unexpected EOF')
    return this.#take(bytes)
  }

  /** The next bytes, at least one and at most `limit`. */
  async some(limit: number): Promise<Buffer> {
    if (this.#rest.length === 0 && !(await this.#more())) throw unavailable('unexpected EOF')
    return this.#take(Math.min(limit, this.#rest.length))
  }

  /** All that is left of the stream, for another reader. */
  async *remainder(): AsyncGenerator<Buffer> {
    if (this.#rest.length > 0) yield this.#take(this.#rest.length)
    while (await this.#more()) yield this.#take(this.#rest.length)
  }

  #take(bytes: number): Buffer {
    const taken = this.#rest.subarray(0, bytes)
    this.#rest = this.#rest.subarray(bytes)
    return taken
  }

  async #more(): Promise<boolean> {
    const { value, done } = await this.#chunks.next()
    if (done) {
      if (this.#stream.errored) throw this.#stream.errored
      return false
    }
    this.#rest = this.#rest.length === 0 ? (value as Buffer) : Buffer.concat([this.#rest, value as Buffer])
    return true
  }
}
