import { chmodSync, closeSync, constants, ftruncateSync, lchownSync, lstatSync, mkdirSync, openSync } from 'node:fs'
import { codeOf, invalidArgument } from '../../errdefs.ts'
import * as at from '../../host/at.ts'
import { lsetxattr, lutimes, makeDevice, mknod, S_IFBLK, S_IFCHR, S_IFIFO } from '../../host/syscalls.ts'
import { type ByteString, toText } from './byte-string.ts'
import { childPath, componentsOf, type Place, RootedTree, selfPath } from './rooted-tree.ts'
import type { TarEntry } from './tar-entry.ts'
import type { TarSink } from './tar-reader.ts'
import {
  AUFS_PREFIX,
  isPortableAttribute,
  isWhiteout,
  makeOpaque,
  makeWhiteout,
  OPAQUE_MARKER,
  WHITEOUT_PREFIX,
} from './whiteout.ts'

export type UnpackOptions = {
  /** `layer`: whiteouts become overlayfs'. `files` (default): a name that looks like a whiteout is just a name. */
  readonly format?: 'layer' | 'files'
  /** Whom everything shall belong to; as the archive says when left out. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined
  /** Refuses to replace a directory by something else and the other way round, as `docker cp` does. */
  readonly keepKinds?: boolean
  /** The directory is empty and nobody else's, and this thread's umask is zero: what is made has its mode and owner from the start. */
  readonly fresh?: boolean
}

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
const O_PATH_NOFOLLOW = 0o10000000 | constants.O_NOFOLLOW
/** Who makes a file owns it. */
const AS_ROOT = process.geteuid?.() === 0 && process.getegid?.() === 0
/** Set-user-id, set-group-id and sticky: writing takes the first two away. */
const SPECIAL = 0o7000

/** Puts an archive's members into a directory: synchronous, for a thread of its own. Nothing leads out of the directory. */
export class Unpacker implements TarSink, Disposable {
  readonly #tree: RootedTree
  readonly #layer: boolean
  readonly #options: UnpackOptions
  /**
   * Times of directories, set at the end, when nothing is put into them any more. A fresh tree needs no list, which could grow long:
   * there each directory has its time by itself whenever it is closed.
   */
  readonly #directoryTimes = new Map<ByteString, bigint>()
  /** Where the last entry went: mostly the next goes there too. */
  #last: { readonly prefix: ByteString; readonly parent: Place; readonly generation: number } | undefined
  /** What is made may come out with another owner or mode than asked for: by a directory's set-group-id or default ACL. */
  #inherits: boolean
  #file:
    | { readonly fd: number; readonly entry: TarEntry; readonly parent: Place; readonly name: ByteString }
    | undefined
  /** Bytes of files' contents and links' targets so far. */
  size = 0

  constructor(directory: string, options: UnpackOptions = {}) {
    this.#tree = new RootedTree(directory, { keepTimes: options.fresh === true })
    this.#options = options
    this.#layer = options.format === 'layer'
    this.#inherits = !options.fresh || !AS_ROOT
  }

  entry(entry: TarEntry): void {
    const found = this.#locate(entry.path)
    if (!found) {
      if (entry.type === 'directory') this.#finishDirectory(this.#tree.root, entry)
      return
    }
    const { parent, name } = found
    if (this.#layer && name.startsWith(WHITEOUT_PREFIX)) {
      this.#whiteout(parent, name)
      return
    }
    if (entry.type === 'directory') this.#directory(parent, name, entry)
    else if (entry.type === 'file') {
      const mode = this.#inherits ? 0o600 : entry.mode & 0o777
      const fd = this.#create(parent, name, fd => at.openat(fd, name, CREATE, mode))
      this.#file = { fd, entry, parent, name }
      this.size += entry.size
    } else if (entry.type === 'hardlink') this.#hardlink(parent, name, entry)
    else if (entry.type === 'symlink') {
      this.#create(parent, name, fd => at.symlinkat(entry.linkTarget, fd, name))
      this.size += entry.linkTarget.length
      this.#finishOther(parent, name, entry)
    } else {
      const kind = entry.type === 'fifo' ? S_IFIFO : entry.type === 'char' ? S_IFCHR : S_IFBLK
      const device = entry.type === 'fifo' ? 0n : makeDevice(entry.major, entry.minor)
      this.#create(parent, name, fd => mknod(childPath(fd, name), kind | 0o600, device))
      this.#finishOther(parent, name, entry)
    }
  }

