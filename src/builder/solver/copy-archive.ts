import { lstatSync } from 'node:fs'
import { posix } from 'node:path'
import { type ByteString, fromText, toPath, toText } from '../../storage/archive/byte-string.ts'
import { paddingOf } from '../../storage/archive/tar-entry.ts'
import { encodeEntry, endOfArchive, tarEntry } from '../../storage/archive/tar-writer.ts'
import { findDestination } from './destination.ts'
import type { ModeChange } from './file-mode.ts'
import type { Owner } from './owner.ts'
import type { Selected } from './select-sources.ts'
import type { SourceEntry, SourceTree } from './source-tree.ts'

export type CopyTarget = {
  /** The mounted root file system. */
  readonly root: string
  /** From the root, without links: a directory, or the name that the one file gets. */
  readonly inside: ByteString
  readonly isDirectory: boolean
}

const CHUNK = 256 * 1024

/** What a COPY puts into the root file system, as an archive to be unpacked at its root. */
export async function* copyArchive(
  selected: readonly Selected[],
  target: CopyTarget,
  owner: Owner | undefined,
  changeMode: ModeChange | undefined,
  /** Directories that come before it. */
  before: readonly Buffer[] = [],
): AsyncGenerator<Buffer> {
  const writer = new ChunkWriter()
  for (const head of before) yield* writer.write(head)
  for (const { tree, path, name } of selected) {
    const entry = tree.entry(path)
    if (entry === undefined) continue
    const here = target.isDirectory ? join(target.inside, name) : target.inside
    const walk =
      entry.type === 'directory' ? children(tree, path, target.inside, target.root) : [{ path, place: here, entry }]
    for (const found of walk) {
      yield* writer.write(header(found, owner, changeMode))
      if (found.entry.type === 'file') yield* writer.copy(tree, found.path, found.entry.size)
    }
  }
  yield* writer.write(endOfArchive())
  yield* writer.rest()
}

type Found = { readonly path: ByteString; readonly place: ByteString; readonly entry: SourceEntry }

function* children(tree: SourceTree, path: ByteString, place: ByteString, root: string): Generator<Found> {
  for (const name of tree.names(path)) {
    const child = join(path, name)
    const entry = tree.entry(child)
    // Devices, pipes and sockets are no content.
    if (entry === undefined || entry.type === 'other') continue
    const at = join(place, name)
    if (entry.type !== 'directory') {
      yield { path: child, place: at, entry }
      continue
    }
    // Where the image has a link to a directory (`/bin` on today's distributions), the content goes where the link
    // leads: the link stays.
    const linked = linkedDirectory(root, at)
    if (linked === undefined) yield { path: child, place: at, entry }
    yield* children(tree, child, linked ?? at, root)
  }
}

const linkedDirectory = (root: string, place: ByteString): ByteString | undefined => {
  const stat = lstatSync(toPath(`${fromText(root)}/${place}`), { throwIfNoEntry: false })
  if (stat?.isSymbolicLink() !== true) return undefined
  const { kind, inside } = findDestination(root, toText(place))
  return kind === 'directory' ? fromText(inside) : undefined
}

const header = ({ place, entry }: Found, owner: Owner | undefined, changeMode: ModeChange | undefined): Buffer => {
  const { type, mode, uid, gid, size, mtime, linkTarget, xattrs } = entry
  const isDirectory = type === 'directory'
  return encodeEntry(
    tarEntry({
      type: type === 'other' ? 'file' : type,
      path: place,
      linkTarget,
      mode: changeMode === undefined || type === 'symlink' ? mode : changeMode(mode, isDirectory),
      uid: owner?.uid ?? uid,
      gid: owner?.gid ?? gid,
      size,
      mtime,
      xattrs,
    }),
  )
}

const join = (directory: ByteString, name: ByteString): ByteString => posix.join(directory, name)

/** Gathers small pieces to chunks worth sending to another thread. */
class ChunkWriter {
  #chunk = Buffer.allocUnsafeSlow(CHUNK)
  #filled = 0

  #take(): Buffer {
    const full = this.#chunk.subarray(0, this.#filled)
    this.#chunk = Buffer.allocUnsafeSlow(CHUNK)
    this.#filled = 0
    return full
  }

  *write(bytes: Buffer): Generator<Buffer> {
    for (let done = 0; done < bytes.length; ) {
      if (this.#filled === CHUNK) yield this.#take()
      const copied = bytes.copy(this.#chunk, this.#filled, done)
      this.#filled += copied
      done += copied
    }
  }

  /** A file's bytes and the padding behind them; what is missing of it is zeros, since its size is written already. */
  *copy(tree: SourceTree, path: ByteString, size: number): Generator<Buffer> {
    for (let done = 0; done < size; ) {
      if (this.#filled === CHUNK) yield this.#take()
      const wanted = Math.min(size - done, CHUNK - this.#filled)
      const window = this.#chunk.subarray(this.#filled, this.#filled + wanted)
      const read = tree.read(path, window, done)
      if (read === 0) window.fill(0)
      this.#filled += read || wanted
      done += read || wanted
    }
    yield* this.write(Buffer.alloc(paddingOf(size)))
  }

  *rest(): Generator<Buffer> {
    if (this.#filled > 0) yield this.#take()
  }
}
