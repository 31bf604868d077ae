import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { constants, createGzip } from 'node:zlib'
import { IsalDeflate, loadIsal } from '../../host/isal.ts'
import { type Digest, Digester } from '../../oci/digest.ts'
import { ZlibEngine } from './zlib-engine.ts'

/** Bytes that are read, and written, at a time. */
const PIECE = 512 * 1024
/** What zlib takes when nobody says; libisal's output is at most a tenth larger. */
const LEVEL = 6

export type Compressed = { readonly digest: Digest; readonly size: number }

type Deflater = {
  step(input: Buffer, output: Buffer, last: boolean): { read: number; written: number; ended: boolean }
  close(): void
}

/**
 * A file as gzip in another: the same bytes for the same input, as long as the same library does it. Synchronous, a piece a call, for
 * a thread of its own.
 */
export class Compressor implements Disposable {
  readonly #from: number
  readonly #to: number
  readonly #deflater: Deflater = openDeflater()
  readonly #digester = new Digester()
  readonly #input = Buffer.allocUnsafeSlow(PIECE)
  readonly #output = Buffer.allocUnsafeSlow(PIECE)
  /** Bytes of the source that are done. */
  position = 0

  constructor(from: string, to: string) {
    this.#from = openSync(from, 'r')
    try {
      this.#to = openSync(to, 'wx', 0o644)
    } catch (error) {
      closeSync(this.#from)
      throw error
    }
  }

  /** Works off the next piece; the result after the last. */
  step(): Compressed | undefined {
    const length = readSync(this.#from, this.#input, 0, PIECE, this.position)
    let rest = this.#input.subarray(0, length)
    this.position += length
    for (;;) {
      const { read, written, ended } = this.#deflater.step(rest, this.#output, length === 0)
      rest = rest.subarray(read)
      this.#write(this.#output.subarray(0, written))
      if (ended) return { digest: this.#digester.digest(), size: this.#digester.size }
      if (length > 0 && rest.length === 0 && written < PIECE) return undefined
    }
  }

  [Symbol.dispose](): void {
    this.#deflater.close()
    closeSync(this.#from)
    closeSync(this.#to)
  }

  #write(bytes: Buffer): void {
    const at = this.#digester.size
    this.#digester.update(bytes)
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#to, bytes, done, bytes.length - done, at + done)
  }
}

const openDeflater = (): Deflater => {
  const library = loadIsal()
  if (library) {
    const deflate = new IsalDeflate(library)
    return { step: (input, output, last) => deflate.step(input, output, last), close: () => {} }
  }
  const engine = new ZlibEngine(createGzip({ level: LEVEL, chunkSize: constants.Z_MIN_CHUNK }))
  return {
    step: (input, output, last) => {
      const step = engine.step(input, output, last ? constants.Z_FINISH : constants.Z_NO_FLUSH)
      return { ...step, ended: last && step.written < output.length }
    },
    close: () => engine.close(),
  }
}
