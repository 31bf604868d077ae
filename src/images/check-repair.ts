import { messageOf } from '../errdefs.ts'
import { type Descriptor, mediaTypes } from '../oci/descriptor.ts'
import { type Digest, digestOf, shortId } from '../oci/digest.ts'
import { familiarName } from '../oci/reference.ts'
import { pack } from '../storage/archive/pack.ts'
import type { CheckRun, RefetchHints, Repair } from './check-parts.ts'
import { manifestBytes } from './image-recorder.ts'
import type { ImageRow } from './image-table.ts'
import { removeImage } from './remove-image.ts'

/** Images by the names that people know. */
export const namesOfImage = ({ parts }: CheckRun, id: Digest): string => {
  const names = parts.table.namesOf(id).map(familiarName)
  return names.length > 0 ? names.join(', ') : `<none> (${shortId(id)})`
}

/** The images that cannot be without a blob or a layer. */
export const imagesWith = ({ parts }: CheckRun, needs: (row: ImageRow) => boolean): ImageRow[] =>
  parts.table.images().filter(needs)

/**
 * Makes a layer's blob anew from its tree, which has been proved to give the diffID. Only a plain tar comes out byte for byte; what
 * was compressed, hardly ever by the same compressor, does not.
 */
export const remakeLayerBlob = async (
  { parts: { content }, signal }: CheckRun,
  diffId: Digest,
  blob: Descriptor,
  tree: string,
): Promise<boolean> => {
  if (blob.digest !== diffId) return false
  const { tar } = pack(tree, { format: 'layer' })
  await content.ingest(tar, { digest: diffId, size: blob.size }, signal)
  return true
}

/** The bytes of a small blob that this engine once wrote, made again. Undefined when they come out otherwise. */
export const remakeJson = (
  { parts: { content, recorder } }: CheckRun,
  row: ImageRow,
  what: 'config' | 'manifest',
): Buffer | undefined => {
  const expected = what === 'config' ? row.id : row.manifest.digest
  try {
    const bytes =
      what === 'config'
        ? Buffer.from(JSON.stringify(recorder.image(row.id).config))
        : manifestBytes({ mediaType: mediaTypes.config, digest: row.id, size: content.size(row.id) }, row.blobs)
    return digestOf(bytes) === expected ? bytes : undefined
  } catch {
    // The configuration was not read before it broke, or is not there.
    return undefined
  }
}

/** Fetches a blob from where it came; the repository, or undefined. What failed is part of the answer. */
export const refetchBlob = async (
  { parts: { refetch }, signal }: CheckRun,
  blob: Descriptor,
  hints: RefetchHints = {},
): Promise<{ from: string | undefined; failure: string | undefined }> => {
  try {
    return { from: await refetch(blob, hints, signal), failure: undefined }
  } catch (error) {
    signal.throwIfAborted()
    return { from: undefined, failure: messageOf(error) }
  }
}

/** The last resort: images that cannot be whole any more are removed, unless a container uses one of them. */
export const removeImages = async (run: CheckRun, rows: readonly ImageRow[], why: string): Promise<Repair> => {
  const { inUse } = run.parts
  const users = rows.flatMap(({ id }) => inUse(id).map(({ containerId }) => shortId(containerId)))
  const names = rows.map(({ id }) => namesOfImage(run, id)).join('; ')
  if (users.length > 0)
    return {
      repair: `${why}; ${names} would be removed, but is used by container ${users.join(', ')}: remove that first`,
      repaired: false,
    }
  if (!run.repair) return { repair: `${why}; else --repair removes ${names}`, repaired: false }
  for (const { id } of rows) removeImage(run.parts, id)
  run.needsCollection = true
  return { repair: `${why}; removed ${names}`, repaired: true }
}
