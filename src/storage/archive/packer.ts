import { type BigIntStats, closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readSync } from 'node:fs'
import { codeOf } from '../../errdefs.ts'
import { lgetxattr, llistxattr } from '../../host/syscalls.ts'
import { type ByteString, fromText } from './byte-string.ts'
import { dataExtents } from './data-extents.ts'
import { childPath, readLink, selfPath } from './rooted-tree.ts'
import { type EntryType, NO_XATTRS, paddingOf, type TarEntry } from './tar-entry.ts'
import { encodeEntry, endOfArchive, tarEntry } from './tar-writer.ts'
import { isOpaque, isPortableAttribute, OPAQUE_MARKER, WHITEOUT_PREFIX } from './whiteout.ts'

export type PackOptions = {
  /** `layer`: an overlayfs upper directory, whose whiteouts become marker files. `files` (default): as it lies there. */
  readonly format?: 'layer' | 'files'
  /** Only this name below the directory, with what is below it; everything when left out. */
  readonly only?: string | undefined
  /** What `only` is called in the archive; its own name when left out. */
  readonly as?: string | undefined
  /** Paths that are left out, with all that is below them; without a slash at either end. */
  readonly except?: readonly string[] | undefined
  /** Times after this one (nanoseconds) become it, so that what was made just now is the same the next time. */
  readonly latest?: bigint | undefined
}

const CHUNK = 256 * 1024
const OPEN_FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
const READ_DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
/** Below this many bytes of holes a sparse file is written whole: every reader takes that. */
const HOLES_WORTH = 1 << 20

/**
 * Writes a directory as a tar archive, in chunks: names sorted by their bytes, hard links found, owners by number, so
 * that the same tree gives the same bytes. Synchronous, for a thread of its own. Each directory is opened relative to its
 * parent and never through a link, so that a tree which somebody changes meanwhile shows nothing of the host.
 */
export class Packer {
  readonly #layer: boolean
  readonly #latest: bigint | undefined
  readonly #except: ReadonlySet<ByteString>
  readonly #links = new Map<string, ByteString>()
  #chunk = Buffer.allocUnsafeSlow(CHUNK)
  #filled = 0
  /** Bytes of files' contents and links' targets so far, hard links once. */
  size = 0

  constructor(options: PackOptions = {}) {
    this.#layer = options.format === 'layer'
    this.#latest = options.latest
    this.#except = new Set(options.except?.map(fromText))
  }

  *pack(directory: string, { only, as }: Pick<PackOptions, 'only' | 'as'> = {}): Generator<Buffer, void> {
    const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY)
    try {
      if (only === undefined) {
        const stat = fstatSync(fd, { bigint: true })
        // overlayfs shows the top layer's root: worth an entry only where it says something.
        if (!this.#layer || Number(stat.mode & 0o7777n) !== 0o755 || stat.uid !== 0n || stat.gid !== 0n) {
          yield* this.#write(encodeEntry(this.#entry('directory', './', stat, attributesOf(selfPath(fd)))))
        }
        yield* this.#children(fd, '')
      } else {
        const name = fromText(only)
        const stat = lstatSync(childPath(fd, name), { bigint: true })
        yield* this.#member(fd, name, as === undefined ? name : fromText(as), stat)
      }
    } finally {
      closeSync(fd)
    }
    yield* this.#write(endOfArchive())
    if (this.#filled > 0) yield this.#take()
  }

