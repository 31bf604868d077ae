import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { settle } from '../settle.ts'

/**
 * Marks of blobs that the disk may not have yet: one file each, which names the boot of the host that the blob was written in. A
 * mark is made before its blob is shown, and file systems with a journal keep that order.
 */
export class UnsettledBlobs {
  readonly #directory: string
  readonly #boot: string
  /** Which time that it was shown each mark stands for: a blob may be removed and come again while the disk is waited for. */
  readonly #marks = new Map<string, number>()
  #next = 1

  /** Calls `lose` for each blob that the host did not live to write down. */
  constructor(directory: string, boot: string, lose: (name: string) => void) {
    this.#directory = directory
    this.#boot = boot
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    const names = readdirSync(directory)
    for (const name of names) {
      if (readFileSync(join(directory, name), 'utf8') === boot) continue
      lose(name)
      this.drop(name)
    }
    if (names.length > 0) this.#settle(readdirSync(directory))
  }

  /** The blob is shown next. */
  add(name: string, show: () => void): void {
    writeFileSync(join(this.#directory, name), this.#boot, { mode: 0o600 })
    show()
    this.#settle([name])
  }

  /** The blob is gone, or has been waited for. */
  drop(name: string): void {
    this.#marks.delete(name)
    rmSync(join(this.#directory, name), { force: true })
  }

  #settle(names: readonly string[]): void {
    const mark = this.#next++
    for (const name of names) this.#marks.set(name, mark)
    settle(this.#directory).then(
      () => {
        for (const name of names) if (this.#marks.get(name) === mark) this.drop(name)
      },
      // The marks stay: the next start of the daemon tries again.
      () => {},
    )
  }
}
