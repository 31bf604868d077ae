import { type Descriptor, type Index, type Manifest, mediaTypes } from '../../oci/descriptor.ts'
import { digestOf } from '../../oci/digest.ts'
import type { Platform } from '../../oci/platform.ts'
import { canonicalName, parseReference, type Reference, withDefaultTag } from '../../oci/reference.ts'
import type { Repository } from '../../registry/repository.ts'
import { Failure } from '../failure.ts'

/** A manifest as `docker manifest` keeps and shows it. */
export type ImageManifest = {
  readonly Ref: string
  readonly Descriptor: Descriptor
  /** base64 of its bytes. */
  readonly Raw?: string
  readonly SchemaV2Manifest?: Manifest
  readonly OCIManifest?: Manifest
}

export const isIndexType = (mediaType: string): boolean =>
  mediaType === mediaTypes.index || mediaType === mediaTypes.dockerManifestList

/** The reference that is meant: `latest` where neither tag nor digest is named. */
export const normalized = (text: string): Reference => withDefaultTag(parseReference(text))

export const bytesOf = (manifest: ImageManifest): Buffer => {
  // Docker's files of old have no bytes, but they were always written like this.
  const text = JSON.stringify(
    manifest.SchemaV2Manifest ?? manifest.OCIManifest,
    undefined,
    manifest.OCIManifest ? 2 : 3,
  )
  const bytes = manifest.Raw === undefined ? Buffer.from(text) : Buffer.from(manifest.Raw, 'base64')
  const { digest } = manifest.Descriptor
  if (digestOf(bytes) !== digest)
    throw new Failure(1, `internal digest mismatch for ${manifest.Ref}: expected ${digest}, got ${digestOf(bytes)}`)
  return bytes
}

/** One platform's manifest from a registry. Throws Failure for an index. */
export const fetchManifest = async (repository: Repository, reference: Reference): Promise<ImageManifest> => {
  const { descriptor, bytes } = await repository.manifest(reference.digest ?? (reference.tag as string))
  const name = canonicalName(reference)
  if (isIndexType(descriptor.mediaType)) throw new Failure(1, `${name} is a manifest list`)
  return await withPlatform(repository, name, descriptor, bytes)
}

/** All manifests behind a reference: those of an index, or the one. */
export const fetchAll = async (
  repository: Repository,
  reference: Reference,
): Promise<{ readonly single: boolean; readonly manifests: readonly ImageManifest[] }> => {
  const { descriptor, bytes } = await repository.manifest(reference.digest ?? (reference.tag as string))
  if (!isIndexType(descriptor.mediaType))
    return { single: true, manifests: [await withPlatform(repository, canonicalName(reference), descriptor, bytes)] }
  const { manifests } = JSON.parse(bytes.toString()) as Index
  const found: ImageManifest[] = []
  for (const { digest, platform } of manifests) {
    const one = await fetchManifest(repository, { ...reference, digest })
    // The index knows better than the configuration: it was annotated.
    found.push(
      platform === undefined ? one : { ...one, Descriptor: { ...one.Descriptor, platform: ordered(platform) } },
    )
  }
  return { single: false, manifests: found }
}

const withPlatform = async (
  repository: Repository,
  name: string,
  { mediaType, digest, size }: Descriptor,
  bytes: Buffer,
): Promise<ImageManifest> => {
  const manifest = JSON.parse(bytes.toString()) as Manifest
  const platform = ordered((await fetchJson(repository, manifest.config)) as Platform)
  return {
    Ref: name,
    Descriptor: { mediaType, digest, size, platform },
    Raw: bytes.toString('base64'),
    ...(mediaType === mediaTypes.manifest ? { OCIManifest: manifest } : { SchemaV2Manifest: manifest }),
  }
}

/** Configurations are small; one that claims to be larger is not read. */
const LIMIT = 4 * 1024 * 1024

/** A small blob of JSON, checked against its digest. */
export const fetchJson = async (repository: Repository, descriptor: Descriptor): Promise<unknown> => {
  if (descriptor.size > LIMIT)
    throw new Failure(1, `${descriptor.digest} has ${descriptor.size} bytes, too many to read`)
  const { stream } = await repository.blob(descriptor)
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stream) {
    chunks.push(chunk as Buffer)
    size += (chunk as Buffer).length
    if (size > descriptor.size) break
  }
  const bytes = Buffer.concat(chunks)
  if (digestOf(bytes) !== descriptor.digest)
    throw new Failure(1, `image config verification failed for digest ${descriptor.digest}`)
  return JSON.parse(bytes.toString())
}

/** Only what a platform is made of, in the order in which it is written. */
export const ordered = (platform: Platform): Platform => {
  const { architecture = '', os = '', variant } = platform
  const { 'os.version': version, 'os.features': features } = platform
  return {
    architecture,
    os,
    ...(version ? { 'os.version': version } : {}),
    ...(features && features.length > 0 ? { 'os.features': features } : {}),
    ...(variant ? { variant } : {}),
  }
}
