import { createHash, type Hash } from 'node:crypto'
import { forbidden } from '../../errdefs.ts'
import { type ByteString, toText } from '../../storage/archive/byte-string.ts'
import { NO_XATTRS, type TarEntry } from '../../storage/archive/tar-entry.ts'
import type { TarSink } from '../../storage/archive/tar-reader.ts'
import type { SourceEntry, SourceTree } from '../solver/source-tree.ts'
import type { Spool } from './spool.ts'

/** Bytes that can be read at any place. */
export type ContentSource = { read(buffer: Buffer, position: number): number }

/** A file's content. Without a source it has yet to be loaded, and its digest may be unknown. */
export type Content = {
  source: ContentSource | undefined
  /** Where it begins in the source. */
  offset: number
  size: number
  /** SHA-256, in hexadecimal; empty: unknown. */
  digest: string
}

/**
 * Fills in sources and digests, and sizes where the files have changed since they were listed. Is told also when nothing is
 * missing.
 */
export type ContentLoader = {
  load(contents: readonly Content[], signal: AbortSignal): Promise<void>
} & Disposable

type Arriving = {
  readonly node: Node
  readonly hash: Hash
  readonly offset: number
  readonly size: number
  position: number
}
export type ListedFacts = Pick<SourceEntry, 'type' | 'mode' | 'size' | 'mtime' | 'linkTarget'>
type Node = { entry: SourceEntry; content?: Content; children?: Map<ByteString, Node> }
type TreeOptions = { readonly filtered?: boolean; readonly loader?: ContentLoader }

const LINK_LIMIT = 40

/**
 * The build's context as it was sent. Names and metadata are kept here and contents one behind the other in a spool, or
 * in the store of what clients have sent before: nothing is unpacked, so a hostile archive has no file system to escape
 * into. Owners are dropped: what is copied from a context belongs to root.
 */
export class ContextTree implements SourceTree, Disposable {
  readonly #spool: Spool | undefined
  readonly #loader: ContentLoader | undefined
  readonly #root: Node = directory(0o755)
  /** Its client has left out already what its ignore file names. */
  readonly filtered: boolean
  #current: Arriving | undefined

  /** `spool`: for the members of an archive; `loader`: for files that were only listed. Both are disposed with the tree. */
  constructor(spool: Spool | undefined, { filtered = false, loader }: TreeOptions = {}) {
    this.#spool = spool
    this.#loader = loader
    this.filtered = filtered
  }

  /** What a tar reader tells its members to. */
  sink(): TarSink {
    return {
      entry: entry => this.#add(entry),
      data: (chunk, position) => this.#data(chunk, position),
      end: () => this.#end(),
    }
  }

  /** A file, directory or link that the client has listed; its directories come before it. Forbidden: a path that climbs out. */
  list(path: ByteString, facts: ListedFacts, content?: Content): void {
    const node: Node = { entry: { ...facts, uid: 0, gid: 0, xattrs: NO_XATTRS } }
    if (content !== undefined) node.content = content
    if (facts.type === 'directory') node.children = new Map()
    this.#put(path, node)
  }

