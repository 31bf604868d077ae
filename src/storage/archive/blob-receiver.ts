import { closeSync, constants, fdatasyncSync, openSync, readSync, writeSync } from 'node:fs'
import { invalidArgument } from '../../errdefs.ts'
import { syncDirectoryNow } from '../../host/sync.ts'
import { type Digest, Digester } from '../../oci/digest.ts'
import type { Compression } from './detect-compression.ts'
import { DetectingDecoder } from './detecting-decoder.ts'
import { TarReader, type TarSink } from './tar-reader.ts'
import { Unpacker } from './unpacker.ts'

export type ReceiveOptions = {
  /** Where the blob is kept. What lies in it already comes first. */
  readonly file: string
  /** Bytes that lie in it. */
  readonly offset: number
  /** The file is a whole blob of somebody's: it is only read. */
  readonly whole: boolean
  /** An empty directory for the layer's tree; undefined: the tar is only read. */
  readonly directory: string | undefined
  /** Bytes of the uncompressed tar. */
  readonly maxSize: number
  readonly maxEntries: number
}

export type Expected = { readonly digest: Digest; readonly size: number; readonly diffId: Digest }
export type Received = {
  /** Bytes of files' contents and links' targets. */
  readonly size: number
  readonly compression: Compression
}

/** Bytes of the file that are read at a time. */
const READ = 1 << 20

/**
 * One layer's blob on its way to a tree: hashed, kept in its file, decompressed, hashed again as the tar that it is, and
 * unpacked. Synchronous, for a thread of its own; it holds a window of each and never more.
 */
export class BlobReceiver implements Disposable {
  readonly #options: ReceiveOptions
  readonly #fd: number
  readonly #blob = new Digester()
  readonly #tar = new Digester()
  readonly #decoder = new DetectingDecoder()
  readonly #reader: TarReader
  readonly #unpacker: Unpacker | undefined
  readonly #counter = new CountingSink()
  #buffer: Buffer | undefined
  #open = true

  constructor(options: ReceiveOptions) {
    this.#options = options
    this.#fd = openSync(options.file, options.whole ? constants.O_RDONLY : constants.O_RDWR | constants.O_CREAT, 0o644)
    try {
      this.#unpacker =
        options.directory === undefined ? undefined : new Unpacker(options.directory, { format: 'layer' })
    } catch (error) {
      closeSync(this.#fd)
      throw error
    }
    this.#reader = new TarReader(this.#unpacker ?? this.#counter)
  }

  /** Bytes of the blob that have been worked off. */
  get position(): number {
    return this.#blob.size
  }

  /** Works off the next bytes of what was in the file from the beginning. */
  read(): void {
    this.#buffer ??= Buffer.allocUnsafeSlow(READ)
    const wanted = Math.min(READ, this.#options.offset - this.position)
    const length = readSync(this.#fd, this.#buffer, 0, wanted, this.position)
    if (length === 0) throw new Error(`${this.#options.file}: shorter than it was`)
    this.#work(this.#buffer.subarray(0, length))
  }

  /** Keeps and works off the next bytes. */
  write(chunk: Buffer): void {
    this.#buffer = undefined
    this.#append(chunk)
    this.#work(chunk)
  }

  /** Nothing more comes: proves that it is what it should be, and waits until the disk has it. Throws InvalidArgument. */
  verify(expected: Expected): Received {
    // Of a blob that is not the right one, nothing else has to be said.
    const digest = this.#blob.digest()
    if (digest !== expected.digest || this.#blob.size !== expected.size)
      throw wrongBlob(expected, digest, this.#blob.size)
    this.#decoder.finish(bytes => this.#onTar(bytes))
    this.#reader.finish()
    const diffId = this.#tar.digest()
    if (diffId !== expected.diffId) {
      throw invalidArgument(
        `layers from manifest don't match image configuration: expected ${expected.diffId}, got ${diffId}`,
      )
    }
    this.#unpacker?.finish()
    if (!this.#options.whole) fdatasyncSync(this.#fd)
    if (this.#options.directory !== undefined) syncDirectoryNow(this.#options.directory)
    return { size: (this.#unpacker ?? this.#counter).size, compression: this.#decoder.compression }
  }

  [Symbol.dispose](): void {
    if (!this.#open) return
    this.#open = false
    this.#decoder[Symbol.dispose]()
    this.#unpacker?.[Symbol.dispose]()
    closeSync(this.#fd)
  }

  #append(chunk: Buffer): void {
    for (let done = 0; done < chunk.length; )
      done += writeSync(this.#fd, chunk, done, chunk.length - done, this.position + done)
  }

  #work(chunk: Buffer): void {
    this.#blob.update(chunk)
    this.#decoder.push(chunk, bytes => this.#onTar(bytes))
  }

  #onTar(bytes: Buffer): void {
    const { maxSize, maxEntries } = this.#options
    this.#tar.update(bytes)
    if (this.#tar.size > maxSize)
      throw invalidArgument(`layer is larger than ${maxSize} bytes when unpacked, the limit that max-layer-size sets`)
    this.#reader.push(bytes)
    if (this.#reader.entries > maxEntries) throw invalidArgument(`layer has more than ${maxEntries} entries`)
  }
}

class CountingSink implements TarSink {
  size = 0
  entry({ type, size, linkTarget }: Parameters<TarSink['entry']>[0]): void {
    this.size += type === 'symlink' ? linkTarget.length : size
  }
  data(): void {}
  end(): void {}
}

const wrongBlob = (expected: Expected, digest: Digest, size: number): Error =>
  invalidArgument(
    size === expected.size
      ? `filesystem layer verification failed for digest ${expected.digest}: got ${digest}`
      : `filesystem layer verification failed for digest ${expected.digest}: expected ${expected.size} bytes, got ${size}`,
  )
