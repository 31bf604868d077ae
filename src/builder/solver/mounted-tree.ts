import { closeSync, constants, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs'
import { resolveInside } from '../../runtime/user.ts'
import { type ByteString, fromText, toPath, toText } from '../../storage/archive/byte-string.ts'
import { attributesOf } from '../../storage/archive/packer.ts'
import type { SourceEntry, SourceTree } from './source-tree.ts'

/** A root file system that lies mounted and that nobody changes meanwhile. */
export class MountedTree implements SourceTree, Disposable {
  readonly #root: string
  #open: { readonly path: ByteString; readonly fd: number } | undefined

  constructor(root: string) {
    this.#root = root
  }

  resolve(path: ByteString): ByteString | undefined {
    const real = resolveInside(this.#root, toText(path))
    if (real === undefined || lstatSync(real, { throwIfNoEntry: false }) === undefined) return undefined
    return fromText(real.slice(this.#root.length + 1))
  }

  entry(path: ByteString): SourceEntry | undefined {
    const place = this.#place(path)
    const stat = lstatSync(place, { throwIfNoEntry: false, bigint: true })
    if (stat === undefined) return undefined
    const type = stat.isFile() ? 'file' : stat.isDirectory() ? 'directory' : stat.isSymbolicLink() ? 'symlink' : 'other'
    return {
      type,
      mode: Number(stat.mode & 0o7777n),
      uid: Number(stat.uid),
      gid: Number(stat.gid),
      size: type === 'file' ? Number(stat.size) : 0,
      mtime: stat.mtimeNs,
      linkTarget: type === 'symlink' ? readlinkSync(place, 'latin1') : '',
      xattrs: attributesOf(place),
    }
  }

  names(path: ByteString): readonly ByteString[] {
    return readdirSync(this.#place(path), 'latin1').sort()
  }

  read(path: ByteString, buffer: Buffer, position: number): number {
    if (this.#open?.path !== path) {
      this[Symbol.dispose]()
      this.#open = { path, fd: openSync(this.#place(path), constants.O_RDONLY | constants.O_NOFOLLOW) }
    }
    return readSync(this.#open.fd, buffer, 0, buffer.length, position)
  }

  [Symbol.dispose](): void {
    if (this.#open !== undefined) closeSync(this.#open.fd)
    this.#open = undefined
  }

  #place(path: ByteString): string | Buffer {
    return toPath(`${fromText(this.#root)}/${path}`)
  }
}
