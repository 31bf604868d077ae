import { createHash, type Hash } from 'node:crypto'
import { forbidden } from '../../errdefs.ts'
import { type ByteString, toText } from '../../storage/archive/byte-string.ts'
import { NO_XATTRS, type TarEntry } from '../../storage/archive/tar-entry.ts'
import type { TarSink } from '../../storage/archive/tar-reader.ts'
import type { SourceEntry, SourceTree } from '../solver/source-tree.ts'
import type { Spool } from './spool.ts'

type Content = { readonly offset: number; readonly size: number; readonly digest: string }
type Arriving = {
  readonly node: Node
  readonly hash: Hash
  readonly offset: number
  readonly size: number
  position: number
}
type Node = { entry: SourceEntry; content?: Content; children?: Map<ByteString, Node> }

const LINK_LIMIT = 40

/**
 * The build's context as it was sent. Names and metadata are kept here and contents one behind the other in a spool:
 * nothing is unpacked, so a hostile archive has no file system to escape into. Owners are dropped: what is copied from
 * a context belongs to root.
 */
export class ContextTree implements SourceTree, Disposable {
  readonly #spool: Spool
  readonly #root: Node = directory(0o755)
  /** Its client has left out already what its ignore file names. */
  readonly filtered: boolean
  #current: Arriving | undefined

  constructor(spool: Spool, { filtered = false }: { filtered?: boolean } = {}) {
    this.#spool = spool
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

  /**
   * Brings the contents of what lies at and below these paths, links followed: before them only `entry`, `names` and
   * `resolve` are sure to answer. Nothing to do for contexts that came whole.
   */
  async load(_paths: readonly ByteString[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
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
    const wanted = Math.min(buffer.length, content.size - position)
    return this.#spool.read(buffer.subarray(0, wanted), content.offset + position)
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
    this.#spool[Symbol.dispose]()
  }

  #add(tar: TarEntry): void {
    const names = splitPath(tar.path)
    const name = names.pop()
    if (name === undefined) return
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
    if (tar.type === 'hardlink') {
      const target = this.#at(splitPath(tar.linkTarget).join('/'))
      if (target?.content !== undefined) siblings.set(name, { entry: target.entry, content: target.content })
      return
    }
    const node: Node = { entry: sourceEntry(tar) }
    if (tar.type === 'directory') node.children = siblings.get(name)?.children ?? new Map()
    siblings.set(name, node)
    if (tar.type === 'file') {
      this.#current = { node, hash: createHash('sha256'), offset: this.#spool.length, position: 0, size: tar.size }
    }
  }

  #data(chunk: Buffer, position: number): void {
    const current = this.#current
    if (current === undefined) return
    if (position > current.position) this.#hole(current, position)
    current.hash.update(chunk)
    this.#spool.append(chunk)
    current.position = position + chunk.length
  }

  #end(): void {
    const current = this.#current
    if (current === undefined) return
    if (current.position < current.size) this.#hole(current, current.size)
    current.node.content = { offset: current.offset, size: current.size, digest: current.hash.digest('hex') }
    this.#current = undefined
  }

  /** Hashed as its length, not as zeros, which an archive of a few bytes can have terabytes of. */
  #hole(current: Arriving, end: number): void {
    current.hash.update(`\0hole ${end - current.position}\0`)
    this.#spool.skip(end - current.position)
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
