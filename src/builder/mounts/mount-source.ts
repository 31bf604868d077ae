import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { resolveInside } from '../../runtime/user.ts'
import { unpack } from '../../storage/archive/unpack.ts'
import { copyArchive } from '../solver/copy-archive.ts'
import type { EngineParts } from '../solver/engine-parts.ts'
import { MountedTree } from '../solver/mounted-tree.ts'
import type { SourceTree } from '../solver/source-tree.ts'
import { StepSnapshot } from '../solver/step-snapshot.ts'
import { type MountFiles, missingSource, sourceInContext } from './step-mount.ts'

type Parts = Pick<EngineParts, 'snapshotter' | 'images' | 'mounts'>

/** A place on the host that holds a mount's files for the time of one step; what is written there goes with it. */
export type MountSource = AsyncDisposable & { readonly path: string }

const FILE = 'file'

/** `source`: a path inside of them. InvalidArgument: it is not there. */
export const openMountSource = async (
  parts: Parts,
  files: MountFiles,
  source: string,
  signal: AbortSignal,
): Promise<MountSource> => {
  if ('layers' in files) {
    const snapshot = await StepSnapshot.mount(parts, files.layers)
    const path = resolveInside(snapshot.root, source)
    if (path !== undefined && existsSync(path))
      return { path, [Symbol.asyncDispose]: () => snapshot[Symbol.asyncDispose]() }
    await snapshot[Symbol.asyncDispose]()
    throw missingSource(source)
  }
  const { tree } = files
  const path = sourceInContext(tree, source)
  const isDirectory = tree.entry(path)?.type === 'directory'
  await tree.load([path], signal)
  const snapshot = await StepSnapshot.mount(parts, [])
  try {
    const target = { root: snapshot.root, inside: isDirectory ? '' : FILE, isDirectory }
    const archive = copyArchive([{ tree, path, name: FILE }], target, undefined, undefined)
    await unpack(Readable.from(archive, { objectMode: false, signal }), snapshot.root, { signal })
  } catch (error) {
    await snapshot[Symbol.asyncDispose]()
    throw error
  }
  return {
    path: isDirectory ? snapshot.root : join(snapshot.root, FILE),
    [Symbol.asyncDispose]: () => snapshot[Symbol.asyncDispose](),
  }
}

/** Copies all the files into `directory`, which is empty. */
export const copyMountFiles = async (
  parts: Parts,
  files: MountFiles,
  directory: string,
  signal: AbortSignal,
): Promise<void> => {
  if ('tree' in files) return await copyTree(files.tree, directory, signal)
  await using snapshot = await StepSnapshot.mount(parts, files.layers)
  using tree = new MountedTree(snapshot.root)
  await copyTree(tree, directory, signal)
}

const copyTree = async (tree: SourceTree, directory: string, signal: AbortSignal): Promise<void> => {
  const target = { root: directory, inside: '', isDirectory: true }
  const archive = copyArchive([{ tree, path: '', name: '' }], target, undefined, undefined)
  await unpack(Readable.from(archive, { objectMode: false, signal }), directory, { signal })
}
