import { constants, createGunzip, createZstdDecompress } from 'node:zlib'
import { invalidArgument } from '../../errdefs.ts'
import type { Decoder, DecoderStep } from './decoder.ts'

/** 512 MiB: what Docker's decoder takes at most. */
const ZSTD_WINDOW_LOG = 29

/** What Node's compression streams stand on. Its synchronous step is not in the documentation, but the same since Node 11. */
type Engine = {
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
  close(): void
}

/**
 * gzip (all members, then at most zeros) and zstd (all frames) by Node's own libraries, step by step: its streams would cost
 * several turns of the event loop for each chunk, and take whatever follows the last member for nothing.
 */
export class ZlibDecoder implements Decoder {
  readonly #engine: Engine
  readonly #gzip: boolean
  #padding = false
  #error: string | undefined

  constructor(compression: 'gzip' | 'zstd') {
    this.#gzip = compression === 'gzip'
    const stream = this.#gzip
      ? createGunzip({ chunkSize: constants.Z_MIN_CHUNK })
      : createZstdDecompress({
          chunkSize: constants.Z_MIN_CHUNK,
          params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG },
        })
    this.#engine = stream as unknown as Engine
    this.#engine._handle.onerror = message => {
      this.#error = message
    }
  }

  step(input: Buffer, output: Buffer): DecoderStep {
    if (this.#padding) return { read: skipZeros(input), written: 0 }
    const step = this.#write(input, output, constants.Z_NO_FLUSH)
    // Room and input, but no progress: after a gzip member only a zero byte stops it.
    if (input.length > 0 && step.read === 0 && step.written === 0) {
      if (!this.#gzip) throw invalidArgument('zstd: invalid data')
      this.#padding = true
      return { read: skipZeros(input), written: 0 }
    }
    return step
  }

  finish(): void {
    // Only gzip says here that something is missing; what is missing of zstd, the tar's own end and digest tell.
    if (!this.#padding && this.#gzip) this.#write(Buffer.alloc(0), Buffer.alloc(64), constants.Z_FINISH)
  }

  [Symbol.dispose](): void {
    this.#engine.close()
  }

  #write(input: Buffer, output: Buffer, flush: number): DecoderStep {
    this.#engine._handle.writeSync(flush, input, 0, input.length, output, 0, output.length)
    if (this.#error !== undefined) throw invalidArgument(`${this.#gzip ? 'gzip' : 'zstd'}: ${this.#error}`)
    const [room = 0, left = 0] = this.#engine._writeState
    return { read: input.length - left, written: output.length - room }
  }
}

/** gzip may be padded with zeros, and with nothing else. */
export const skipZeros = (input: Buffer): number => {
  for (let at = 0; at < input.length; at++) if (input[at] !== 0) throw invalidArgument('gzip: invalid header')
  return input.length
}
