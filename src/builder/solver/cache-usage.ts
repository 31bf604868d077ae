import type { Filters } from '../../api/filters.ts'
import { invalidArgument } from '../../errdefs.ts'
import type { ContextPack, ContextStore } from '../context/context-store.ts'
import { SyntaxProblem } from '../dockerfile/dockerfile-error.ts'
import { parseGoDuration } from '../dockerfile/go-duration.ts'
import type { CacheMount, CacheMounts } from '../mounts/cache-mounts.ts'
import type { BuildCache, CacheRecord } from './build-cache.ts'
import type { ImageStore } from './engine-parts.ts'

/** A row of `BuildCache` in `GET /system/df`. */
export type BuildCacheItem = {
  readonly ID: string
  readonly Type: 'regular' | 'source.local' | 'exec.cachemount'
  readonly Description: string
  readonly InUse: boolean
  /** An image has the same layer, so that its space is not the cache's alone. */
  readonly Shared: boolean
  readonly Size: number
  readonly CreatedAt: string
  readonly LastUsedAt: string
  readonly UsageCount: number
}

export type PruneOptions = { readonly all: boolean; readonly filters: Filters }

const NANOSECONDS = 1e6

export const describeCache = (records: readonly CacheRecord[], images: ImageStore): BuildCacheItem[] => {
  const shared = layersOfImages(images)
  return records.map(({ key, description, layer, created, used }) => ({
    ID: key,
    Type: 'regular',
    Description: description,
    InUse: false,
    Shared: layer !== undefined && shared.has(layer.diffId),
    Size: layer?.size ?? 0,
    CreatedAt: created,
    LastUsedAt: new Date(used).toISOString(),
    UsageCount: 1,
  }))
}

/** What clients have sent of their contexts. */
export const describePack = ({ id, size, created, used, inUse }: ContextPack): BuildCacheItem => ({
  ID: `context-${id}`,
  Type: 'source.local',
  Description: 'local source for build contexts',
  InUse: inUse,
  Shared: false,
  Size: size,
  CreatedAt: new Date(created).toISOString(),
  LastUsedAt: new Date(used).toISOString(),
  UsageCount: 1,
})

/** What `RUN --mount=type=cache` keeps. */
export const describeCacheMount = (mount: CacheMount): BuildCacheItem => ({
  ID: `cache-mount-${mount.id}`,
  Type: 'exec.cachemount',
  Description: mount.description,
  InUse: mount.inUse,
  Shared: false,
  Size: mount.size,
  CreatedAt: new Date(mount.created).toISOString(),
  LastUsedAt: new Date(mount.used).toISOString(),
  UsageCount: mount.uses,
})

export const pruneCache = async (
  { cache, cacheMounts, images }: { cache: BuildCache; cacheMounts: CacheMounts; images: ImageStore },
  contexts: ContextStore,
  { all, filters }: PruneOptions,
): Promise<{ CachesDeleted: string[] | null; SpaceReclaimed: number }> => {
  const before = pruneLimit(filters)
  const shared = layersOfImages(images)
  const doomed = cache
    .list()
    .filter(({ layer, used }) => used < before && (all || layer === undefined || !shared.has(layer.diffId)))
  let reclaimed = 0
  for (const { key } of doomed) reclaimed += await cache.remove(key)
  const packs = contexts.list().filter(({ used, inUse }) => used < before && !inUse)
  for (const { id } of packs) reclaimed += contexts.remove(id)
  if (all) cache.removeDescriptions(before)
  const mounts: string[] = []
  for (const { id, used, size } of await cacheMounts.list()) {
    if (used >= before || !(await cacheMounts.remove(id))) continue
    reclaimed += size
    mounts.push(`cache-mount-${id}`)
  }
  const deleted = [...doomed.map(({ key }) => key), ...packs.map(({ id }) => `context-${id}`), ...mounts]
  return { CachesDeleted: deleted.length === 0 ? null : deleted, SpaceReclaimed: reclaimed }
}

/** `until` and `unused-for`: a duration before now, or a time. Milliseconds since the epoch. */
const pruneLimit = (filters: Filters): number => {
  for (const name of Object.keys(filters)) {
    if (name !== 'until' && name !== 'unused-for') throw invalidArgument(`invalid filter '${name}'`)
  }
  const limits = ['until', 'unused-for'].flatMap(name => [...(filters[name] ?? [])]).map(parseLimit)
  return Math.min(Number.POSITIVE_INFINITY, ...limits)
}

const parseLimit = (text: string): number => {
  const time = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text)
  if (/^\d+$/.test(text) || (/^\d{4}-/.test(text) && !Number.isNaN(time))) return time
  try {
    return Date.now() - parseGoDuration(text) / NANOSECONDS
  } catch (error) {
    if (error instanceof SyntaxProblem)
      throw invalidArgument(`"${text}" is not a valid duration or time`, { cause: error })
    throw error
  }
}

const layersOfImages = (images: ImageStore): ReadonlySet<string> =>
  new Set(images.list().flatMap(({ Id }) => images.find(Id)?.layers.map(({ diffId }) => diffId) ?? []))
