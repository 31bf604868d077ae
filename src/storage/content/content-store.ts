import { randomBytes } from 'node:crypto'
import {
  closeSync,
  createReadStream,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { codeOf, invalidArgument, notFound } from '../../errdefs.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { type Digest, Digester, digestOf, hexOf } from '../../oci/digest.ts'
import { bootId } from '../settle.ts'
import { sweepPartialBlobs } from './partial-blobs.ts'
import { UnsettledBlobs } from './unsettled-blobs.ts'

/** What a stream is said to be; it is refused when it turns out otherwise. */
export type Expectation = { readonly digest?: Digest | undefined; readonly size?: number | undefined }

/** Bytes of a blob that is deleted on the spot. */
const SMALL = 4 << 20

/**
 * Blobs by digest, as an OCI image layout (https://github.com/opencontainers/image-spec/blob/main/image-layout.md), so
 * that other tools can read it. A blob appears whole or not at all: it is written below `ingest/`, fsynced and renamed.
 * It says nothing of what a blob is for; who may still need one is known to its callers.
 */
export class ContentStore {
  readonly #root: string
  readonly #blobs: string
  readonly #ingest: string
  readonly #partial: string
  readonly #unsettled: UnsettledBlobs

  /** Makes `content/` below the data root, or takes over the one that is there, less what the host's end cut short. */
  constructor(root: string, boot = bootId()) {
    this.#root = join(root, 'content')
    this.#blobs = join(this.#root, 'blobs', 'sha256')
    this.#ingest = join(this.#root, 'ingest')
    mkdirSync(this.#blobs, { recursive: true, mode: 0o711 })
    // What a dead process was writing is of no use.
    rmSync(this.#ingest, { recursive: true, force: true })
    mkdirSync(this.#ingest, { mode: 0o700 })
    this.#partial = join(this.#root, 'partial')
    sweepPartialBlobs(this.#partial)
    this.#unsettled = new UnsettledBlobs(join(this.#root, 'unsettled'), boot, name =>
      rmSync(join(this.#blobs, name), { force: true }),
    )
    this.#replace('oci-layout', '{"imageLayoutVersion":"1.0.0"}')
    if (statSync(join(this.#root, 'index.json'), { throwIfNoEntry: false }) === undefined) this.publish([])
  }

  has(digest: Digest): boolean {
    return statSync(this.path(digest), { throwIfNoEntry: false }) !== undefined
  }

  /** Bytes. NotFound. */
  size(digest: Digest): number {
    const stat = statSync(this.path(digest), { throwIfNoEntry: false })
    if (stat === undefined) throw missing(digest)
    return stat.size
  }

  /** Where a blob lies, or would lie. */
  path(digest: Digest): string {
    return join(this.#blobs, hexOf(digest))
  }

  /** For small blobs: configurations, manifests. NotFound. */
  readSync(digest: Digest): Buffer {
    try {
      return readFileSync(this.path(digest))
    } catch (error) {
      throw codeOf(error) === 'ENOENT' ? missing(digest, error) : error
    }
  }

  /** From byte `start` on. NotFound at once, not later through the stream. */
  open(digest: Digest, start = 0): Readable {
    const path = this.path(digest)
    let fd: number
    try {
      fd = openSync(path, 'r')
    } catch (error) {
      throw codeOf(error) === 'ENOENT' ? missing(digest, error) : error
    }
    return createReadStream(path, { fd, start, highWaterMark: 256 * 1024 })
  }

  /** For small blobs; synchronous. Writing what is there already costs next to nothing. Waits for the disk. */
  write(bytes: Uint8Array): Digest {
    return this.#write(bytes, (temporary, fd, digest) => {
      fsyncSync(fd)
      renameSync(temporary, this.path(digest))
      syncDirectory(this.#blobs)
    })
  }

  /** The same without waiting: the blob is as lasting as one that was adopted. */
  writeSoon(bytes: Uint8Array): Digest {
    return this.#write(bytes, (temporary, _fd, digest) => this.adopt(digest, temporary))
  }

  #write(bytes: Uint8Array, show: (temporary: string, fd: number, digest: Digest) => void): Digest {
    const digest = digestOf(bytes)
    if (this.has(digest)) return digest
    const temporary = this.#temporary()
    const fd = openSync(temporary, 'wx', 0o644)
    try {
      for (let offset = 0; offset < bytes.byteLength; ) offset += writeSync(fd, bytes, offset)
      show(temporary, fd, digest)
    } catch (error) {
      rmSync(temporary, { force: true })
      throw error
    } finally {
      closeSync(fd)
    }
    return digest
  }

  /** Stores a stream while hashing it. InvalidArgument when it is not what was expected; then nothing is kept. */
  async ingest(
    stream: Readable,
    expected: Expectation = {},
    signal?: AbortSignal,
  ): Promise<{ digest: Digest; size: number }> {
    return this.ingestChunks(stream, expected, signal)
  }

  /** The same for chunks that come from elsewhere than a stream. */
  async ingestChunks(
    chunks: AsyncIterable<Uint8Array>,
    expected: Expectation = {},
    signal?: AbortSignal,
  ): Promise<{ digest: Digest; size: number }> {
    const temporary = this.#temporary()
    const digester = new Digester()
    try {
      const file = await open(temporary, 'wx', 0o644)
      try {
        for await (const chunk of chunks) {
          signal?.throwIfAborted()
          digester.update(chunk)
          if (expected.size !== undefined && digester.size > expected.size)
            throw mismatch('size', expected.size, `more than ${expected.size}`)
          for (let offset = 0; offset < chunk.byteLength; ) offset += (await file.write(chunk, offset)).bytesWritten
        }
        signal?.throwIfAborted()
        if (expected.size !== undefined && digester.size !== expected.size)
          throw mismatch('size', expected.size, digester.size)
        await file.datasync()
      } finally {
        await file.close()
      }
      const digest = digester.digest()
      if (expected.digest !== undefined && digest !== expected.digest) throw mismatch('digest', expected.digest, digest)
      await rename(temporary, this.path(digest))
      syncDirectory(this.#blobs)
      return { digest, size: digester.size }
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
  }

  /** Where a blob may be gathered over several attempts, restarts between them; whoever does proves it and calls `adopt`. */
  partialPath(digest: Digest): string {
    return join(this.#partial, hexOf(digest))
  }

  /** A name in the same file system for a file that may become a blob; what is left there is swept at start. */
  temporaryPath(): string {
    return this.#temporary()
  }

  /**
   * Shows a blob that was gathered at its partial path, or at `path`, and has been verified there. Does not wait for the disk: should
   * the host end before it has the blob, the blob is gone at the next start.
   */
  adopt(digest: Digest, path = this.partialPath(digest)): void {
    this.#unsettled.add(hexOf(digest), () => renameSync(path, this.path(digest)))
  }

  /** It is gone at once; the disk gives its room back a little later, on another thread. No error when it is not there. */
  remove(digest: Digest): void {
    const path = this.path(digest)
    const stat = statSync(path, { throwIfNoEntry: false })
    if (!stat) return
    if (stat.size <= SMALL) rmSync(path, { force: true })
    else {
      const temporary = this.#temporary()
      renameSync(path, temporary)
      // What could not be deleted is swept at the next start.
      rm(temporary, { force: true }).catch(() => {})
    }
    this.#unsettled.drop(hexOf(digest))
  }

  list(): Digest[] {
    return readdirSync(this.#blobs)
      .filter(name => /^[0-9a-f]{64}$/.test(name))
      .map((name): Digest => `sha256:${name}`)
  }

  /** Writes `index.json` anew: what other tools find by name. It only repeats what the caller keeps, so it is not fsynced. */
  publish(manifests: readonly Descriptor[]): void {
    const index = { schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests }
    this.#replace('index.json', JSON.stringify(index))
  }

  #replace(name: string, text: string): void {
    const temporary = this.#temporary()
    writeFileSync(temporary, text, { mode: 0o644 })
    renameSync(temporary, join(this.#root, name))
  }

  #temporary(): string {
    return join(this.#ingest, randomBytes(8).toString('hex'))
  }
}

const missing = (digest: Digest, cause?: unknown): Error => notFound(`content ${digest}: not found`, { cause })

const mismatch = (what: string, expected: string | number, actual: string | number): Error =>
  invalidArgument(`unexpected ${what} of a blob: expected ${expected}, got ${actual}`)

const syncDirectory = (directory: string): void => {
  const fd = openSync(directory, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
