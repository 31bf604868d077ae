import { createHash } from 'node:crypto'
import { type BigIntStats, closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readSync } from 'node:fs'
import { messageOf } from '../../errdefs.ts'
import { seekData, seekHole } from '../../host/seek.ts'
import { keepsAttribute, makeDevice } from '../../host/syscalls.ts'
import { type ByteString, toText } from './byte-string.ts'
import { type Attributes, type ExpectedDirectory, type ExpectedFile, ExpectedTree } from './expected-tree.ts'
import { attributesOf } from './packer.ts'
import { childPath, readLink, selfPath } from './rooted-tree.ts'
import type { Extent } from './tar-entry.ts'
import { TarReader } from './tar-reader.ts'
import { isOpaque, isPortableAttribute } from './whiteout.ts'

/** Something in a tree that is not as its archive says. */
export type Difference = {
  /** From the tree's root, with a slash before it. */
  readonly path: string
  readonly what:
    | 'missing'
    | 'extra'
    | 'type'
    | 'mode'
    | 'owner'
    | 'time'
    | 'size'
    | 'content'
    | 'target'
    | 'device'
    | 'attributes'
    | 'opaque'
    | 'links'
    | 'unreadable'
  /** For people. */
  readonly detail: string
}

export type TreeReport = {
  /** How many differences there are; of these the first are listed. */
  readonly total: number
  readonly differences: readonly Difference[]
  /** Names that were compared. */
  readonly entries: number
}

const CHUNK = 256 * 1024
const ZEROS = Buffer.alloc(CHUNK)
const OPEN_FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
const READ_DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
const SECOND = 1_000_000_000n
/** The last seconds that file systems can keep (32 bits, ext4, XFS): a later time becomes the last one. */
const LAST_SECONDS: ReadonlySet<bigint> = new Set([2_147_483_647n, 15_032_385_535n, 16_299_260_424n])
/** overlayfs would look for these elsewhere than in the tree. */
const REDIRECTIONS = ['trusted.overlay.redirect', 'trusted.overlay.metacopy']
/** An access list of owner, group and others only is kept by the kernel as the mode. */
const MINIMAL_ACL = 4 + 3 * 8

/** Reads an uncompressed layer tar and says afterwards in what a tree differs from it. Synchronous, for a thread of its own. */
export class TreeVerifier {
  readonly #expected = new ExpectedTree()
  readonly #reader = new TarReader(this.#expected)

  /** The archive's next bytes. InvalidArgument when it is broken. */
  push(chunk: Buffer): void {
    this.#reader.push(chunk)
  }

  /** After the archive's last byte: compares the tree as overlayfs has it. Throws when there is no such directory. */
  compare(directory: string, limit = 20): TreeReport {
    this.#reader.finish()
    const comparison = new Comparison(limit)
    const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY)
    try {
      comparison.directory(fd, this.#expected.root, '')
    } finally {
      closeSync(fd)
    }
    return comparison.report()
  }
}

/**
 * One walk through a tree. Each directory is opened relative to its parent and never through a link, so that nothing outside
 * is read, whatever somebody does to the tree meanwhile.
 */
class Comparison {
  readonly #limit: number
  readonly #differences: Difference[] = []
  /** Which file lies behind an inode of the tree, and the other way round, for those that have several names. */
  readonly #inodes = new Map<string, ExpectedFile>()
  readonly #places = new Map<ExpectedFile, string>()
  readonly #buffer = Buffer.allocUnsafe(CHUNK)
  #total = 0
  #entries = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  report(): TreeReport {
    return { total: this.#total, differences: this.#differences, entries: this.#entries }
  }

  directory(fd: number, expected: ExpectedDirectory, path: ByteString): void {
    const self = selfPath(fd)
    const stat = fstatSync(fd, { bigint: true })
    if (expected.attributes) this.#attributes(self, stat, expected.attributes, path)
    else {
      // Nothing is said of it but that it is there: then it is as unpacking makes it.
      this.#mode(stat, 0o755, path)
      this.#owner(stat, process.geteuid?.() ?? 0, process.getegid?.() ?? 0, path)
      this.#xattrs(self, stat, new Map(), path)
    }
    if (isOpaque(self) !== expected.opaque) {
      this.#differ(path, 'opaque', expected.opaque ? 'no longer hides what lies below' : 'hides what lies below')
    }
    const names = new Set(readdirSync(self, 'latin1'))
    for (const name of names) this.#child(fd, name, expected, `${path}/${name}`)
    for (const name of expected.children.keys()) {
      if (!names.has(name)) this.#differ(`${path}/${name}`, 'missing', 'is not there')
    }
  }

