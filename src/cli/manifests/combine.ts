import { type Descriptor, type Index, mediaTypes } from '../../oci/descriptor.ts'
import { type Platform, samePlatform } from '../../oci/platform.ts'
import { Failure } from '../failure.ts'
import { isIndexType, ordered } from './image-manifest.ts'

/** One source of `imagetools create`, as its registry has it. `origin`: where its manifests are found, for copying. */
export type Source<Origin> = {
  readonly descriptor: Descriptor
  readonly bytes: Buffer
  readonly origin: Origin
}
export type Combined<Origin> = {
  readonly mediaType: string
  readonly bytes: Buffer
  /** The manifests that the result names, each with where it comes from; none when the result is itself a single manifest. */
  readonly parts: readonly { readonly descriptor: Descriptor; readonly origin: Origin }[]
}

/**
 * One index of all sources. A single source that is an index already is passed on as it is, byte for byte, and so is a single
 * manifest unless an index is preferred. `platforms`: only these, with what attests them; empty: all. Throws Failure.
 */
export const combine = <Origin>(
  sources: readonly Source<Origin>[],
  { platforms = [], preferIndex = true }: { platforms?: readonly Platform[]; preferIndex?: boolean } = {},
): Combined<Origin> => {
  const all = new Map<string, { descriptor: Descriptor; origin: Origin }>()
  // Later sources win: one that is named again may have another platform.
  for (const source of sources)
    for (const descriptor of membersOf(source)) all.set(descriptor.digest, { descriptor, origin: source.origin })
  const parts = [...all.values()].filter(({ descriptor }, _, list) =>
    isWanted(
      descriptor,
      platforms,
      list.map(part => part.descriptor),
    ),
  )
  if (parts.length === 0) throw new Failure(1, 'ERROR: no manifests left for the platforms that were asked for')
  const [only] = sources
  if (sources.length === 1 && only !== undefined && parts.length === all.size) {
    const { mediaType } = only.descriptor
    if (isIndexType(mediaType)) return { mediaType, bytes: only.bytes, parts }
    if (!preferIndex) return { mediaType, bytes: only.bytes, parts: [] }
  }
  const isDocker = parts.every(({ descriptor }) => descriptor.mediaType === mediaTypes.dockerManifest)
  const mediaType = isDocker ? mediaTypes.dockerManifestList : mediaTypes.index
  const index = { schemaVersion: 2, mediaType, manifests: parts.map(({ descriptor }) => descriptor) }
  return { mediaType, bytes: Buffer.from(JSON.stringify(index, undefined, 2)), parts }
}

const membersOf = ({ descriptor, bytes }: Source<unknown>): readonly Descriptor[] =>
  isIndexType(descriptor.mediaType)
    ? (JSON.parse(bytes.toString()) as Index).manifests.map(entryOf)
    : [entryOf(descriptor)]

const entryOf = ({ mediaType, digest, size, annotations, platform }: Descriptor): Descriptor => ({
  mediaType,
  digest,
  size,
  ...(annotations ? { annotations } : {}),
  ...(platform ? { platform: ordered(platform) } : {}),
})

const ATTESTED = 'vnd.docker.reference.digest'

const isWanted = (descriptor: Descriptor, platforms: readonly Platform[], all: readonly Descriptor[]): boolean => {
  if (platforms.length === 0) return true
  const attested = descriptor.annotations?.[ATTESTED]
  const subject = attested === undefined ? descriptor : all.find(({ digest }) => digest === attested)
  const { platform } = subject ?? {}
  return platform !== undefined && platforms.some(wanted => samePlatform(wanted, platform))
}
