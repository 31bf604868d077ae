import { type Descriptor, mediaTypes } from '../oci/descriptor.ts'
import type { Repository } from '../registry/repository.ts'
import type { ContentStore } from '../storage/content/content-store.ts'

const MANIFESTS: readonly string[] = [
  mediaTypes.index,
  mediaTypes.manifest,
  mediaTypes.dockerManifestList,
  mediaTypes.dockerManifest,
]

/**
 * Fetches a blob into the place of a broken one, from the first of the repositories that gives the right bytes. Gives that
 * repository's name; undefined when there are none. Throws what the last one answered when none of them does.
 */
export const refetchBlob = async (
  content: ContentStore,
  repositories: readonly Repository[],
  blob: Descriptor,
  signal: AbortSignal,
): Promise<string | undefined> => {
  let failure: unknown
  for (const repository of repositories) {
    try {
      if (MANIFESTS.includes(blob.mediaType)) {
        const { bytes } = await repository.manifest(blob.digest, { signal })
        // What has a name already is not written.
        content.remove(blob.digest)
        content.write(bytes)
      } else {
        const { stream } = await repository.blob(blob, { signal })
        await content.ingest(stream, { digest: blob.digest, size: blob.size }, signal)
      }
      return repository.name
    } catch (error) {
      signal.throwIfAborted()
      failure = error
    }
  }
  if (failure !== undefined) throw failure
  return undefined
}