  data(chunk: Buffer, position: number): void {
    const file = this.#file
    if (!file) return
    at.pwriteAll(file.fd, chunk, position)
  }

  end(): void {
    const file = this.#file
    if (!file) return
    const { fd, entry, parent, name } = file
    this.#file = undefined
    try {
      if (entry.extents) ftruncateSync(fd, entry.size)
      // Changing the owner clears set-user-id and capabilities, so it comes first.
      const [uid, gid] = [this.#uid(entry), this.#gid(entry)]
      const owned = !this.#inherits && uid === 0 && gid === 0
      if (!owned) at.fchown(fd, uid, gid)
      if (this.#inherits || (entry.mode & SPECIAL) !== 0) at.fchmod(fd, entry.mode)
      if (entry.xattrs.size > 0) setAttributes(childPath(parent.fd, name), entry)
      at.futimens(fd, entry.mtime)
    } finally {
      at.close(fd)
    }
  }

  /** After the last entry: directories get their times. */
  finish(): void {
    this.#tree.closeAll()
    for (const [path, time] of this.#directoryTimes) {
      lutimes(selfPath(this.#tree.directory(path === '' ? [] : path.split('/')).fd), time, time)
    }
  }

  [Symbol.dispose](): void {
    if (this.#file) at.close(this.#file.fd)
    this.#file = undefined
    this.#tree[Symbol.dispose]()
  }

  /** The directory that a member lies in, and its name there; undefined for the root itself. */
  #locate(path: ByteString): { parent: Place; name: ByteString } | undefined {
    const slash = path.lastIndexOf('/')
    const prefix = slash < 0 ? '' : path.slice(0, slash)
    const last = this.#last
    if (last && last.prefix === prefix && last.generation === this.#tree.generation) {
      const name = path.slice(slash + 1)
      if (name !== '' && name !== '.' && name !== '..') return { parent: last.parent, name }
    }
    const components = componentsOf(path)
    const name = components.pop()
    if (name === undefined) return undefined
    const parent = this.#tree.directory(components)
    // Only where the last component of the path is the name.
    this.#last = path.endsWith(name) ? { prefix, parent, generation: this.#tree.generation } : undefined
    return { parent, name }
  }

  #directory(parent: Place, name: ByteString, entry: TarEntry): void {
    const path = childPath(parent.fd, name)
    let hides = false
    try {
      mkdirSync(path, 0o700)
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error
      if (!lstatSync(path).isDirectory()) {
        // A directory in place of a whiteout of its own layer must go on hiding what lies below.
        hides = this.#layer && isWhiteout(path)
        this.#replace(parent, name, 'directory')
        mkdirSync(childPath(parent.fd, name), 0o700)
      }
    }
    const place = this.#tree.directory(join(parent, name).split('/'))
    if (hides) makeOpaque(selfPath(place.fd))
    this.#finishDirectory(place, entry)
  }

  #finishDirectory(place: Place, entry: TarEntry): void {
    const self = selfPath(place.fd)
    if ((entry.mode & 0o2000) !== 0 || entry.xattrs.has('system.posix_acl_default')) this.#inherits = true
    lchownSync(self, this.#uid(entry), this.#gid(entry))
    chmodSync(self, entry.mode)
    setAttributes(self, entry)
    if (this.#options.fresh) place.mtime = entry.mtime
    else this.#directoryTimes.set(place.path, entry.mtime)
  }

  #hardlink(parent: Place, name: ByteString, entry: TarEntry): void {
    const components = componentsOf(entry.linkTarget)
    const targetName = components.pop()
    if (targetName === undefined)
      throw invalidArgument(`invalid hardlink "${toText(entry.linkTarget)}" -> "${toText(entry.path)}"`)
    const from = this.#tree.directory(components)
    // Replacing a file by a link to itself would lose it.
    if (from.path === parent.path && targetName === name) return
    try {
      this.#create(parent, name, fd => at.linkat(this.#tree.directory(components).fd, targetName, fd, name))
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
      const text = `link ${toText(entry.linkTarget)} ${toText(entry.path)}: no such file or directory`
      throw invalidArgument(text, { cause: error })
    }
  }

  #finishOther(parent: Place, name: ByteString, entry: TarEntry): void {
    const path = childPath(parent.fd, name)
    const [uid, gid] = [this.#uid(entry), this.#gid(entry)]
    if (this.#inherits || uid !== 0 || gid !== 0) at.lchownat(parent.fd, name, uid, gid)
    if (entry.type !== 'symlink') {
      // chmod(2) follows links, and the name may be one by now; the descriptor is the device itself.
      const fd = openSync(path, O_PATH_NOFOLLOW)
      try {
        chmodSync(`/proc/self/fd/${fd}`, entry.mode)
      } finally {
        closeSync(fd)
      }
    }
    if (entry.xattrs.size > 0) setAttributes(path, entry)
    at.lutimesat(parent.fd, name, entry.mtime)
  }

  #whiteout(parent: Place, marker: ByteString): void {
    if (marker === OPAQUE_MARKER) {
      makeOpaque(selfPath(parent.fd))
      return
    }
    if (marker.startsWith(AUFS_PREFIX)) return
    const name = marker.slice(WHITEOUT_PREFIX.length)
    if (name === '' || name === '.' || name === '..') throw invalidArgument(`invalid whiteout "${toText(marker)}"`)
    const path = childPath(parent.fd, name)
    // A layer has its tree for itself, so whatever is there is its own: a whiteout hides lower layers' names, never those.
    const own = lstatSync(path, { throwIfNoEntry: false })
    // A directory of this layer, named by it or implied by what lies in it, stays and hides what is below.
    if (own?.isDirectory()) makeOpaque(path)
    else if (!own) makeWhiteout(path)
  }

  /** Makes something at a name, in the place of what is there. */
  #create<Result>(parent: Place, name: ByteString, make: (directory: number) => Result): Result {
    try {
      return make(parent.fd)
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error
      return make(this.#replace(parent, name, 'other').fd)
    }
  }

  /** Takes away what is in the way; the parent's descriptor changes by it. */
  #replace(parent: Place, name: ByteString, by: 'directory' | 'other'): Place {
    if (this.#options.keepKinds) {
      const isDirectory = lstatSync(childPath(parent.fd, name)).isDirectory()
      if (isDirectory && by === 'other')
        throw invalidArgument(
          `cannot overwrite directory "/${toText(join(parent, name))}" with non-directory "/${toText(join(parent, name))}"`,
        )
      if (!isDirectory && by === 'directory')
        throw invalidArgument(
          `cannot overwrite non-directory "/${toText(join(parent, name))}" with directory "/${toText(join(parent, name))}"`,
        )
    }
    this.#tree.remove(parent, name)
    const gone = join(parent, name)
    for (const path of this.#directoryTimes.keys()) {
      if (path === gone || path.startsWith(`${gone}/`)) this.#directoryTimes.delete(path)
    }
    return this.#tree.directory(parent.path === '' ? [] : parent.path.split('/'))
  }

  #uid(entry: TarEntry): number {
    return this.#options.owner?.uid ?? entry.uid
  }

  #gid(entry: TarEntry): number {
    return this.#options.owner?.gid ?? entry.gid
  }
}

const join = (parent: Place, name: ByteString): ByteString => (parent.path === '' ? name : `${parent.path}/${name}`)

const setAttributes = (path: string | Buffer, entry: TarEntry): void => {
  for (const [name, value] of entry.xattrs) {
    if (!isPortableAttribute(name)) continue
    try {
      lsetxattr(path, Buffer.from(name, 'latin1'), value)
    } catch (error) {
      // A file system without this kind of attribute, or a kind that this file cannot have: as Docker, go on without.
      const code = codeOf(error)
      if (code !== 'ENOTSUP' && code !== 'EOPNOTSUPP' && code !== 'EPERM') throw error
    }
  }
}
