import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs'
import { invalidArgument } from '../../errdefs.ts'
import { type Digest, Digester } from '../../oci/digest.ts'
import type { Compression } from './detect-compression.ts'
import { DetectingDecoder } from './detecting-decoder.ts'

export type ReceiveOptions = {
  /** Where the blob is kept. What lies in it already comes first. */
  readonly file: string
  /** Bytes that lie in it. */
  readonly offset: number
  /** The file is a whole blob of somebody's: it is only read. */
  readonly whole: boolean
  /** Bytes of the uncompressed tar. */
  readonly maxSize: number
}

export type Expected = { readonly digest: Digest; readonly size: number; readonly diffId: Digest }
export type Received = {
  /** Bytes of files' contents and links' targets. */
  readonly size: number
  readonly compression: Compression
}

/** Where the uncompressed tar goes. */
export type TarTarget = {
  /** A piece of memory to decode into; undefined as long as all of it is under way. */
  take(): TarPiece | undefined
  send(piece: TarPiece, length: number): void
}
export type TarPiece = { readonly index: number; readonly bytes: Buffer }

/** Bytes of the file that are read at a time. */
const READ = 1 << 20

type Input = { rest: Buffer; readonly length: number; readonly done: () => void }

/**
 * A layer's blob on its way to a tree: hashed, kept in its file, decompressed, and hashed again as the tar that it is. For a thread
 * of its own: synchronous, except that it stops when the target has no room, and goes on with `pump`.
 */
export class BlobReceiver implements Disposable {
  readonly #options: ReceiveOptions
  readonly #target: TarTarget
  readonly #fd: number
  readonly #blob = new Digester()
  readonly #tar = new Digester()
  readonly #decoder = new DetectingDecoder()
  readonly #inputs: Input[] = []
  #output: TarPiece | undefined
  #filled = 0
  #buffer: Buffer | undefined
  #open = true
  /** Bytes of the blob that have been decoded. */
  position = 0

  constructor(options: ReceiveOptions, target: TarTarget) {
    this.#options = options
    this.#target = target
    this.#fd = openSync(options.file, options.whole ? constants.O_RDONLY : constants.O_RDWR | constants.O_CREAT, 0o644)
  }

  get compression(): Compression {
    return this.#decoder.compression
  }

  /** All that came has been decoded. */
  get idle(): boolean {
    return this.#inputs.length === 0
  }

  /** Works off the next bytes of what was in the file from the beginning; one call at a time. */
  read(done: () => void): void {
    this.#buffer ??= Buffer.allocUnsafeSlow(READ)
    const at = this.#blob.size
    const length = readSync(this.#fd, this.#buffer, 0, Math.min(READ, this.#options.offset - at), at)
    if (length === 0) throw new Error(`${this.#options.file}: shorter than it was`)
    this.#enter(this.#buffer.subarray(0, length), done)
  }

  /** Keeps and works off the next bytes; `done` when their memory may be used again. */
  write(chunk: Buffer, done: () => void): void {
    this.#buffer = undefined
    const at = this.#blob.size
    for (let offset = 0; offset < chunk.length; )
      offset += writeSync(this.#fd, chunk, offset, chunk.length - offset, at + offset)
    this.#enter(chunk, done)
  }

  /** Decodes as far as there is room. */
  pump(): void {
    for (let input = this.#inputs[0]; input; input = this.#inputs[0]) {
      this.#output ??= this.#target.take()
      if (!this.#output) return
      const { read, written } = this.#decoder.step(input.rest, this.#output.bytes.subarray(this.#filled))
      input.rest = input.rest.subarray(read)
      this.#filled += written
      if (this.#filled === this.#output.bytes.length) this.#flush()
      // As long as the output was filled, there may be more inside the decoder.
      else if (input.rest.length === 0) {
        this.#inputs.shift()
        this.position += input.length
        input.done()
      } else if (read === 0 && written === 0) throw new Error('the decoder stands still')
    }
  }

  /** Nothing more comes, and `idle`: proves that it is what it should be. Throws InvalidArgument. */
  verify(expected: Expected): void {
    const digest = this.#blob.digest()
    // Of a blob that is not the right one, nothing else has to be said.
    if (digest !== expected.digest || this.#blob.size !== expected.size)
      throw wrongBlob(expected, digest, this.#blob.size)
    this.#decoder.finish()
    this.#flush()
    if (this.#decoder.rest.length > 0) throw invalidArgument('unexpected EOF')
    const diffId = this.#tar.digest()
    if (diffId !== expected.diffId) {
      throw invalidArgument(
        `layers from manifest don't match image configuration: expected ${expected.diffId}, got ${diffId}`,
      )
    }
  }

  [Symbol.dispose](): void {
    if (!this.#open) return
    this.#open = false
    this.#inputs.length = 0
    this.#decoder[Symbol.dispose]()
    closeSync(this.#fd)
  }

  #enter(chunk: Buffer, done: () => void): void {
    this.#blob.update(chunk)
    if (chunk.length === 0) done()
    else this.#inputs.push({ rest: chunk, length: chunk.length, done })
    this.pump()
  }

  #flush(): void {
    if (!this.#output || this.#filled === 0) return
    const [output, length] = [this.#output, this.#filled]
    this.#output = undefined
    this.#filled = 0
    this.#tar.update(output.bytes.subarray(0, length))
    const { maxSize } = this.#options
    if (this.#tar.size > maxSize)
      throw invalidArgument(`layer is larger than ${maxSize} bytes when unpacked, the limit that max-layer-size sets`)
    this.#target.send(output, length)
  }
}

const wrongBlob = (expected: Expected, digest: Digest, size: number): Error =>
  invalidArgument(
    size === expected.size
      ? `filesystem layer verification failed for digest ${expected.digest}: got ${digest}`
      : `filesystem layer verification failed for digest ${expected.digest}: expected ${expected.size} bytes, got ${size}`,
  )