  *#children(fd: number, prefix: ByteString): Generator<Buffer, void> {
    if (this.#layer && prefix !== '' && isOpaque(selfPath(fd))) {
      yield* this.#write(encodeEntry(tarEntry({ path: `${prefix}${OPAQUE_MARKER}`, mode: 0 })))
    }
    for (const name of readdirSync(selfPath(fd), 'latin1').sort()) {
      const stat = lstatSync(childPath(fd, name), { bigint: true, throwIfNoEntry: false })
      // Gone since the directory was read.
      if (stat) yield* this.#member(fd, name, `${prefix}${name}`, stat)
    }
  }

  *#member(parent: number, name: ByteString, path: ByteString, stat: BigIntStats): Generator<Buffer, void> {
    if (this.#except.has(path)) return
    const place = childPath(parent, name)
    if (this.#layer && stat.isCharacterDevice() && stat.rdev === 0n) {
      const slash = path.lastIndexOf('/') + 1
      yield* this.#write(
        encodeEntry(tarEntry({ path: `${path.slice(0, slash)}${WHITEOUT_PREFIX}${path.slice(slash)}`, mode: 0 })),
      )
      return
    }
    const type = typeOf(stat)
    if (type === undefined) return
    if (type === 'directory') {
      const fd = openOrGone(place, READ_DIRECTORY)
      if (fd === undefined) return
      try {
        yield* this.#write(encodeEntry(this.#entry(type, `${path}/`, stat, attributesOf(selfPath(fd)))))
        yield* this.#children(fd, `${path}/`)
      } finally {
        closeSync(fd)
      }
      return
    }
    if (stat.nlink > 1n) {
      const key = `${stat.dev}:${stat.ino}`
      const first = this.#links.get(key)
      if (first !== undefined) {
        yield* this.#write(encodeEntry({ ...this.#entry('hardlink', path, stat, NO_XATTRS), linkTarget: first }))
        return
      }
      this.#links.set(key, path)
    }
    if (type === 'file') yield* this.#file(place, path)
    else {
      const linkTarget = type === 'symlink' ? (readLink(place) ?? '') : ''
      this.size += linkTarget.length
      yield* this.#write(encodeEntry({ ...this.#entry(type, path, stat, attributesOf(place)), linkTarget }))
    }
  }

  *#file(place: string | Buffer, path: ByteString): Generator<Buffer, void> {
    const fd = openOrGone(place, OPEN_FILE)
    if (fd === undefined) return
    try {
      const stat = fstatSync(fd, { bigint: true })
      if (!stat.isFile()) return
      const size = Number(stat.size)
      const extents = size - Number(stat.blocks) * 512 >= HOLES_WORTH ? dataExtents(fd, size) : undefined
      this.size += size
      yield* this.#write(encodeEntry({ ...this.#entry('file', path, stat, attributesOf(place)), size, extents }))
      let stored = 0
      for (const { offset, length } of extents ?? [{ offset: 0, length: size }]) {
        stored += length
        yield* this.#copy(fd, offset, length)
      }
      const padding = paddingOf(stored)
      if (padding > 0) yield* this.#write(Buffer.alloc(padding))
    } finally {
      closeSync(fd)
    }
  }

  /** A file that has shrunk meanwhile is filled up with zeros: its header is out already. */
  *#copy(fd: number, from: number, length: number): Generator<Buffer, void> {
    for (let done = 0; done < length; ) {
      if (this.#filled === CHUNK) yield this.#take()
      const wanted = Math.min(length - done, CHUNK - this.#filled)
      const read = readSync(fd, this.#chunk, this.#filled, wanted, from + done)
      if (read === 0) this.#chunk.fill(0, this.#filled, this.#filled + wanted)
      this.#filled += read || wanted
      done += read || wanted
    }
  }

  *#write(bytes: Buffer): Generator<Buffer, void> {
    for (let offset = 0; offset < bytes.length; ) {
      if (this.#filled === CHUNK) yield this.#take()
      const copied = bytes.copy(this.#chunk, this.#filled, offset)
      this.#filled += copied
      offset += copied
    }
  }

  #take(): Buffer {
    const full = this.#chunk.subarray(0, this.#filled)
    this.#chunk = Buffer.allocUnsafeSlow(CHUNK)
    this.#filled = 0
    return full
  }

  #entry(type: EntryType, path: ByteString, stat: BigIntStats, xattrs: ReadonlyMap<ByteString, Buffer>): TarEntry {
    const device = type === 'char' || type === 'block' ? stat.rdev : 0n
    const mtime = stat.mtimeNs
    return {
      type,
      path,
      linkTarget: '',
      mode: Number(stat.mode & 0o7777n),
      uid: Number(stat.uid),
      gid: Number(stat.gid),
      size: 0,
      mtime: this.#latest !== undefined && mtime > this.#latest ? this.#latest : mtime,
      major: Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn)),
      minor: Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n)),
      xattrs,
    }
  }
}

const typeOf = (stat: BigIntStats): EntryType | undefined => {
  if (stat.isFile()) return 'file'
  if (stat.isDirectory()) return 'directory'
  if (stat.isSymbolicLink()) return 'symlink'
  if (stat.isCharacterDevice()) return 'char'
  if (stat.isBlockDevice()) return 'block'
  // Sockets mean nothing without the process that listens.
  return stat.isFIFO() ? 'fifo' : undefined
}

/** Undefined when the name is gone, or has become something else, since it was looked at. */
const openOrGone = (path: string | Buffer, flags: number): number | undefined => {
  try {
    return openSync(path, flags)
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT' || code === 'ELOOP' || code === 'ENOTDIR' || code === 'ENXIO') return undefined
    throw error
  }
}

export const attributesOf = (
  path: string | Buffer,
  wanted: (name: ByteString) => boolean = isPortableAttribute,
): ReadonlyMap<ByteString, Buffer> => {
  const names = llistxattr(path).filter(wanted)
  if (names.length === 0) return NO_XATTRS
  const found = new Map<ByteString, Buffer>()
  for (const name of names) {
    const value = lgetxattr(path, Buffer.from(name, 'latin1'))
    if (value) found.set(name, value)
  }
  return found
}
