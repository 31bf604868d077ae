import { Readable } from 'node:stream'
import type { Manifest } from '../../oci/descriptor.ts'
import type { Reference } from '../../oci/reference.ts'
import type { BlobDescriptor, Repository } from '../../registry/repository.ts'

export type Place = { readonly reference: Reference; readonly repository: Repository }

/** Brings a manifest's blobs from one repository to another: those that are missing there, mounted where the registry does that. */
export const copyBlobs = async (manifest: Manifest, from: Place, to: Place): Promise<void> => {
  const blobs: readonly BlobDescriptor[] = [manifest.config, ...manifest.layers]
  for (const blob of blobs) if (!isForeign(blob)) await copyBlob(blob, from, to)
}

/** Layers that may not be passed on stay where they are. */
const isForeign = ({ urls, mediaType }: BlobDescriptor): boolean =>
  (urls ?? []).length > 0 || /foreign|nondistributable/.test(mediaType)

const copyBlob = async (blob: BlobDescriptor, from: Place, to: Place): Promise<void> => {
  if (await to.repository.hasBlob(blob.digest)) return
  const near = from.reference.domain === to.reference.domain
  if (near && (await to.repository.mountBlob(blob.digest, from.reference.path))) return
  await to.repository.uploadBlob(blob, offset => Readable.from(bytesFrom(blob, from.repository, offset)))
}

async function* bytesFrom(blob: BlobDescriptor, repository: Repository, wanted: number): AsyncGenerator<Buffer> {
  const { stream, offset } = await repository.blob(blob, { offset: wanted })
  // A registry that knows no ranges begins at the beginning.
  let skip = wanted - offset
  for await (const chunk of stream) {
    const bytes = chunk as Buffer
    if (bytes.length > skip) yield bytes.subarray(skip)
    skip = Math.max(0, skip - bytes.length)
  }
}
