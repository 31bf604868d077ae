import type { Filters } from '../api/filters.ts'
import type { ImageManifestSummary, ImageSummary } from '../api/image.ts'
import { type Digest, parseDigest } from '../oci/digest.ts'
import { familiarName, familiarRepository, type Reference } from '../oci/reference.ts'
import { acceptFilters, booleanFilter, matchesLabels, parseMoment } from './filter-values.ts'
import type { Image } from './image.ts'

export type ListedImage = {
  readonly image: Image
  readonly names: readonly Reference[]
  readonly containers: number
  readonly pinned?: boolean
  /** Only one of the platforms under another image's names: shown with that one. */
  readonly subordinate: boolean
  /** What the names stand for, platform by platform; when that was asked for. */
  readonly manifests?: readonly ImageManifestSummary[]
}

export type ListOptions = {
  readonly all?: boolean
  readonly sharedSize?: boolean
  readonly manifests?: boolean
  readonly filters?: Filters
}

const ACCEPTED = ['dangling', 'label', 'before', 'since', 'reference', 'until']

/**
 * The rows of `GET /images/json`, newest first. `find` finds an image for `before` and `since`, or throws.
 * InvalidArgument for a filter that there is not or whose value means nothing.
 */
export const listImages = (
  all: readonly ListedImage[],
  filters: Filters,
  find: (name: string) => Image,
  { all: subordinates = false }: { all?: boolean } = {},
): ImageSummary[] => {
  acceptFilters(filters, ACCEPTED)
  const dangling = booleanFilter(filters, 'dangling')
  const before = Math.min(
    ...(filters.before ?? []).map(name => find(name).created ?? 0),
    ...(filters.until ?? []).map(text => parseMoment(text)),
  )
  const since = Math.max(...(filters.since ?? []).map(name => find(name).created ?? 0))
  const patterns = filters.reference?.map(patternMatcher)
  const rows: ImageSummary[] = []
  for (const { image, names, containers, pinned, subordinate, manifests } of all) {
    if (subordinate && !subordinates) continue
    const created = image.created ?? 0
    if (created >= before || created <= since) continue
    const labels = image.config.config?.Labels ?? undefined
    if (!matchesLabels({ label: filters.label ?? [] }, labels ?? {})) continue
    if (dangling !== undefined && dangling !== (names.length === 0 && !subordinate)) continue
    const shown = patterns ? names.filter(name => patterns.some(matches => matches(name))) : names
    if (patterns && shown.length === 0) continue
    rows.push({
      Id: image.id,
      ParentId: '',
      RepoTags: shown.filter(({ digest }) => digest === undefined).map(familiarName),
      RepoDigests: shown.filter(({ digest }) => digest !== undefined).map(familiarName),
      Created: Math.floor(created / 1000),
      Size: image.size,
      SharedSize: -1,
      Containers: containers,
      Labels: labels ?? null,
      ...(pinned ? { Pinned: true } : {}),
      ...(manifests ? { Manifests: manifests } : {}),
    })
  }
  return rows.sort((a, b) => b.Created - a.Created)
}

/** The same rows with `SharedSize`: bytes of layers that other images have, too. */
export const withSharedSizes = (rows: readonly ImageSummary[], images: readonly Image[]): ImageSummary[] => {
  const uses = new Map<Digest, number>()
  for (const { layers } of images) {
    // One that an image has twice is not shared by that.
    for (const diffId of new Set(layers.map(layer => layer.diffId))) uses.set(diffId, (uses.get(diffId) ?? 0) + 1)
  }
  const shared = new Map(
    images.map(image => [
      image.id,
      image.layers.reduce((sum, { diffId, size }) => sum + ((uses.get(diffId) ?? 0) > 1 ? size : 0), 0),
    ]),
  )
  return rows.map(row => ({ ...row, SharedSize: shared.get(parseDigest(row.Id)) ?? 0 }))
}

/** As Go's `path.Match`: against the name with its tag, or without. */
const patternMatcher = (pattern: string): ((name: Reference) => boolean) => {
  const expression = new RegExp(`^${[...pattern].map(translate).join('')}$`)
  return name => expression.test(familiarName(name)) || expression.test(familiarRepository(name))
}

const translate = (character: string): string => {
  if (character === '*') return '[^/]*'
  if (character === '?') return '[^/]'
  // Classes are written as in regular expressions.
  if ('[]-^'.includes(character)) return character
  return character.replace(/[.+(){}|\\$]/, '\\$&')
}
