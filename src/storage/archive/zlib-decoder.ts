import { constants, createGunzip, createZstdDecompress } from 'node:zlib'
import { invalidArgument } from '../../errdefs.ts'
import type { Decoder, TakeBytes } from './decoder.ts'

/** Bytes that are decoded at a time. */
const WINDOW = 256 * 1024
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
  readonly #output = Buffer.allocUnsafeSlow(WINDOW)
  #ended = false
  #error: string | undefined

  constructor(compression: 'gzip' | 'zstd') {
    this.#gzip = compression === 'gzip'
    const stream = this.#gzip
      ? createGunzip()
      : createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG } })
    this.#engine = stream as unknown as Engine
    this.#engine._handle.onerror = message => {
      this.#error = message
    }
  }

  push(chunk: Buffer, take: TakeBytes): void {
    let rest = chunk
    while (rest.length > 0) {
      if (this.#ended) {
        if (rest.some(byte => byte !== 0)) throw invalidArgument('gzip: invalid header')
        return
      }
      const { left, produced } = this.#step(rest, constants.Z_NO_FLUSH)
      if (produced > 0) take(this.#output.subarray(0, produced))
      // Room and input, but no progress: after a gzip member only a zero byte stops it.
      if (left === rest.length && produced === 0) {
        if (!this.#gzip) throw invalidArgument('zstd: invalid data')
        this.#ended = true
      }
      rest = rest.subarray(rest.length - left)
      if (left === 0 && produced === WINDOW) this.#drain(take)
    }
  }

  finish(take: TakeBytes): void {
    if (this.#ended) return
    // Only gzip says here that something is missing; what is missing of zstd, the tar's own end and digest tell.
    const { produced } = this.#step(Buffer.alloc(0), this.#gzip ? constants.Z_FINISH : constants.ZSTD_e_end)
    if (produced > 0) take(this.#output.subarray(0, produced))
  }

  [Symbol.dispose](): void {
    this.#engine.close()
  }

  /** Takes what is decoded already but did not fit. */
  #drain(take: TakeBytes): void {
    for (let produced = WINDOW; produced === WINDOW; ) {
      produced = this.#step(Buffer.alloc(0), constants.Z_NO_FLUSH).produced
      if (produced > 0) take(this.#output.subarray(0, produced))
    }
  }

  #step(input: Buffer, flush: number): { left: number; produced: number } {
    this.#engine._handle.writeSync(flush, input, 0, input.length, this.#output, 0, WINDOW)
    if (this.#error !== undefined) throw invalidArgument(`${this.#gzip ? 'gzip' : 'zstd'}: ${this.#error}`)
    const [room = 0, left = 0] = this.#engine._writeState
    return { left, produced: WINDOW - room }
  }
}
