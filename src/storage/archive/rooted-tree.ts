import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs'
import { codeOf, invalidArgument } from '../../errdefs.ts'
import { lutimes } from '../../host/syscalls.ts'
import { type ByteString, toPath, toText } from './byte-string.ts'

/** Not in `fs.constants`. A descriptor that only names a place. */
const O_PATH = 0o10000000
export const OPEN_DIRECTORY = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW
const CACHED = 128
const LINK_LIMIT = 255

/** An opened directory of the tree. Valid until the next few lookups: use it at once. */
export type Place = {
  readonly fd: number
  /** From the root, symbolic links resolved; '' is the root. */
  readonly path: ByteString
  /** Modification time that it gets when it is closed, nanoseconds since the epoch. */
  mtime?: bigint
}

/** How `node:fs` names a child of an opened directory: the kernel looks up `name` in that very directory, wherever it lies now. */
export const childPath = (fd: number, name: ByteString): string | Buffer => toPath(`/proc/self/fd/${fd}/${name}`)

/** The directory itself, for calls that take a path and must not act on the descriptor's own link. */
export const selfPath = (fd: number): string => `/proc/self/fd/${fd}/.`

/**
 * A directory that nothing leads out of. Every component is opened by itself, relative to its parent's descriptor and
 * without following links; symbolic links are resolved here, with the tree's root as `/`. So neither a hostile archive
 * nor a process that swaps directories for links meanwhile gets anything outside touched.
 */
export class RootedTree implements Disposable {
  readonly #root: Place
  /** Opened directories by resolved path, the last used at the end. */
  readonly #open = new Map<ByteString, Place>()
  readonly #keepTimes: boolean
  /** Changes whenever a place that was given out may no longer be valid. */
  generation = 0

  /** The root's own path is trusted. `keepTimes`: what is put into directories changes their times only until they are closed. */
  constructor(root: string, { keepTimes = false }: { keepTimes?: boolean } = {}) {
    this.#keepTimes = keepTimes
    this.#root = { fd: openSync(root, O_PATH | constants.O_DIRECTORY), path: '' }
  }

  get root(): Place {
    return this.#root
  }

  /** The directory at `components`; missing ones are made (0755, root). Throws where a component is no directory. */
  directory(components: readonly ByteString[]): Place {
    const known = this.#cached(components.join('/'))
    if (known) return known
    let place = this.#root
    const rest = [...components]
    for (let links = 0; rest.length > 0; ) {
      const name = rest.shift() as ByteString
      if (name === '' || name === '.') continue
      if (name === '..') {
        place = this.directory(place.path.split('/').slice(0, -1).filter(Boolean))
        continue
      }
      const next = this.#step(place, name)
      if (typeof next !== 'string') {
        place = next
        continue
      }
      if (++links > LINK_LIMIT)
        throw invalidArgument(`too many levels of symbolic links: ${toText(components.join('/'))}`)
      if (next.startsWith('/')) place = this.#root
      rest.unshift(...next.split('/'))
    }
    return place
  }

  /** Removes whatever lies at a name, with all below it; no error when there is nothing. */
  remove(parent: Place, name: ByteString): void {
    this.closeAll()
    // The cache may have held the parent itself.
    const fd = this.directory(parent.path.split('/').filter(Boolean)).fd
    removeTree(fd, name)
  }

  [Symbol.dispose](): void {
    for (const { fd } of this.#open.values()) closeSync(fd)
    this.#open.clear()
    closeSync(this.#root.fd)
  }

  /** One step down: the directory, or the target of the symbolic link that is there. */
  #step(parent: Place, name: ByteString): Place | ByteString {
    const path = parent.path === '' ? name : `${parent.path}/${name}`
    const known = this.#cached(path)
    if (known) return known
    const child = childPath(parent.fd, name)
    for (let attempt = 0; ; attempt++) {
      try {
        return this.#keep(this.#place(openSync(child, OPEN_DIRECTORY), path))
      } catch (error) {
        const code = codeOf(error)
        if (code === 'ENOENT' && attempt === 0) {
          mkdirSync(child, 0o755)
          continue
        }
        if (code !== 'ENOTDIR' && code !== 'ELOOP') throw error
        const target = readLink(child)
        if (target === undefined) throw invalidArgument(`${toText(path)}: not a directory`, { cause: error })
        return target
      }
    }
  }

  #cached(path: ByteString): Place | undefined {
    if (path === '') return this.#root
    const place = this.#open.get(path)
    if (place) {
      this.#open.delete(path)
      this.#open.set(path, place)
    }
    return place
  }

  #keep(place: Place): Place {
    if (this.#open.size >= CACHED) {
      const [oldest] = this.#open.values()
      if (oldest) {
        this.#open.delete(oldest.path)
        this.#close(oldest)
      }
    }
    this.#open.set(place.path, place)
    return place
  }

  #place(fd: number, path: ByteString): Place {
    return this.#keepTimes ? { fd, path, mtime: fstatSync(fd, { bigint: true }).mtimeNs } : { fd, path }
  }

  /** Directories get their times. What was given out is not valid any more. */
  closeAll(): void {
    const places = [...this.#open.values()]
    this.#open.clear()
    for (const place of places) this.#close(place)
    setTime(this.#root)
  }

  #close(place: Place): void {
    this.generation++
    try {
      setTime(place)
    } finally {
      closeSync(place.fd)
    }
  }
}

const setTime = ({ fd, mtime }: Place): void => {
  if (mtime !== undefined) lutimes(selfPath(fd), mtime, mtime)
}

/** Undefined when it is no symbolic link. */
export const readLink = (path: string | Buffer): ByteString | undefined => {
  try {
    return readlinkSync(path, 'latin1')
  } catch (error) {
    if (codeOf(error) === 'EINVAL') return undefined
    throw error
  }
}

const removeTree = (parent: number, name: ByteString): void => {
  const path = childPath(parent, name)
  try {
    if (!lstatSync(path).isDirectory()) {
      unlinkSync(path)
      return
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw error
  }
  const fd = openSync(path, OPEN_DIRECTORY)
  try {
    for (const child of readdirSync(selfPath(fd), 'latin1')) removeTree(fd, child)
  } finally {
    closeSync(fd)
  }
  rmdirSync(path)
}

/** A member's name as steps from the root. Throws when it leads out of it. */
export const componentsOf = (path: ByteString): ByteString[] => {
  const components: ByteString[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') components.push(part)
    else if (components.pop() === undefined) throw invalidArgument(`"${toText(path)}" is outside of the archive's root`)
  }
  return components
}
