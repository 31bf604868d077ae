import { closeSync, openSync, writeSync } from 'node:fs'

/** Small files go to the disk together. */
const BUFFER = 256 * 1024

/** Appends to the file of a pack. */
export class PackWriter implements Disposable {
  readonly id: number
  readonly #fd: number
  readonly #buffer = Buffer.allocUnsafe(BUFFER)
  #buffered = 0
  #written = 0
  #closed = false

  /** Makes the file at `path`. */
  constructor(id: number, path: string) {
    this.id = id
    this.#fd = openSync(path, 'wx', 0o600)
  }

  /** Bytes so far: where the next ones will be found. */
  get length(): number {
    return this.#written + this.#buffered
  }

  append(bytes: Buffer): void {
    if (this.#buffered + bytes.length > BUFFER) this.flush()
    if (bytes.length >= BUFFER) return this.#write(bytes)
    bytes.copy(this.#buffer, this.#buffered)
    this.#buffered += bytes.length
  }

  flush(): void {
    const waiting = this.#buffer.subarray(0, this.#buffered)
    this.#buffered = 0
    this.#write(waiting)
  }

  #write(bytes: Buffer): void {
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done)
    this.#written += bytes.length
  }

  [Symbol.dispose](): void {
    if (this.#closed) return
    this.#closed = true
    closeSync(this.#fd)
  }
}
