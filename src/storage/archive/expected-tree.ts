import { createHash, type Hash } from 'node:crypto'
import { invalidArgument } from '../../errdefs.ts'
import { type ByteString, toText } from './byte-string.ts'
import { componentsOf } from './rooted-tree.ts'
import { type EntryType, type Extent, NO_XATTRS, type TarEntry } from './tar-entry.ts'
import type { TarSink } from './tar-reader.ts'
import { AUFS_PREFIX, isPortableAttribute, OPAQUE_MARKER, WHITEOUT_PREFIX } from './whiteout.ts'

/** What an archive says of an inode. */
export type Attributes = {
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Nanoseconds since the epoch. */
  readonly mtime: bigint
  readonly xattrs: ReadonlyMap<ByteString, Buffer>
}

export type ExpectedFile = {
  readonly type: Exclude<EntryType, 'directory' | 'hardlink'>
  readonly attributes: Attributes
  readonly size: number
  readonly target: ByteString
  readonly major: number
  readonly minor: number
  readonly extents: readonly Extent[] | undefined
  /** SHA-256 of the bytes that the archive holds of it; '' when there are none. */
  hash: string
  /** How many names it has. */
  names: number
}

export type ExpectedDirectory = {
  readonly type: 'directory'
  readonly name: ByteString
  readonly parent: ExpectedDirectory | undefined
  readonly children: Map<ByteString, ExpectedNode>
  /** Undefined when the archive only implies it by what lies in it. */
  attributes: Attributes | undefined
  opaque: boolean
}

export type ExpectedNode = ExpectedFile | ExpectedDirectory | typeof WHITEOUT

/** A name that hides what lies below it. */
export const WHITEOUT = { type: 'whiteout' } as const

const LINK_LIMIT = 255

/**
 * What a layer's tar makes of an empty directory, told without touching a disk: the same rules as `Unpacker`'s, kept apart
 * from it so that one may be held against the other. Files are remembered by the hash of their bytes. Some 300 bytes an entry.
 */
export class ExpectedTree implements TarSink {
  readonly root = directoryNode('', undefined)
  /** Names of this layer that went with a directory that was replaced: a whiteout never hides them. */
  readonly #lost = new Set<ByteString>()
  #hash: Hash | undefined
  #file: ExpectedFile | undefined

  entry(entry: TarEntry): void {
    const components = componentsOf(entry.path)
    const name = components.pop()
    if (name === undefined) {
      if (entry.type === 'directory') this.root.attributes = attributesOf(entry)
      return
    }
    const parent = this.#directory(components)
    if (name.startsWith(WHITEOUT_PREFIX)) this.#whiteout(parent, name)
    else if (entry.type === 'directory') this.#makeDirectory(parent, name, entry)
    else if (entry.type === 'hardlink') this.#link(parent, name, entry)
    else {
      const file = fileNode(entry.type, entry)
      this.#put(parent, name, file)
      if (entry.type === 'file') this.#file = file
    }
  }

  data(chunk: Buffer): void {
    if (!this.#file || chunk.length === 0) return
    this.#hash ??= createHash('sha256')
    this.#hash.update(chunk)
  }

  end(): void {
    if (this.#file && this.#hash) this.#file.hash = this.#hash.digest('base64')
    this.#file = undefined
    this.#hash = undefined
  }

  /** The directory at `components`, links resolved with the tree's root as `/`; missing ones are implied. */
  #directory(components: readonly ByteString[]): ExpectedDirectory {
    let place = this.root
    const rest = [...components]
    for (let links = 0; rest.length > 0; ) {
      const name = rest.shift() as ByteString
      if (name === '' || name === '.') continue
      if (name === '..') {
        place = place.parent ?? this.root
        continue
      }
      const child = place.children.get(name)
      if (child === undefined) {
        const made = directoryNode(name, place)
        place.children.set(name, made)
        place = made
      } else if (child.type === 'directory') place = child
      else if (child.type === 'symlink') {
        if (++links > LINK_LIMIT)
          throw invalidArgument(`too many levels of symbolic links: ${toText(components.join('/'))}`)
        if (child.target.startsWith('/')) place = this.root
        rest.unshift(...child.target.split('/'))
      } else throw invalidArgument(`${toText(pathOf(place, name))}: not a directory`)
    }
    return place
  }

  #makeDirectory(parent: ExpectedDirectory, name: ByteString, entry: TarEntry): void {
    const before = parent.children.get(name)
    if (before?.type === 'directory') {
      before.attributes = attributesOf(entry)
      return
    }
    const made = directoryNode(name, parent)
    made.attributes = attributesOf(entry)
    // In the place of a whiteout it goes on hiding what lies below.
    made.opaque = before?.type === 'whiteout'
    this.#put(parent, name, made)
  }

  #link(parent: ExpectedDirectory, name: ByteString, entry: TarEntry): void {
    const components = componentsOf(entry.linkTarget)
    const targetName = components.pop()
    const from = this.#directory(components)
    if (from === parent && targetName === name) return
    const target = targetName === undefined ? undefined : from.children.get(targetName)
    if (target === undefined || target.type === 'directory') {
      throw invalidArgument(`invalid hardlink "${toText(entry.linkTarget)}" -> "${toText(entry.path)}"`)
    }
    if (target.type !== 'whiteout') target.names++
    this.#put(parent, name, target)
  }

  #whiteout(parent: ExpectedDirectory, marker: ByteString): void {
    if (marker === OPAQUE_MARKER) {
      parent.opaque = true
      return
    }
    if (marker.startsWith(AUFS_PREFIX)) return
    const name = marker.slice(WHITEOUT_PREFIX.length)
    if (name === '' || name === '.' || name === '..') throw invalidArgument(`invalid whiteout "${toText(marker)}"`)
    const child = parent.children.get(name)
    if (child?.type === 'directory') child.opaque = true
    else if (child === undefined && !this.#lost.has(pathOf(parent, name))) parent.children.set(name, WHITEOUT)
  }

  #put(parent: ExpectedDirectory, name: ByteString, node: ExpectedNode): void {
    const before = parent.children.get(name)
    if (before?.type === 'directory') this.#lose(before)
    else if (before !== undefined && before.type !== 'whiteout') before.names--
    parent.children.set(name, node)
  }

  #lose(directory: ExpectedDirectory): void {
    for (const [name, child] of directory.children) {
      if (child.type === 'whiteout') continue
      this.#lost.add(pathOf(directory, name))
      if (child.type === 'directory') this.#lose(child)
      else child.names--
    }
  }
}

const directoryNode = (name: ByteString, parent: ExpectedDirectory | undefined): ExpectedDirectory => ({
  type: 'directory',
  name,
  parent,
  children: new Map(),
  attributes: undefined,
  opaque: false,
})

const fileNode = (type: ExpectedFile['type'], entry: TarEntry): ExpectedFile => ({
  type,
  attributes: attributesOf(entry),
  size: entry.size,
  target: entry.linkTarget,
  major: entry.major,
  minor: entry.minor,
  extents: entry.extents,
  hash: '',
  names: 1,
})

const attributesOf = ({ mode, uid, gid, mtime, xattrs }: TarEntry): Attributes => ({
  mode,
  uid,
  gid,
  mtime,
  xattrs: xattrs.size === 0 ? NO_XATTRS : new Map([...xattrs].filter(([name]) => isPortableAttribute(name))),
})

const pathOf = (directory: ExpectedDirectory, name: ByteString): ByteString => {
  const parts = [name]
  for (let place: ExpectedDirectory = directory; place.parent; place = place.parent) parts.unshift(place.name)
  return parts.join('/')
}
