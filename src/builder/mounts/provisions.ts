import { chmodSync, chownSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MNT, MS, mount, umount } from '../../host/mount.ts'

type Ownership = { readonly mode: number; readonly uid: number; readonly gid: number }

/** A file system in memory for what a step is lent: nothing of it reaches a disk, and it is gone with the step. */
export class Provisions implements Disposable {
  readonly directory: string
  #files = 0

  /** `directory`: does not exist yet. */
  constructor(directory: string) {
    this.directory = directory
    mkdirSync(directory, { mode: 0o700 })
    try {
      mount('tmpfs', directory, 'tmpfs', MS.NOSUID | MS.NODEV | MS.NOEXEC, 'mode=0700')
    } catch (error) {
      rmdirSync(directory)
      throw error
    }
  }

  /** A name that nothing has. */
  place(): string {
    return join(this.directory, String(this.#files++))
  }

  /** Writes a file, and tells where. */
  write(bytes: Buffer, { mode, uid, gid }: Ownership): string {
    const path = this.place()
    writeFileSync(path, bytes, { flag: 'wx', mode: 0o600 })
    chownSync(path, uid, gid)
    chmodSync(path, mode)
    return path
  }

  [Symbol.dispose](): void {
    umount(this.directory, MNT.DETACH)
    rmdirSync(this.directory)
  }
}
