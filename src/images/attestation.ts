import { type Descriptor, type Manifest, mediaTypes } from '../oci/descriptor.ts'
import type { ContentStore } from '../storage/content/content-store.ts'

/** What is said of an image: an in-toto statement. */
export type Attestation = {
  /** `https://slsa.dev/provenance/v1` */
  readonly predicateType: string
  readonly statement: object
}

const UNKNOWN = { architecture: 'unknown', os: 'unknown' }

/**
 * Writes the manifest by which an index has attestations of one of its images, as BuildKit does
 * (https://docs.docker.com/build/metadata/attestations/attestation-storage/). Gives it as the index lists it, and all blobs.
 */
export const writeAttestations = (
  content: ContentStore,
  subject: Descriptor,
  attestations: readonly Attestation[],
): { readonly listed: Descriptor; readonly blobs: readonly Descriptor[] } => {
  const write = (mediaType: string, value: object): Descriptor => {
    const bytes = Buffer.from(JSON.stringify(value))
    return { mediaType, digest: content.write(bytes), size: bytes.length }
  }
  const layers = attestations.map(({ predicateType, statement }) => ({
    ...write('application/vnd.in-toto+json', statement),
    annotations: { 'in-toto.io/predicate-type': predicateType },
  }))
  const rootfs = { type: 'layers', diff_ids: layers.map(({ digest }) => digest) }
  const config = write(mediaTypes.config, { ...UNKNOWN, config: {}, rootfs })
  const document: Manifest = { schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers }
  const manifest = write(mediaTypes.manifest, document)
  const annotations = {
    'vnd.docker.reference.digest': subject.digest,
    'vnd.docker.reference.type': 'attestation-manifest',
  }
  const blobs = [...layers, config].map(({ mediaType, digest, size }) => ({ mediaType, digest, size }))
  return { listed: { ...manifest, annotations, platform: UNKNOWN }, blobs: [...blobs, manifest] }
}
