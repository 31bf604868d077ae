import { internal } from '../errdefs.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { digestOf } from '../oci/digest.ts'
import type { Repository } from '../registry/repository.ts'

/** A configuration larger than this is none. */
const LIMIT = 8 << 20

/** Fetches an image's configuration, whole and proved. Internal, in dockerd's words, when it is another one than was named. */
export const readConfig = async (
  repository: Repository,
  descriptor: Descriptor,
  signal: AbortSignal,
): Promise<Buffer> => {
  if (descriptor.size > LIMIT) throw internal(`image configuration ${descriptor.digest} is too large`)
  const { stream } = await repository.blob(descriptor, { signal })
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > descriptor.size) break
    chunks.push(chunk)
  }
  const bytes = Buffer.concat(chunks)
  if (size !== descriptor.size || digestOf(bytes) !== descriptor.digest)
    throw internal(`image config verification failed for digest ${descriptor.digest}`)
  return bytes
}
