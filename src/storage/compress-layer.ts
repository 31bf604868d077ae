import { rmSync } from 'node:fs'
import { type Descriptor, mediaTypes } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import { type CompressOptions, compressFile } from './archive/compress-file.ts'
import type { ContentStore } from './content/content-store.ts'

/**
 * A layer's plain tar as gzip, kept beside it: what a push sends. Off the main thread, several side by side; the same tar gives the
 * same blob on the same machine. NotFound.
 */
export const compressLayer = async (
  content: ContentStore,
  plain: Digest,
  options: CompressOptions = {},
): Promise<Descriptor> => {
  // NotFound here rather than in the thread.
  content.size(plain)
  const path = content.temporaryPath()
  try {
    const { digest, size } = await compressFile(content.path(plain), path, options)
    content.adopt(digest, path)
    return { mediaType: mediaTypes.layerGzip, digest, size }
  } finally {
    rmSync(path, { force: true })
  }
}
