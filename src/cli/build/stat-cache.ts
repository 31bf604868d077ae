import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, rmSync, type Stats, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

type Known = [size: number, mtime: number, ctime: number, inode: number, digest: string]
type Stored = { readonly version: number; readonly files: Readonly<Record<string, Known>> }

const VERSION = 1
/**
 * Milliseconds. A file that was changed so shortly before it was read may be changed once more without its times telling:
 * the kernel's clock for them has ticks of up to 10 ms.
 */
const TICK = 20

/**
 * The digests of a directory's files as they were at the last build, so that a file is read again only when its size,
 * times or inode have changed. A cache: when it cannot be read or written, the build takes longer.
 */
export class StatCache {
  readonly #path: string
  readonly #before: ReadonlyMap<string, Known>
  readonly #now = new Map<string, Known>()
  #changed = false

  /** Of the directory at `root`, a real path. */
  constructor(root: string) {
    const directory = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'tare', 'contexts')
    this.#path = join(directory, `${createHash('sha256').update(root).digest('hex').slice(0, 32)}.json`)
    this.#before = load(this.#path)
  }

  /** The digest of the file as it lies there now; empty when it is not known. */
  digest(path: string, { size, mtimeMs, ctimeMs, ino }: Stats): string {
    const known = this.#before.get(path)
    if (known?.[0] !== size || known[1] !== mtimeMs || known[2] !== ctimeMs || known[3] !== ino) return ''
    this.#now.set(path, known)
    return known[4]
  }

  /** There was a file of this size: it may be the same one again, with other times. */
  knewSize(path: string, size: number): boolean {
    return this.#before.get(path)?.[0] === size
  }

  /** Notes what was read at `readAt`, in milliseconds since the epoch. */
  note(path: string, { size, mtimeMs, ctimeMs, ino }: Stats, digest: string, readAt: number): void {
    if (ctimeMs > readAt - TICK) return
    this.#now.set(path, [size, mtimeMs, ctimeMs, ino, digest])
    this.#changed = true
  }

  /** Files that were not met any more are forgotten. */
  save(): void {
    if (!this.#changed && this.#now.size === this.#before.size) return
    const stored: Stored = { version: VERSION, files: Object.fromEntries(this.#now) }
    const temporary = `${this.#path}.${process.pid}`
    try {
      mkdirSync(join(this.#path, '..'), { recursive: true, mode: 0o700 })
      writeFileSync(temporary, JSON.stringify(stored), { mode: 0o600 })
      renameSync(temporary, this.#path)
    } catch {
      rmSync(temporary, { force: true })
    }
  }
}

const load = (path: string): ReadonlyMap<string, Known> => {
  try {
    const stored = JSON.parse(readFileSync(path, 'utf8')) as Stored
    if (stored.version === VERSION) return new Map(Object.entries(stored.files))
  } catch {
    // Not there, or broken: nothing is known.
  }
  return new Map()
}
