import { invalidArgument } from '../../errdefs.ts'
import { type Descriptor, type Manifest, mediaTypes } from '../../oci/descriptor.ts'
import { type Digest, isDigest } from '../../oci/digest.ts'
import type { CacheRecord } from '../solver/build-cache.ts'

/** The configuration of a manifest whose layers are those of cached steps. */
export const CACHE_TYPE = 'application/vnd.tare.buildcache.v1+json'
/** Under which an image's own configuration has the records of its steps. */
export const INLINE_KEY = 'tare.buildcache.v1'

/** What a step left, as it travels. */
export type SharedRecord = {
  readonly key: string
  readonly description: string
  readonly created: string
  /** Undefined: the step changed no file. */
  readonly diffId?: Digest | undefined
  /** The layer's blob, where no image says it. */
  readonly blob?: Digest | undefined
}

/** A directory of `RUN --mount=type=cache`, as an archive. */
export type SharedMount = { readonly key: string; readonly blob: Digest }

export type UsedStep = Pick<CacheRecord, 'key' | 'description' | 'created' | 'layer'>

/** Records without their blobs, for an image that has the layers. */
export const inlineRecords = (used: readonly UsedStep[]): SharedRecord[] =>
  used.map(({ key, description, created, layer }) => ({ key, description, created, diffId: layer?.diffId }))

/** The two documents of an exported cache. `blobs`: each layer in the form that goes along, by diffID. */
export const cacheDocuments = (
  used: readonly UsedStep[],
  blobs: ReadonlyMap<Digest, Descriptor>,
  mounts: readonly { readonly key: string; readonly blob: Descriptor }[],
  describe: (mediaType: string, bytes: Buffer) => Descriptor,
): { readonly config: Buffer; readonly manifest: Buffer } => {
  const records = inlineRecords(used).map(record => ({
    ...record,
    blob: record.diffId === undefined ? undefined : blobs.get(record.diffId)?.digest,
  }))
  const config = Buffer.from(
    JSON.stringify({ records, mounts: mounts.map(({ key, blob }) => ({ key, blob: blob.digest })) }),
  )
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: describe(CACHE_TYPE, config),
    layers: [...blobs.values(), ...mounts.map(({ blob }) => blob)].map(({ mediaType, digest, size }) => ({
      mediaType,
      digest,
      size,
    })),
  }
  return { config, manifest: Buffer.from(JSON.stringify(manifest)) }
}

/** The records of a cache's configuration, or of an image's; none when an image has none. InvalidArgument for what is no record. */
export const parseRecords = (bytes: Buffer): SharedRecord[] => {
  const { records, [INLINE_KEY]: inline = [] } = parseObject(bytes)
  const list = records ?? inline
  if (!Array.isArray(list)) throw invalidArgument('invalid build cache: no list of records')
  return list.map((record: Readonly<Record<string, unknown>> | null) => {
    const { key, description, created, diffId, blob } = record ?? {}
    const isWhole =
      typeof key === 'string' &&
      /^[0-9a-f]{64}$/.test(key) &&
      typeof description === 'string' &&
      typeof created === 'string' &&
      !Number.isNaN(Date.parse(created))
    if (!isWhole) throw invalidArgument('invalid build cache: a record is broken')
    return { key, description, created, diffId: optionalDigest(diffId), blob: optionalDigest(blob) }
  })
}

/** The directories that go along; none in an image. InvalidArgument. */
export const parseMounts = (bytes: Buffer): SharedMount[] => {
  const { mounts = [] } = parseObject(bytes)
  if (!Array.isArray(mounts)) throw invalidArgument('invalid build cache: no list of mounts')
  return mounts.map((mount: Readonly<Record<string, unknown>> | null) => {
    const { key, blob } = mount ?? {}
    const digest = optionalDigest(blob)
    if (typeof key !== 'string' || digest === undefined) throw invalidArgument('invalid build cache: a mount is broken')
    return { key, blob: digest }
  })
}

export const parseObject = (bytes: Buffer): Readonly<Record<string, unknown>> => {
  try {
    const value: unknown = JSON.parse(bytes.toString())
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>
  } catch (error) {
    throw invalidArgument(`invalid build cache: ${(error as Error).message}`, { cause: error })
  }
  throw invalidArgument('invalid build cache: no object')
}

const optionalDigest = (value: unknown): Digest | undefined => {
  if (value === undefined) return undefined
  if (typeof value === 'string' && isDigest(value)) return value
  throw invalidArgument('invalid build cache: a digest is broken')
}
