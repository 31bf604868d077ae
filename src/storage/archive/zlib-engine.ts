import type { Gunzip, Gzip, ZstdDecompress } from 'node:zlib'

/** What Node's compression streams stand on. Its synchronous step is not in the documentation, but the same since Node 11. */
type Inside = {
  readonly _handle: {
    onerror: (message: string, errno: number, code: string) => void
    writeSync(
      flush: number,
      input: Uint8Array,
      inputOffset: number,
      inputLength: number,
      output: Uint8Array,
      outputOffset: number,
      outputLength: number,
    ): void
  }
  /** Bytes left of the output and of the input after a step. */
  readonly _writeState: Uint32Array
}

/** One of Node's compression streams, step by step and synchronously: as a stream it takes several turns of the event loop a chunk. */
export class ZlibEngine {
  readonly #stream: Gunzip | Gzip | ZstdDecompress
  readonly #inside: Inside
  #error: string | undefined

  constructor(stream: Gunzip | Gzip | ZstdDecompress) {
    this.#stream = stream
    this.#inside = stream as unknown as Inside
    this.#inside._handle.onerror = message => {
      this.#error = message
    }
  }

  /** Throws what the library says. */
  step(input: Buffer, output: Buffer, flush: number): { read: number; written: number } {
    const { _handle, _writeState } = this.#inside
    _handle.writeSync(flush, input, 0, input.length, output, 0, output.length)
    if (this.#error !== undefined) throw new Error(this.#error)
    const [room = 0, left = 0] = _writeState
    return { read: input.length - left, written: output.length - room }
  }

  close(): void {
    this.#stream.close()
  }
}
