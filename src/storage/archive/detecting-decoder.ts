import { invalidArgument } from '../../errdefs.ts'
import type { Decoder, TakeBytes } from './decoder.ts'
import { type Compression, detectCompression } from './detect-compression.ts'
import { ZlibDecoder } from './zlib-decoder.ts'

/** A stream's first bytes that are enough to say how it is compressed. */
const START = 6

/** Finds out by itself how what comes is compressed. */
export class DetectingDecoder implements Decoder {
  #start: Buffer = Buffer.alloc(0)
  #decoder: Decoder | undefined
  /** Known from the first bytes on. */
  compression: Compression = 'none'

  push(chunk: Buffer, take: TakeBytes): void {
    if (this.#decoder) {
      this.#decoder.push(chunk, take)
      return
    }
    this.#start = this.#start.length === 0 ? chunk : Buffer.concat([this.#start, chunk])
    if (this.#start.length >= START) this.#begin(take)
    // The chunk's memory may be used again by whoever gave it.
    else this.#start = Buffer.from(this.#start)
  }

  finish(take: TakeBytes): void {
    if (!this.#decoder) this.#begin(take)
    this.#decoder?.finish(take)
  }

  [Symbol.dispose](): void {
    this.#decoder?.[Symbol.dispose]()
  }

  #begin(take: TakeBytes): void {
    this.compression = detectCompression(this.#start)
    this.#decoder = decoderFor(this.compression)
    this.#decoder.push(this.#start, take)
    this.#start = Buffer.alloc(0)
  }
}

const decoderFor = (compression: Compression): Decoder => {
  if (compression === 'none') return PLAIN
  if (compression === 'gzip' || compression === 'zstd') return new ZlibDecoder(compression)
  throw invalidArgument(`a layer compressed with ${compression} is not supported: use gzip, zstd or none`)
}

const PLAIN: Decoder = {
  push: (chunk, take) => take(chunk),
  finish: () => {},
  [Symbol.dispose]: () => {},
}
