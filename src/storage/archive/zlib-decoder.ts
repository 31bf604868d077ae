import { constants, createGunzip, createZstdDecompress } from 'node:zlib'
import { invalidArgument, messageOf } from '../../errdefs.ts'
import type { Decoder, DecoderStep } from './decoder.ts'
import { ZlibEngine } from './zlib-engine.ts'

/** 512 MiB: what Docker's decoder takes at most. */
const ZSTD_WINDOW_LOG = 29

/**
 * gzip (all members, then at most zeros) and zstd (all frames) by Node's own libraries. As streams they would take whatever follows
 * the last member for nothing.
 */
export class ZlibDecoder implements Decoder {
  readonly #engine: ZlibEngine
  readonly #gzip: boolean
  #padding = false

  constructor(compression: 'gzip' | 'zstd') {
    this.#gzip = compression === 'gzip'
    const stream = this.#gzip
      ? createGunzip({ chunkSize: constants.Z_MIN_CHUNK })
      : createZstdDecompress({
          chunkSize: constants.Z_MIN_CHUNK,
          params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG },
        })
    this.#engine = new ZlibEngine(stream)
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
    try {
      return this.#engine.step(input, output, flush)
    } catch (error) {
      throw invalidArgument(`${this.#gzip ? 'gzip' : 'zstd'}: ${messageOf(error)}`, { cause: error })
    }
  }
}

/** gzip may be padded with zeros, and with nothing else. */
export const skipZeros = (input: Buffer): number => {
  for (let at = 0; at < input.length; at++) if (input[at] !== 0) throw invalidArgument('gzip: invalid header')
  return input.length
}
