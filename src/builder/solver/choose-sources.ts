import { posix } from 'node:path'
import { invalidArgument } from '../../errdefs.ts'
import { fromText } from '../../storage/archive/byte-string.ts'
import { hasWildcards, unescapeGlob } from './glob.ts'
import { NarrowedTree, type PathTest } from './narrowed-tree.ts'
import { pathPatterns } from './path-patterns.ts'
import { type Selected, type SourceKind, selectSources } from './select-sources.ts'
import type { SourceTree } from './source-tree.ts'

export type Choice = {
  readonly keyword: string
  readonly kind: SourceKind
  /** Directories are copied with those above them, from the root or from `/./` on. */
  readonly parents: boolean
  readonly exclude: readonly string[]
}

const NOTHING: PathTest = () => false

/**
 * What a COPY or ADD takes from a tree. `--exclude` counts from the directory that is copied, and from the one in which a wildcard
 * found a file; a file that is named is always meant. Errors: see `selectSources`.
 */
export const chooseSources = async (
  tree: SourceTree,
  patterns: readonly string[],
  { keyword, kind, parents, exclude }: Choice,
): Promise<Selected[]> => {
  if (!parents && exclude.length === 0) return selectSources(tree, patterns, keyword, kind)
  const excluded = exclude.length === 0 ? NOTHING : await pathPatterns(exclude)
  const chosen: Selected[] = []
  for (const pattern of patterns) {
    if (parents) chosen.push(await withParents(tree, pattern, excluded, keyword, kind))
    else {
      for (const selected of selectSources(tree, [pattern], keyword, kind)) {
        if (tree.entry(selected.path)?.type === 'directory')
          chosen.push(narrowed(tree, selected.path, path => !excluded(path)))
        else if (!hasWildcards(pattern) || !excluded(selected.name)) chosen.push(selected)
      }
    }
  }
  return chosen
}

/** The paths below them of what a step takes; for `ContextTree.load`. */
export const pathsOf = (selected: readonly Selected[]): string[] =>
  selected.flatMap(({ tree, path }) => (tree instanceof NarrowedTree ? tree.files : [path]))

const narrowed = (tree: SourceTree, base: string, wanted: PathTest): Selected & { readonly tree: NarrowedTree } => ({
  tree: new NarrowedTree(tree, base, wanted),
  path: '',
  name: '',
})

const withParents = async (
  tree: SourceTree,
  pattern: string,
  excluded: PathTest,
  keyword: string,
  kind: SourceKind,
): Promise<Selected> => {
  const pivot = pattern.indexOf('/./')
  const [above, below] = pivot < 0 ? ['', pattern] : [pattern.slice(0, pivot), pattern.slice(pivot + 3)]
  const [base] = selectSources(tree, [above || '/'], keyword, kind)
  if (base === undefined || tree.entry(base.path)?.type !== 'directory') throw notFound(keyword, pattern)
  // `..` does not lead out of where one began.
  const inside = posix.join('/', below).slice(1).replace(/\/$/, '')
  const fits = await placeTest(inside)
  let found = false
  const selected = narrowed(tree, base.path, path => {
    if (!fits(path)) return false
    found = true
    return !excluded(path)
  })
  if (!found && !hasWildcards(inside)) throw notFound(keyword, pattern)
  return selected
}

/** What lies at or below a place, in which there may be wildcards, `**` too. */
const placeTest = async (place: string): Promise<PathTest> => {
  if (place === '') return () => true
  if (hasWildcards(place)) return await pathPatterns([place])
  const exact = fromText(unescapeGlob(place))
  return path => path === exact || path.startsWith(`${exact}/`)
}

const notFound = (keyword: string, path: string): Error =>
  invalidArgument(`${keyword} failed: stat ${path.replace(/^\/+/, '')}: file does not exist`)
