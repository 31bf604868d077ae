import type { ByteString } from '../../storage/archive/byte-string.ts'
import { encodeEntry, tarEntry } from '../../storage/archive/tar-writer.ts'
import { type CopyTarget, copyArchive } from './copy-archive.ts'
import type { ModeChange } from './file-mode.ts'
import { MountedTree } from './mounted-tree.ts'
import type { Owner } from './owner.ts'
import type { Selected } from './select-sources.ts'
import type { SourceTree } from './source-tree.ts'

/** Files; below this the way through the mounted root is the shorter one. */
const WORTHWHILE = 100
const WHITEOUT = '.wh.'

/**
 * The copy as the very archive of its layer, where that is known beforehand: when nothing in the root file system stands in
 * its way, nothing has to be written through it and read back. `target.inside` may be missing yet. Undefined: it has to
 * be done in the root itself, which also knows what to say of what cannot be.
 */
export const plainCopyArchive = (
  selected: readonly Selected[],
  target: CopyTarget,
  owner: Owner | undefined,
  changeMode: ModeChange | undefined,
): AsyncGenerator<Buffer> | undefined => {
  const directory = target.isDirectory ? target.inside : target.inside.split('/').slice(0, -1).join('/')
  using root = new MountedTree(target.root)
  const heads = directoriesTo(root, directory, owner)
  if (heads === undefined) return undefined
  const names = new Set<ByteString>()
  let files = 0
  for (const { tree, path, name } of selected) {
    const isDirectory = tree.entry(path)?.type === 'directory'
    const last = target.isDirectory ? name : (target.inside.split('/').at(-1) as ByteString)
    for (const top of isDirectory ? tree.names(path) : [last]) {
      if (names.has(top)) return undefined
      names.add(top)
      const there = root.entry(directory === '' ? top : `${directory}/${top}`)
      if (there !== undefined && (isDirectory || there.type !== 'file')) return undefined
    }
    const found = isDirectory ? countFiles(tree, path) : 1
    if (found === undefined || last.startsWith(WHITEOUT)) return undefined
    files += found
  }
  return files < WORTHWHILE ? undefined : copyArchive(selected, target, owner, changeMode, heads)
}

/** The directories that lead there: those of the root as they are, since the layer's come over them, and those to be made. */
const directoriesTo = (root: MountedTree, path: ByteString, owner: Owner | undefined): Buffer[] | undefined => {
  const heads: Buffer[] = []
  // A layer says nothing of the root itself, whose tree begins as the usual one.
  const top = root.entry('')
  if (top?.mode !== 0o755 || top.uid !== 0 || top.gid !== 0) return undefined
  const now = BigInt(Math.floor(Date.now() / 1000)) * 1_000_000_000n
  const parts = path.split('/').filter(Boolean)
  for (let depth = 1; depth <= parts.length; depth++) {
    const at = parts.slice(0, depth).join('/')
    const there = root.entry(at)
    if (there !== undefined && there.type !== 'directory') return undefined
    const made = { mode: 0o755, uid: owner?.uid ?? 0, gid: owner?.gid ?? 0, mtime: now }
    const { mode, uid, gid, mtime, xattrs } = { xattrs: undefined, ...made, ...there }
    heads.push(
      encodeEntry(
        tarEntry({ type: 'directory', path: at, mode, uid, gid, mtime, ...(xattrs === undefined ? {} : { xattrs }) }),
      ),
    )
  }
  return heads
}

/** Undefined when one has a name that means something else in a layer. */
const countFiles = (tree: SourceTree, path: ByteString): number | undefined => {
  let count = 0
  for (const name of tree.names(path)) {
    if (name.startsWith(WHITEOUT)) return undefined
    const below = path === '' ? name : `${path}/${name}`
    count++
    if (tree.entry(below)?.type !== 'directory') continue
    const inside = countFiles(tree, below)
    if (inside === undefined) return undefined
    count += inside
  }
  return count
}
