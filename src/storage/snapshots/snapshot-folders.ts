import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, renameSync } from 'node:fs'
import { chmod, mkdir, readdir, rename } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { overlayFolders } from '../../host/mount.ts'
import { discard } from './discard.ts'

/** The folders below `snapshots/`, and which of them are somebody's although no record names them. */
export class SnapshotFolders {
  readonly root: string
  readonly #mounts: readonly string[]
  /** Being filled or deleted. */
  readonly #underWay = new Set<string>()

  /** `mounts`: below which directories they are mounted. */
  constructor(root: string, mounts: readonly string[]) {
    this.root = root
    this.#mounts = mounts
  }

  /** Those that the kernel reads from at this moment. */
  mounted(): Set<string> {
    return overlayFolders(this.#mounts)
  }

  path(folder: number): string {
    return join(this.root, String(folder))
  }

  /**
   * Makes an empty folder (0755). Under a name that was never there before: by the name ext4 chooses the part of the disk
   * (see `spreadChildren`), and numbers come again, with another data root or after a fresh start.
   */
  make(folder: number): string {
    const path = this.path(folder)
    const unique = this.#unique()
    mkdirSync(unique)
    // Whatever the umask.
    chmodSync(unique, 0o755)
    renameSync(unique, path)
    return path
  }

  /** The same on another thread: with a busy disk it takes a while. */
  async makeSoon(folder: number): Promise<string> {
    const path = this.path(folder)
    const unique = this.#unique()
    using _filled = this.#keep(basename(unique))
    await mkdir(unique)
    await chmod(unique, 0o755)
    await rename(unique, path)
    return path
  }

  #unique(): string {
    return join(this.root, `new-${randomBytes(6).toString('hex')}`)
  }

  /** Until this is disposed, the folder is no stray. */
  fill(folder: number): Disposable {
    return this.#keep(String(folder))
  }

  #keep(name: string): Disposable {
    this.#underWay.add(name)
    return { [Symbol.dispose]: () => void this.#underWay.delete(name) }
  }

  async discard(folder: number): Promise<void> {
    using _filled = this.fill(folder)
    await discard(this.path(folder))
  }

  /**
   * What lies there without a record, nobody working on it. A tree that was replaced while containers ran on it stays theirs
   * until the last of them is unmounted: the kernel goes on reading from it.
   */
  async strays(recorded: ReadonlySet<string>): Promise<string[]> {
    const found = (await readdir(this.root)).filter(name => !recorded.has(name) && !this.#underWay.has(name))
    if (found.length === 0) return []
    const mounted = this.mounted()
    return found.filter(name => !mounted.has(name))
  }
}
