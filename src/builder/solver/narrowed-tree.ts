import { posix } from 'node:path'
import type { ByteString } from '../../storage/archive/byte-string.ts'
import type { SourceEntry, SourceTree } from './source-tree.ts'

/** Whether what lies at a path, which counts from where one began, is meant. */
export type PathTest = (path: ByteString) => boolean

/**
 * What is left of a directory of another tree when only some of its paths are wanted. A directory that is not wanted itself is there
 * for what is wanted in it. The tree below must stay as it is.
 */
export class NarrowedTree implements SourceTree {
  readonly #tree: SourceTree
  readonly #base: ByteString
  readonly #names = new Map<ByteString, ReadonlySet<ByteString>>()
  /** Files and links that are left, as the whole tree names them. */
  readonly files: ByteString[] = []

  /** `base`: a directory of `tree`, links followed. */
  constructor(tree: SourceTree, base: ByteString, wanted: PathTest) {
    this.#tree = tree
    this.#base = base
    this.#walk('', wanted)
  }

  resolve(path: ByteString): ByteString | undefined {
    return this.entry(path) === undefined ? undefined : path
  }

  entry(path: ByteString): SourceEntry | undefined {
    if (path !== '') {
      const slash = path.lastIndexOf('/')
      const siblings = this.#names.get(slash < 0 ? '' : path.slice(0, slash))
      if (!siblings?.has(path.slice(slash + 1))) return undefined
    }
    return this.#tree.entry(this.#whole(path))
  }

  names(path: ByteString): readonly ByteString[] {
    return [...(this.#names.get(path) ?? [])]
  }

  digest(path: ByteString): string {
    return this.#tree.digest?.(this.#whole(path)) ?? ''
  }

  read(path: ByteString, buffer: Buffer, position: number): number {
    return this.#tree.read(this.#whole(path), buffer, position)
  }

  #whole(path: ByteString): ByteString {
    if (this.#base === '') return path
    return path === '' ? this.#base : `${this.#base}/${path}`
  }

  /** Gives whether something is left in a directory. */
  #walk(directory: ByteString, wanted: PathTest): boolean {
    const left = new Set<ByteString>()
    for (const name of this.#tree.names(this.#whole(directory))) {
      const path = posix.join(directory, name)
      const whole = this.#whole(path)
      const type = this.#tree.entry(whole)?.type
      const keeps = type === 'directory' ? this.#walk(path, wanted) || wanted(path) : wanted(path)
      if (!keeps) continue
      left.add(name)
      if (type !== 'directory') this.files.push(whole)
    }
    this.#names.set(directory, left)
    return left.size > 0
  }
}
