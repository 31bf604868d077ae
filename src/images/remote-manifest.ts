import { internal, invalidArgument, notFound } from '../errdefs.ts'
import { processorVariant } from '../host/processor-variant.ts'
import { type Descriptor, type Index, type Manifest, mediaTypes } from '../oci/descriptor.ts'
import { isDigest } from '../oci/digest.ts'
import type { ImageConfig } from '../oci/image-config.ts'
import { formatPlatform, hostPlatform, type Platform, platformDistance } from '../oci/platform.ts'

const INDEXES: readonly string[] = [mediaTypes.index, mediaTypes.dockerManifestList]
const MANIFESTS: readonly string[] = [mediaTypes.manifest, mediaTypes.dockerManifest]
const CONFIGS: readonly string[] = [mediaTypes.config, mediaTypes.dockerConfig]
/** What a builder puts beside the images of an index (provenance, SBOM): no image. */
const ATTESTATION = 'vnd.docker.reference.type'

export const isIndex = ({ mediaType }: Descriptor): boolean => INDEXES.includes(mediaType)

/** A layer as a manifest names it; those of Windows' base images may lie elsewhere. */
export type LayerDescriptor = Descriptor & { readonly urls?: readonly string[] }

/** The manifests of an index. InvalidArgument when it is none. */
export const parseIndex = (bytes: Buffer): Descriptor[] => {
  const { manifests } = parse(bytes, 'index') as Partial<Index>
  if (!Array.isArray(manifests)) throw invalidArgument('invalid index: it has no manifests')
  return manifests.map(checkDescriptor)
}

/** An image's manifest. InvalidArgument for what is none, in dockerd's words for other kinds of artifacts. */
export const parseManifest = (bytes: Buffer, mediaType: string): { config: Descriptor; layers: LayerDescriptor[] } => {
  if (!MANIFESTS.includes(mediaType)) throw invalidArgument(`unsupported manifest media type: ${mediaType}`)
  const { config, layers } = parse(bytes, 'manifest') as Partial<Manifest>
  if (!config || !Array.isArray(layers)) throw invalidArgument('invalid manifest: it has no config or no layers')
  const descriptor = checkDescriptor(config)
  if (!CONFIGS.includes(descriptor.mediaType)) {
    throw invalidArgument(
      `Encountered remote ${JSON.stringify(descriptor.mediaType)}(unknown) when fetching. This artifact is no image: other tools (oras, skopeo) can fetch it`,
    )
  }
  return { config: descriptor, layers: layers.map(checkDescriptor) }
}

/** An image's configuration, which has to have a diffID for each of `layers` layers. InvalidArgument. */
export const parseConfig = (bytes: Buffer, layers: number): ImageConfig => {
  const config = parse(bytes, 'image configuration') as Partial<ImageConfig>
  const diffIds: unknown = config.rootfs?.diff_ids ?? []
  if (!Array.isArray(diffIds) || !diffIds.every(id => typeof id === 'string' && isDigest(id)))
    throw invalidArgument('invalid image configuration: rootfs.diff_ids')
  if (diffIds.length !== layers) {
    // dockerd's words.
    throw internal("layers from manifest don't match image configuration")
  }
  return { ...config, rootfs: { type: 'layers', diff_ids: diffIds } } as ImageConfig
}

/** The manifest of an index that does best for the asked platform, or for this host; NotFound in dockerd's words when none does. */
export const chooseManifest = (manifests: readonly Descriptor[], asked: Platform | undefined): Descriptor => {
  const wanted = asked ?? hostPlatform(processorVariant())
  let best: { descriptor: Descriptor; distance: number } | undefined
  for (const descriptor of manifests) {
    if (descriptor.annotations?.[ATTESTATION] !== undefined) continue
    const distance = descriptor.platform && platformDistance(wanted, descriptor.platform)
    if (distance !== undefined && (best === undefined || distance < best.distance)) best = { descriptor, distance }
  }
  if (best) return best.descriptor
  throw notFound(`no matching manifest for ${formatPlatform(asked ?? hostPlatform())} in the manifest list entries`)
}

/** Whether a descriptor of an index is that of an image. */
export const isImageMember = ({ annotations, mediaType }: Descriptor): boolean =>
  MANIFESTS.includes(mediaType) && annotations?.[ATTESTATION] === undefined

const parse = (bytes: Buffer, what: string): object => {
  try {
    const value: unknown = JSON.parse(bytes.toString())
    if (typeof value === 'object' && value !== null) return value
  } catch (error) {
    throw invalidArgument(`invalid ${what}: ${(error as Error).message}`, { cause: error })
  }
  throw invalidArgument(`invalid ${what}: no object`)
}

const checkDescriptor = (value: unknown): LayerDescriptor => {
  const { digest, size, mediaType } = (value ?? {}) as Record<string, unknown>
  if (typeof digest !== 'string' || !isDigest(digest)) throw invalidArgument('invalid checksum digest format')
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    throw invalidArgument(`invalid size of ${digest}: ${JSON.stringify(size)}`)
  if (typeof mediaType !== 'string') throw invalidArgument(`${digest} has no media type`)
  return value as LayerDescriptor
}
