import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { settle } from '../settle.ts'

/**
 * Marks of blobs that the disk may not have yet: one file for each time that one is shown, which names the boot of the host that
 * the blob was written in. A mark is made before its blob is shown, and file systems with a journal keep that order.
 */
export class UnsettledBlobs {
  readonly #directory: string
  readonly #boot: string
  /** By the blob's name; a blob may be removed and come again while the disk is waited for. */
  readonly #marks = new Map<string, Set<string>>()

  /** Calls `lose` for each blob that the host did not live to write down. */
  constructor(directory: string, boot: string, lose: (name: string) => void) {
    this.#directory = directory
    this.#boot = boot
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    const settling: [string, string][] = []
    for (const mark of readdirSync(directory)) {
      const name = mark.split('.')[0] as string
      if (readFileSync(join(directory, mark), 'utf8') === boot) settling.push([name, mark])
      else {
        lose(name)
        rmSync(join(directory, mark), { force: true })
      }
    }
    for (const [name, mark] of settling) this.#settle(name, mark)
  }

  /** The blob is shown next. */
  add(name: string, show: () => void): void {
    const mark = `${name}.${randomBytes(4).toString('hex')}`
    writeFileSync(join(this.#directory, mark), this.#boot, { mode: 0o600 })
    show()
    this.#settle(name, mark)
  }

  /** The blob is gone. */
  drop(name: string): void {
    const marks = this.#marks.get(name)
    this.#marks.delete(name)
    for (const mark of marks ?? []) this.#remove(mark)
  }

  /** On another thread: with a busy disk it takes a while. A mark that stays makes a blob count as lost too easily, and no worse. */
  #remove(mark: string): void {
    rm(join(this.#directory, mark), { force: true }).catch(() => {})
  }

  #settle(name: string, mark: string): void {
    this.#marks.set(name, (this.#marks.get(name) ?? new Set()).add(mark))
    settle(this.#directory).then(
      () => {
        const marks = this.#marks.get(name)
        if (!marks?.delete(mark)) return
        if (marks.size === 0) this.#marks.delete(name)
        this.#remove(mark)
      },
      // The marks stay: the next start of the daemon tries again.
      () => {},
    )
  }
}