  #child(parent: number, name: ByteString, directory: ExpectedDirectory, path: ByteString): void {
    const expected = directory.children.get(name)
    const place = childPath(parent, name)
    try {
      const stat = lstatSync(place, { bigint: true })
      const type = typeOf(stat)
      if (expected === undefined) {
        // Archives hold no sockets, so a tree that became a layer may have one more.
        if (type !== 'socket') this.#differ(path, 'extra', `a ${type} that the layer does not have`)
        return
      }
      this.#entries++
      const isWhiteout = stat.isCharacterDevice() && stat.rdev === 0n
      if (expected.type === 'whiteout') {
        if (!isWhiteout) this.#differ(path, 'type', `a ${type} in the place of a whiteout`)
      } else if (isWhiteout || type !== expected.type) {
        this.#differ(path, 'type', `a ${isWhiteout ? 'whiteout' : type} in the place of a ${expected.type}`)
      } else if (expected.type === 'directory') {
        const fd = openSync(place, READ_DIRECTORY)
        try {
          this.directory(fd, expected, path)
        } finally {
          closeSync(fd)
        }
      } else if (this.#isFirstName(stat, expected, path)) this.#file(place, stat, expected, path)
    } catch (error) {
      this.#differ(path, 'unreadable', messageOf(error))
    }
  }

  /** Whether this inode has not been looked at by another name. Names of one file have to be one inode, others must not. */
  #isFirstName(stat: BigIntStats, expected: ExpectedFile, path: ByteString): boolean {
    if (stat.nlink === 1n && expected.names === 1) return true
    const key = `${stat.dev}:${stat.ino}`
    const known = this.#places.get(expected)
    const other = this.#inodes.get(key)
    if (known !== undefined && known !== key) {
      this.#differ(path, 'links', 'is no hard link to the file that it shall be one name of')
      return true
    }
    if (other !== undefined && other !== expected) {
      this.#differ(path, 'links', 'is a hard link to another file')
      return true
    }
    this.#places.set(expected, key)
    this.#inodes.set(key, expected)
    return known === undefined
  }

  #file(place: string | Buffer, stat: BigIntStats, expected: ExpectedFile, path: ByteString): void {
    this.#attributes(place, stat, expected.attributes, path)
    if (expected.type === 'symlink') {
      const target = readLink(place)
      if (target !== expected.target)
        this.#differ(path, 'target', `points at ${shown(target ?? '')}, not at ${shown(expected.target)}`)
    } else if (expected.type === 'char' || expected.type === 'block') {
      if (stat.rdev !== makeDevice(expected.major, expected.minor))
        this.#differ(path, 'device', `is not device ${expected.major}:${expected.minor}`)
    } else if (expected.type === 'file') {
      if (stat.size !== BigInt(expected.size))
        this.#differ(path, 'size', `has ${stat.size} bytes, not ${expected.size}`)
      else if (expected.size > 0) this.#content(place, expected, path)
    }
  }

  #content(place: string | Buffer, expected: ExpectedFile, path: ByteString): void {
    const fd = openSync(place, OPEN_FILE)
    try {
      const { extents, size } = expected
      const hash = createHash('sha256')
      let stored = 0
      for (const { offset, length } of extents ?? [{ offset: 0, length: size }]) {
        stored += length
        this.#read(fd, offset, offset + length, bytes => void hash.update(bytes))
      }
      const same = (stored === 0 ? '' : hash.digest('base64')) === expected.hash
      if (!same || !(extents === undefined || gapsOf(extents, size).every(gap => this.#isZero(fd, gap)))) {
        this.#differ(path, 'content', 'has other bytes')
      }
    } finally {
      closeSync(fd)
    }
  }

  /** Hands the bytes of a range over, piece by piece; what the file does not have is not handed over. */
  #read(fd: number, from: number, to: number, use: (bytes: Buffer) => void): void {
    for (let at = from; at < to; ) {
      const read = readSync(fd, this.#buffer, 0, Math.min(CHUNK, to - at), at)
      if (read === 0) return
      use(this.#buffer.subarray(0, read))
      at += read
    }
  }

  /** Reads only where the file system has data: a hole may be larger than any disk. */
  #isZero(fd: number, { offset, length }: Extent): boolean {
    const end = offset + length
    let zero = true
    for (let at = offset; zero && at < end; ) {
      const start = seekData(fd, at)
      if (start === undefined || start >= end) break
      const stop = Math.min(seekHole(fd, start), end)
      this.#read(fd, start, stop, bytes => {
        zero &&= bytes.equals(ZEROS.subarray(0, bytes.length))
      })
      at = Math.max(stop, at + 1)
    }
    return zero
  }

  #attributes(place: string | Buffer, stat: BigIntStats, expected: Attributes, path: ByteString): void {
    this.#owner(stat, expected.uid, expected.gid, path)
    // A symbolic link has no mode of its own; what an access list says is compared below.
    if (!stat.isSymbolicLink()) this.#mode(stat, expected.mode, path, expected.xattrs.has('system.posix_acl_access'))
    if (!sameTime(stat.mtimeNs, expected.mtime))
      this.#differ(path, 'time', `was changed at ${isoTime(stat.mtimeNs)}, not ${isoTime(expected.mtime)}`)
    this.#xattrs(place, stat, expected.xattrs, path)
  }

  #mode(stat: BigIntStats, expected: number, path: ByteString, hasAcl = false): void {
    const mode = Number(stat.mode & 0o7777n)
    const compared = hasAcl ? 0o7000 : 0o7777
    if ((mode & compared) !== (expected & compared))
      this.#differ(path, 'mode', `has mode ${octal(mode)}, not ${octal(expected)}`)
  }

  #owner(stat: BigIntStats, uid: number, gid: number, path: ByteString): void {
    if (stat.uid !== BigInt(uid) || stat.gid !== BigInt(gid))
      this.#differ(path, 'owner', `belongs to ${stat.uid}:${stat.gid}, not ${uid}:${gid}`)
  }

  #xattrs(
    place: string | Buffer,
    stat: BigIntStats,
    expected: ReadonlyMap<ByteString, Buffer>,
    path: ByteString,
  ): void {
    const found = attributesOf(place, name => isPortableAttribute(name) || REDIRECTIONS.includes(name))
    for (const [name, value] of expected) {
      const actual = found.get(name)
      if (actual === undefined ? canHave(place, stat, name, value) : !actual.equals(value))
        this.#differ(path, 'attributes', `${actual === undefined ? 'lacks' : 'has another value of'} ${toText(name)}`)
    }
    for (const name of found.keys())
      if (!expected.has(name)) this.#differ(path, 'attributes', `has ${toText(name)}, which the layer does not have`)
  }

  #differ(path: ByteString, what: Difference['what'], detail: string): void {
    this.#total++
    if (this.#differences.length < this.#limit) this.#differences.push({ path: toText(path) || '/', what, detail })
  }
}

