import { Readable } from 'node:stream'
import { codeOf, invalidArgument } from '../../errdefs.ts'
import { requireDepth } from '../../images/depth.ts'
import { fromText } from '../../storage/archive/byte-string.ts'
import { unpack } from '../../storage/archive/unpack.ts'
import { copyArchive } from './copy-archive.ts'
import { ensureDirectory, findDestination } from './destination.ts'
import type { EngineParts } from './engine-parts.ts'
import { parseMode } from './file-mode.ts'
import { openArchive } from './local-archive.ts'
import { type Owner, resolveOwner } from './owner.ts'
import { plainCopyArchive } from './plain-copy.ts'
import type { Selected } from './select-sources.ts'
import type { StageLayer } from './stage-state.ts'
import { StepSnapshot } from './step-snapshot.ts'

export type CopyRequest = {
  readonly keyword: 'COPY' | 'ADD'
  readonly selected: readonly Selected[]
  /** Absolute; a slash at its end means a directory. */
  readonly destination: string
  readonly chown: string | undefined
  readonly chmod: string | undefined
  /** Archives are unpacked rather than copied, where a source does not say otherwise. */
  readonly unpacks: boolean
}

const ROOT: Owner = { uid: 0, gid: 0 }

/** Copies on top of `layers`; what came of it is the new layer. */
export const executeCopy = async (
  parts: EngineParts,
  layers: readonly StageLayer[],
  request: CopyRequest,
  signal: AbortSignal,
): Promise<StageLayer | undefined> => {
  const { keyword, selected, destination, chown, chmod, unpacks } = request
  // Wildcards may find nothing.
  if (selected.length === 0) return undefined
  if (selected.length > 1 && !destination.endsWith('/')) {
    throw invalidArgument(
      `When using ${keyword} with more than one source file, the destination must be a directory and end with a /`,
    )
  }
  const changeMode = chmod === undefined ? undefined : parseMode(chmod)
  await using snapshot = await StepSnapshot.mount(parts, layers)
  const { root } = snapshot
  const owner = chown === undefined ? undefined : resolveOwner(root, chown)
  const plain: Selected[] = []
  try {
    for (const source of selected) {
      const isFile = source.tree.entry(source.path)?.type === 'file'
      const archive = isFile && (source.unpack ?? unpacks) ? await openArchive(source) : undefined
      if (archive === undefined) plain.push(source)
      else await unpack(archive, ensureDirectory(root, destination, owner ?? ROOT).real, { owner, signal })
    }
    const onlyFile =
      plain.length === 1 && selected.length === 1 && plain[0]?.tree.entry(plain[0].path)?.type !== 'directory'
    if (plain.length > 0) {
      const found = findDestination(root, destination)
      const isDirectory = !onlyFile || destination.endsWith('/') || found.kind === 'directory'
      if (plain.length === selected.length) {
        const target = { root, inside: fromText(found.inside), isDirectory }
        const archive = plainCopyArchive(plain, target, owner, changeMode)
        if (archive !== undefined) return await composeLayer(parts, layers, archive, signal)
      }
      const made = ensureDirectory(root, isDirectory ? destination : parentOf(`/${found.inside}`), owner ?? ROOT)
      const inside = fromText(isDirectory ? made.inside : found.inside)
      const archive = copyArchive(plain, { root, inside, isDirectory }, owner, changeMode)
      await unpack(Readable.from(archive, { objectMode: false, signal }), root, { keepKinds: true, signal })
    }
  } catch (error) {
    if (codeOf(error) === 'ENOSPC')
      throw invalidArgument(`failed to copy files: no space left on device`, { cause: error })
    throw error
  }
  return await snapshot.commit()
}

/** A layer that needs no mounted root file system to be written through. */
const composeLayer = async (
  { images }: EngineParts,
  layers: readonly StageLayer[],
  archive: AsyncIterable<Buffer>,
  signal: AbortSignal,
): Promise<StageLayer> => {
  requireDepth(layers.length + 1)
  const { diffId, blob, size } = await images.composeLayer(archive, signal)
  return { diffId, blob, size }
}

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/'