  /**
   * Brings the contents of what lies at and below these paths, in which links are followed: before it only `entry`,
   * `names` and `resolve` are sure to answer. Does nothing for contexts that came whole.
   */
  async load(paths: readonly ByteString[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#loader === undefined) return
    const missing = new Map<Content, Node>()
    const visit = (node: Node): void => {
      if (node.content !== undefined && node.content.source === undefined) missing.set(node.content, node)
      for (const child of node.children?.values() ?? []) visit(child)
    }
    for (const path of paths) {
      const real = this.resolve(path)
      const node = real === undefined ? undefined : this.#at(real)
      if (node !== undefined) visit(node)
    }
    await this.#loader.load([...missing.keys()], signal)
    for (const [{ size }, node] of missing) if (node.entry.size !== size) node.entry = { ...node.entry, size }
  }

  entry(path: ByteString): SourceEntry | undefined {
    return this.#at(path)?.entry
  }

  resolve(path: ByteString): ByteString | undefined {
    const pending = path.split('/').reverse()
    const trail: { name: ByteString; node: Node }[] = []
    let links = 0
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      if (name === '' || name === '.') continue
      if (name === '..') {
        trail.pop()
        continue
      }
      const node = (trail.at(-1)?.node ?? this.#root).children?.get(name)
      if (node === undefined) return undefined
      if (node.entry.type !== 'symlink') {
        trail.push({ name, node })
        continue
      }
      if (++links > LINK_LIMIT) return undefined
      const { linkTarget } = node.entry
      if (linkTarget.startsWith('/')) trail.length = 0
      pending.push(...linkTarget.split('/').reverse())
    }
    return trail.map(({ name }) => name).join('/')
  }

  names(path: ByteString): readonly ByteString[] {
    return [...(this.#at(path)?.children?.keys() ?? [])].sort()
  }

  /** A digest of a file's content, in hexadecimal; empty for what is no file. */
  digest(path: ByteString): string {
    return this.#at(path)?.content?.digest ?? ''
  }

  read(path: ByteString, buffer: Buffer, position: number): number {
    const content = this.#at(path)?.content
    if (content === undefined || position >= content.size) return 0
    if (content.source === undefined) throw new Error(`${toText(path)} was read before it was loaded`)
    const wanted = Math.min(buffer.length, content.size - position)
    return content.source.read(buffer.subarray(0, wanted), content.offset + position)
  }

  /** A small file as text; undefined when it is not there or not a file. */
  text(path: ByteString): string | undefined {
    const real = this.resolve(path)
    const content = real === undefined ? undefined : this.#at(real)?.content
    if (real === undefined || content === undefined) return undefined
    const buffer = Buffer.alloc(content.size)
    this.read(real, buffer, 0)
    return buffer.toString()
  }

  /** Takes away what `keep` does not want. A directory stays while something in it does. */
  filter(keep: (path: ByteString) => boolean): void {
    const sweep = (node: Node, path: ByteString): void => {
      for (const [name, child] of node.children ?? []) {
        const below = path === '' ? name : `${path}/${name}`
        if (child.children !== undefined) sweep(child, below)
        if (!keep(below) && !(child.children !== undefined && child.children.size > 0)) node.children?.delete(name)
      }
    }
    sweep(this.#root, '')
  }

  [Symbol.dispose](): void {
    this.#spool?.[Symbol.dispose]()
    this.#loader?.[Symbol.dispose]()
  }

  #add(tar: TarEntry): void {
    if (tar.type === 'hardlink') {
      const target = this.#at(splitPath(tar.linkTarget).join('/'))
      if (target?.content !== undefined) this.#put(tar.path, { entry: target.entry, content: target.content })
      return
    }
    const node: Node = { entry: sourceEntry(tar) }
    if (tar.type === 'directory') node.children = new Map()
    if (!this.#put(tar.path, node) || tar.type !== 'file') return
    this.#current = { node, hash: createHash('sha256'), offset: this.#archived.length, position: 0, size: tar.size }
  }

  /** Makes the directories before it where nothing has named them. False: it was the root, which stays. */
  #put(path: ByteString, node: Node): boolean {
    const names = splitPath(path)
    const name = names.pop()
    if (name === undefined) return false
    let parent = this.#root
    for (const part of names) {
      let next = parent.children?.get(part)
      if (next?.children === undefined) {
        next = directory(0o755)
        parent.children?.set(part, next)
      }
      parent = next
    }
    const siblings = parent.children as Map<ByteString, Node>
    const before = siblings.get(name)
    // A directory that is named once more keeps what is in it.
    if (node.children !== undefined && before?.children !== undefined) node.children = before.children
    siblings.set(name, node)
    return true
  }

  get #archived(): Spool {
    if (this.#spool === undefined) throw new Error('a context without a spool takes no archive')
    return this.#spool
  }

  #data(chunk: Buffer, position: number): void {
    const current = this.#current
    if (current === undefined) return
    if (position > current.position) this.#hole(current, position)
    current.hash.update(chunk)
    this.#archived.append(chunk)
    current.position = position + chunk.length
  }

  #end(): void {
    const current = this.#current
    if (current === undefined) return
    if (current.position < current.size) this.#hole(current, current.size)
    const { node, offset, size, hash } = current
    node.content = { source: this.#archived, offset, size, digest: hash.digest('hex') }
    this.#current = undefined
  }

  /** Hashed as its length, not as zeros, which an archive of a few bytes can have terabytes of. */
  #hole(current: Arriving, end: number): void {
    current.hash.update(`\0hole ${end - current.position}\0`)
    this.#archived.skip(end - current.position)
    current.position = end
  }

  #at(path: ByteString): Node | undefined {
    let node: Node | undefined = this.#root
    if (path !== '') for (const name of path.split('/')) node = node?.children?.get(name)
    return node
  }
}

const directory = (mode: number): Node => ({
  entry: { type: 'directory', mode, uid: 0, gid: 0, size: 0, mtime: 0n, linkTarget: '', xattrs: NO_XATTRS },
  children: new Map(),
})

const sourceEntry = (tar: TarEntry): SourceEntry => ({
  type: tar.type === 'file' || tar.type === 'directory' || tar.type === 'symlink' ? tar.type : 'other',
  mode: tar.mode,
  uid: 0,
  gid: 0,
  size: tar.size,
  mtime: tar.mtime,
  linkTarget: tar.linkTarget,
  xattrs: tar.xattrs,
})

const splitPath = (path: ByteString): ByteString[] => {
  const names: ByteString[] = []
  for (const name of path.split('/')) {
    if (name === '' || name === '.') continue
    if (name === '..') throw forbidden(`forbidden path outside the build context: ${toText(path)} ()`)
    names.push(name)
  }
  return names
}
