import { invalidArgument } from '../../errdefs.ts'
import type { Decoder, DecoderStep } from './decoder.ts'
import { type Compression, detectCompression } from './detect-compression.ts'
import { IsalDecoder } from './isal-decoder.ts'
import { ZlibDecoder } from './zlib-decoder.ts'

/** A stream's first bytes that are enough to say how it is compressed. */
const START = 6

/** Finds out by itself how what comes is compressed. */
export class DetectingDecoder implements Decoder {
  /** Taken in, and not decoded yet. */
  #held: Buffer = Buffer.alloc(0)
  #decoder: Decoder | undefined
  /** Known from the first bytes on. */
  compression: Compression = 'none'

  step(input: Buffer, output: Buffer): DecoderStep {
    if (this.#decoder && this.#held.length === 0) return this.#decoder.step(input, output)
    const whole = Buffer.concat([this.#held, input])
    if (!this.#decoder && whole.length < START) {
      this.#held = whole
      return { read: input.length, written: 0 }
    }
    this.#decoder ??= this.#choose(whole)
    const { read, written } = this.#decoder.step(whole, output)
    const before = this.#held.length
    this.#held = whole.subarray(read, Math.max(read, before))
    return { read: Math.max(0, read - before), written }
  }

  finish(): void {
    // Shorter than any header: what it is, the reader of the archive will say.
    this.#decoder?.finish()
  }

  /** What came in all, when it was too little to be anything. */
  get rest(): Buffer {
    return this.#held
  }

  [Symbol.dispose](): void {
    this.#decoder?.[Symbol.dispose]()
  }

  #choose(start: Buffer): Decoder {
    this.compression = detectCompression(start)
    if (this.compression === 'none') return PLAIN
    if (this.compression === 'gzip') return IsalDecoder.make() ?? new ZlibDecoder('gzip')
    if (this.compression === 'zstd') return new ZlibDecoder('zstd')
    throw invalidArgument(`a layer compressed with ${this.compression} is not supported: use gzip, zstd or none`)
  }
}

const PLAIN: Decoder = {
  step(input, output) {
    const length = input.copy(output)
    return { read: length, written: length }
  },
  finish: () => {},
  [Symbol.dispose]: () => {},
}
