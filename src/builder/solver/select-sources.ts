import { posix } from 'node:path'
import { forbidden, invalidArgument } from '../../errdefs.ts'
import { type ByteString, fromText, toText } from '../../storage/archive/byte-string.ts'
import { globRegExp, hasWildcards, unescapeGlob } from './glob.ts'
import type { SourceTree } from './source-tree.ts'

/** One thing to copy: a file goes under its name, a directory gives its content. */
export type Selected = {
  readonly tree: SourceTree
  /** Links followed. */
  readonly path: ByteString
  /** The last component as asked for, which a link's own name is too. */
  readonly name: ByteString
  /** An archive is unpacked rather than copied. */
  readonly unpack?: boolean
}

export type SourceKind = 'context' | 'stage'

/** Finds the sources of a COPY or ADD. Errors are Docker's, which name the path without its leading slash. */
export const selectSources = (
  tree: SourceTree,
  patterns: readonly string[],
  keyword: string,
  kind: SourceKind,
): Selected[] => {
  const selected: Selected[] = []
  for (const pattern of patterns) {
    if (/^(?:https?|ftp):\/\//.test(pattern)) {
      throw invalidArgument(`${keyword} failed: source can't be a URL for ${keyword}`)
    }
    const path = cleanPath(pattern, keyword, kind)
    if (hasWildcards(path)) {
      selected.push(...expandGlob(tree, fromText(path)).map(found => ({ tree, ...found })))
      continue
    }
    const plain = fromText(unescapeGlob(path))
    const resolved = tree.resolve(plain)
    if (resolved === undefined) {
      const where = kind === 'context' ? 'file not found in build context or excluded by .dockerignore: ' : ''
      throw invalidArgument(`${keyword} failed: ${where}stat ${toText(plain)}: file does not exist`)
    }
    selected.push({ tree, path: resolved, name: posix.basename(plain) })
  }
  return selected
}

const cleanPath = (pattern: string, keyword: string, kind: SourceKind): string => {
  // In a stage `/..` is `/`, as in every file system; in a context it is a try to leave it.
  const path =
    kind === 'stage' ? posix.join('/', pattern).slice(1) : posix.normalize(pattern.replace(/^\/+/, '') || '.')
  if (path === '..' || path.startsWith('../')) {
    throw forbidden(`${keyword} failed: forbidden path outside the build context: ${path.replace(/\/$/, '')} ()`)
  }
  return path.replace(/\/$/, '').replace(/^\.$/, '')
}

const expandGlob = (tree: SourceTree, pattern: ByteString): { path: ByteString; name: ByteString }[] => {
  let found: { path: ByteString; name: ByteString }[] = [{ path: '', name: '' }]
  for (const component of pattern.split('/')) {
    const matcher = globRegExp(component)
    const next: typeof found = []
    for (const { path } of found) {
      if (tree.entry(path)?.type !== 'directory') continue
      for (const name of tree.names(path)) {
        if (!matcher.test(name)) continue
        const resolved = tree.resolve(path === '' ? name : `${path}/${name}`)
        if (resolved !== undefined) next.push({ path: resolved, name })
      }
    }
    found = next
  }
  return found
}
