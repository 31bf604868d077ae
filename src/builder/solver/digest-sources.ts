import type { ByteString } from '../../storage/archive/byte-string.ts'
import { cacheKey } from './cache-key.ts'
import type { Selected } from './select-sources.ts'
import type { SourceTree } from './source-tree.ts'

/**
 * A digest of what is copied out of contexts: names, kinds, modes, link targets, attributes and contents. Times are left
 * out, since a fresh checkout has others.
 */
export const digestSources = (selected: readonly Selected[]): string => {
  const lines: string[] = []
  const walk = (tree: SourceTree, path: ByteString, name: ByteString): void => {
    const entry = tree.entry(path)
    if (entry === undefined) return
    const { type, mode, linkTarget, xattrs } = entry
    const attributes = [...xattrs].map(([key, value]) => `${key}=${value.toString('latin1')}`).sort()
    lines.push(cacheKey(name, type, mode, linkTarget, tree.digest?.(path) ?? '', attributes))
    if (type !== 'directory') return
    for (const child of tree.names(path)) walk(tree, path === '' ? child : `${path}/${child}`, `${name}/${child}`)
  }
  for (const { tree, path, name } of selected) {
    // A directory's own name and mode do not matter: its content is what is copied.
    if (tree.entry(path)?.type === 'directory') {
      lines.push('directory')
      for (const child of tree.names(path)) walk(tree, path === '' ? child : `${path}/${child}`, child)
    } else walk(tree, path, name)
  }
  return cacheKey(lines)
}
