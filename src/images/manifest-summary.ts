import type { ImageManifestSummary } from '../api/image.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { hostPlatform } from '../oci/platform.ts'
import type { ContentStore } from '../storage/content/content-store.ts'
import type { Image, ImageUser } from './image.ts'

/** One platform of what a name stands for, as `GET /images/json?manifests=1` tells it. `image` is undefined when it is not here. */
export const summarizeManifest = (
  descriptor: Descriptor,
  image: Image | undefined,
  users: readonly ImageUser[],
  content: ContentStore,
): ImageManifestSummary => {
  const blobs = image ? image.layers.reduce((sum, { blob }) => sum + blob.size, 0) : 0
  const bytes = image ? blobs + descriptor.size + content.size(image.id) : 0
  return {
    ID: descriptor.digest,
    Descriptor: descriptor,
    Available: image !== undefined,
    Size: { Content: bytes, Total: bytes + (image?.size ?? 0) },
    Kind: 'image',
    ImageData: {
      Platform: image?.platform ?? descriptor.platform ?? hostPlatform(),
      Containers: users.map(({ containerId }) => containerId),
      Size: { Unpacked: image?.size ?? 0 },
    },
  }
}
