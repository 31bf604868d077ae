import type { Digest } from '../oci/digest.ts'

/** What automatic collection is told; `image-gc` in the configuration. */
export type GcPolicy = {
  /** Bytes that images may take together before the longest unused go; undefined: no limit. */
  readonly high: number | undefined
  /** Bytes that are left then. */
  readonly low: number | undefined
  /** How many images of a repository stay, the newest; undefined: all. */
  readonly keep: number | undefined
  /** Milliseconds that an image must have been unused. */
  readonly minAge: number
}

/** What is known of an image when it is decided. */
export type GcImage = {
  readonly id: Digest
  /** Repositories in which it has a name; none for an image without. */
  readonly repositories: readonly string[]
  /** `linux/amd64`: the platforms of one name do not compete. */
  readonly platform: string
  /** Milliseconds since the epoch: when it was last pulled, tagged, built on, or made a container of. */
  readonly used: number
  readonly tagged: number
  readonly created: number
  readonly pinned: boolean
  /** Containers that stand on it. */
  readonly containers: number
  /** Everything that it consists of. */
  readonly parts: readonly GcPart[]
}

/** A blob or an unpacked layer, which several images may share. */
export type GcPart = {
  readonly key: string
  /** Bytes. */
  readonly size: number
  /** Somebody else keeps it too: it is not freed with the last image. */
  readonly kept: boolean
}

export type GcRemoval = { readonly id: Digest; readonly reason: string; readonly freed: number }
export type GcPlan = {
  /** In the order in which they go. */
  readonly remove: readonly GcRemoval[]
  readonly keep: readonly { readonly id: Digest; readonly reason: string }[]
  /** Bytes that images take now, and afterwards; what they share is counted once. */
  readonly before: number
  readonly after: number
}

/**
 * Says which images go. First all that are beyond the `keep` newest of every repository that they have a name in (those
 * without a name are a repository of their own). Then, if what is left takes more than `high`, the longest unused, until it takes
 * no more than `low`. Never one that a container stands on, that is pinned, or that was used within `minAge`.
 */
export const planGc = (images: readonly GcImage[], policy: GcPolicy, now: number): GcPlan => {
  const keep = new Map<Digest, string>()
  for (const image of images) {
    const reason = protection(image, policy, now)
    if (reason !== undefined) keep.set(image.id, reason)
  }
  const sizes = new PartSizes(images)
  const before = sizes.total
  const remove: GcRemoval[] = []
  const take = (image: GcImage, reason: string): void => {
    remove.push({ id: image.id, reason, freed: sizes.remove(image) })
  }

  const surplus = new Set(policy.keep === undefined ? [] : beyond(images, policy.keep))
  for (const image of [...surplus].sort(longestUnused))
    if (!keep.has(image.id)) take(image, `not among the newest ${policy.keep} of ${where(image)}`)

  const gone = new Set(remove.map(({ id }) => id))
  const left = images.filter(({ id }) => !gone.has(id))
  if (policy.high !== undefined && sizes.total > policy.high) {
    const low = policy.low ?? policy.high
    for (const image of left.filter(({ id }) => !keep.has(id)).sort(longestUnused)) {
      if (sizes.total <= low) break
      gone.add(image.id)
      take(image, `images take more than ${policy.high} bytes, and it is the longest unused`)
    }
  }
  return {
    remove,
    keep: left.flatMap(({ id }) => (gone.has(id) ? [] : { id, reason: keep.get(id) ?? 'there is room for it' })),
    before,
    after: sizes.total,
  }
}

const protection = ({ containers, pinned, used }: GcImage, { minAge }: GcPolicy, now: number): string | undefined => {
  if (containers > 0) return 'a container stands on it'
  if (pinned) return 'it is pinned'
  return now - used < minAge ? 'it was used lately' : undefined
}

/** The images that are beyond the newest so many wherever they have a name. */
const beyond = (images: readonly GcImage[], limit: number): GcImage[] => {
  const groups = new Map<string, GcImage[]>()
  for (const image of images) {
    for (const key of groupsOf(image)) {
      const group = groups.get(key)
      if (group) group.push(image)
      else groups.set(key, [image])
    }
  }
  const newest = new Set([...groups.values()].flatMap(group => group.sort(newestFirst).slice(0, limit)))
  return images.filter(image => !newest.has(image))
}

const groupsOf = ({ repositories, platform }: GcImage): string[] =>
  (repositories.length > 0 ? repositories : ['<none>']).map(repository => `${platform} ${repository}`)

const where = ({ repositories }: GcImage): string =>
  repositories.length > 0 ? repositories.join(', ') : 'those without a name'

/** By when the name came here, which an image cannot lie about. */
const newestFirst = (a: GcImage, b: GcImage): number => b.tagged - a.tagged || b.created - a.created
const longestUnused = (a: GcImage, b: GcImage): number => a.used - b.used || a.created - b.created

/** What images take, as some of them go. */
class PartSizes {
  readonly #uses = new Map<string, number>()
  total = 0

  constructor(images: readonly GcImage[]) {
    for (const { parts } of images) {
      for (const { key, size } of unique(parts)) {
        const uses = this.#uses.get(key) ?? 0
        if (uses === 0) this.total += size
        this.#uses.set(key, uses + 1)
      }
    }
  }

  /** Bytes that this frees on the disk. */
  remove({ parts }: GcImage): number {
    let freed = 0
    for (const { key, size, kept } of unique(parts)) {
      const uses = (this.#uses.get(key) ?? 1) - 1
      this.#uses.set(key, uses)
      if (uses > 0) continue
      this.total -= size
      if (!kept) freed += size
    }
    return freed
  }
}

const unique = (parts: readonly GcPart[]): Iterable<GcPart> => new Map(parts.map(part => [part.key, part])).values()