/** Whether this file could have been given the attribute; unpacking goes on without those that it could not set. */
const canHave = (place: string | Buffer, stat: BigIntStats, name: ByteString, value: Buffer): boolean => {
  if (name.startsWith('user.') && !stat.isFile() && !stat.isDirectory()) return false
  if (name.startsWith('system.posix_acl_') && stat.isSymbolicLink()) return false
  if (name === 'system.posix_acl_access' && value.length <= MINIMAL_ACL) return false
  return keepsAttribute(place, Buffer.from(name, 'latin1'))
}

const typeOf = (stat: BigIntStats): string => {
  if (stat.isFile()) return 'file'
  if (stat.isDirectory()) return 'directory'
  if (stat.isSymbolicLink()) return 'symlink'
  if (stat.isCharacterDevice()) return 'char'
  if (stat.isBlockDevice()) return 'block'
  return stat.isFIFO() ? 'fifo' : 'socket'
}

/** What lies between extents. */
const gapsOf = (extents: readonly Extent[], size: number): Extent[] => {
  const gaps: Extent[] = []
  let at = 0
  for (const { offset, length } of [...extents, { offset: size, length: 0 }]) {
    if (offset > at) gaps.push({ offset: at, length: offset - at })
    at = offset + length
  }
  return gaps
}

const sameTime = (actual: bigint, expected: bigint): boolean =>
  actual === expected || (expected > actual && LAST_SECONDS.has(actual / SECOND))

const isoTime = (nanoseconds: bigint): string => {
  const date = new Date(Number(nanoseconds / 1_000_000n))
  return Number.isNaN(date.getTime()) ? `${nanoseconds} ns` : date.toISOString()
}

const octal = (mode: number): string => mode.toString(8).padStart(4, '0')

const shown = (target: ByteString): string => JSON.stringify(toText(target))
