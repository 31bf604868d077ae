import type { Readable } from 'node:stream'

/** A blob's bytes, handed out in portions of exact length; opened again elsewhere when the registry has lost some. */
export class ChunkSource implements Disposable {
  readonly #open: (offset: number) => Readable
  #stream: Readable | undefined
  #iterator: AsyncIterator<Uint8Array> | undefined
  #rest: Uint8Array | undefined
  #position = 0
  /** Why the source itself broke: then no other try helps. */
  failure: unknown

  constructor(open: (offset: number) => Readable) {
    this.#open = open
  }

  /** `length` bytes from `offset` on. One portion at a time. */
  async *take(offset: number, length: number): AsyncGenerator<Uint8Array> {
    if (this.#iterator === undefined || offset !== this.#position) this.#seek(offset)
    for (let wanted = length; wanted > 0; ) {
      const piece = this.#rest ?? (await this.#next())
      const given = piece.byteLength > wanted ? piece.subarray(0, wanted) : piece
      this.#rest = given.byteLength < piece.byteLength ? piece.subarray(given.byteLength) : undefined
      wanted -= given.byteLength
      this.#position += given.byteLength
      yield given
    }
  }

  async #next(): Promise<Uint8Array> {
    try {
      const next = await this.#iterator?.next()
      if (next === undefined || next.done) throw new Error(`the blob ended after ${this.#position} bytes`)
      return next.value
    } catch (error) {
      this.failure = error
      throw error
    }
  }

  #seek(offset: number): void {
    this.#close()
    this.#stream = this.#open(offset)
    // Heard by the iterator; it may break while nobody waits for it.
    this.#stream.on('error', () => undefined)
    this.#iterator = (this.#stream as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()
    this.#position = offset
  }

  #close(): void {
    this.#stream?.destroy()
    this.#stream = undefined
    this.#iterator = undefined
    this.#rest = undefined
  }

  [Symbol.dispose](): void {
    this.#close()
  }
}
