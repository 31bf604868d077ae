import type { ByteString } from '../../storage/archive/byte-string.ts'
import type { ContextTree } from '../context/context-tree.ts'
import { cacheKey } from './cache-key.ts'
import type { Selected } from './select-sources.ts'

/**
 * A digest of what is copied out of a context: names, kinds, modes, link targets, attributes and contents. Times are left
 * out, since a fresh checkout has others.
 */
export const digestSources = (tree: ContextTree | undefined, selected: readonly Selected[]): string => {
  const lines: string[] = []
  if (tree === undefined) return cacheKey(lines)
  const walk = (path: ByteString, name: ByteString): void => {
    const entry = tree.entry(path)
    if (entry === undefined) return
    const { type, mode, linkTarget, xattrs } = entry
    const attributes = [...xattrs].map(([key, value]) => `${key}=${value.toString('latin1')}`).sort()
    lines.push(cacheKey(name, type, mode, linkTarget, tree.digest(path), attributes))
    if (type !== 'directory') return
    for (const child of tree.names(path)) walk(path === '' ? child : `${path}/${child}`, `${name}/${child}`)
  }
  for (const { path, name } of selected) {
    // A directory's own name and mode do not matter: its content is what is copied.
    if (tree.entry(path)?.type === 'directory') {
      lines.push('directory')
      for (const child of tree.names(path)) walk(path === '' ? child : `${path}/${child}`, child)
    } else walk(path, name)
  }
  return cacheKey(lines)
}
