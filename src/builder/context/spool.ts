import { closeSync, constants, openSync, readSync, unlinkSync, writeSync } from 'node:fs'

/** Below this, nothing is written: most contexts of a cached build are small and only their digests are needed. */
const IN_MEMORY = 1024 * 1024

/**
 * Bytes in the order in which they came, readable at any place: in memory while they are few, then in one file
 * that has no name, so that no way of ending leaves it behind.
 */
export class Spool implements Disposable {
  readonly #path: string
  #chunks: Buffer[] = []
  #fd: number | undefined
  #memory: Buffer | undefined
  length = 0

  /** `path`: where the file may be made; its directory must exist. */
  constructor(path: string) {
    this.#path = path
  }

  /** Appends a copy of the bytes. */
  append(bytes: Buffer): void {
    if (this.#fd === undefined && this.length + bytes.length <= IN_MEMORY) {
      this.#chunks.push(Buffer.from(bytes))
      this.#memory = undefined
      this.length += bytes.length
      return
    }
    const fd = this.#file()
    for (let done = 0; done < bytes.length; ) {
      const written = writeSync(fd, bytes, done, bytes.length - done, this.length)
      done += written
      this.length += written
    }
  }

  /** Leaves a hole that reads as zeros. */
  skip(bytes: number): void {
    this.#file()
    this.length += bytes
  }

  /** Fills `buffer` from `position` on; bytes behind the end of the file, which only a last hole has, are zeros. */
  read(buffer: Buffer, position: number): number {
    const wanted = Math.min(buffer.length, this.length - position)
    if (wanted <= 0) return 0
    if (this.#fd === undefined) {
      this.#memory ??= this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks)
      return this.#memory.copy(buffer, 0, position, position + wanted)
    }
    const read = readSync(this.#fd, buffer, 0, wanted, position)
    buffer.fill(0, read, wanted)
    return wanted
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
    this.#chunks = []
    this.#memory = undefined
  }

  #file(): number {
    if (this.#fd !== undefined) return this.#fd
    const fd = openSync(this.#path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600)
    unlinkSync(this.#path)
    this.#fd = fd
    const chunks = this.#chunks
    this.#chunks = []
    this.#memory = undefined
    this.length = 0
    for (const chunk of chunks) this.append(chunk)
    return fd
  }
}
