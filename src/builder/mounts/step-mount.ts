import { posix } from 'node:path'
import { invalidArgument } from '../../errdefs.ts'
import { fromText } from '../../storage/archive/byte-string.ts'
import type { ContextTree } from '../context/context-tree.ts'
import { SyntaxProblem } from '../dockerfile/dockerfile-error.ts'
import type { RunMount } from '../dockerfile/run-mount.ts'
import { cacheKey } from '../solver/cache-key.ts'
import { digestSources } from '../solver/digest-sources.ts'
import type { StageLayer } from '../solver/stage-state.ts'

/** Where the files of a mount come from. */
export type MountFiles =
  /** A stage or an image. */
  { readonly layers: readonly StageLayer[]; readonly key: string } | { readonly tree: ContextTree }

/** A mount of one step, with all that can be known of it before the step is executed. */
export type StepMount = {
  readonly mount: RunMount
  /** In the container, absolute; undefined: nothing is mounted, or where the builder likes. */
  readonly target: string | undefined
  readonly files: MountFiles | undefined
}

/** @throws SyntaxProblem for the root */
export const mountTarget = (mount: RunMount, cwd: string): string | undefined => {
  if (mount.target === undefined) return undefined
  const target = posix.resolve('/', cwd, mount.target)
  if (target === '/') throw new SyntaxProblem('invalid mount target "/"')
  return target
}

/** Part of a step's key: what was asked for, and of a bind what is in it. What caches, secrets and agents hold does not count. */
export const mountKey = async ({ mount, target, files }: StepMount, signal: AbortSignal): Promise<string> => {
  const asked = JSON.stringify({ ...mount, target })
  if (files === undefined) return cacheKey('mount', asked)
  return cacheKey('mount', asked, await contentKey(files, 'source' in mount ? mount.source : '', signal))
}

/** Names what lies at `source`. InvalidArgument: nothing, in a context. */
export const contentKey = async (files: MountFiles, source: string, signal: AbortSignal): Promise<string> => {
  if ('layers' in files) return files.key
  const { tree } = files
  const path = sourceInContext(tree, source)
  await tree.load([path], signal)
  return digestSources([{ tree, path, name: fromText('source') }])
}

/** Where a mount's source lies in a context, links followed. InvalidArgument: nowhere. */
export const sourceInContext = (tree: ContextTree, source: string): string => {
  const inside = posix.join('/', source).slice(1).replace(/\/$/, '')
  const path = tree.resolve(fromText(inside))
  if (path === undefined) throw missingSource(source)
  return path
}

export const missingSource = (source: string): Error =>
  invalidArgument(`failed to compute cache key: failed to calculate checksum: "${posix.join('/', source)}": not found`)
