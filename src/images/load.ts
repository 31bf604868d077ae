import type { Readable } from 'node:stream'
import type { JsonMessage } from '../api/image.ts'
import { invalidArgument } from '../errdefs.ts'
import { type Digest, shortId } from '../oci/digest.ts'
import { hostPlatform, type Platform } from '../oci/platform.ts'
import { canonicalName, familiarName, parseReference, type Reference, withDefaultTag } from '../oci/reference.ts'
import type { ContentStore } from '../storage/content/content-store.ts'
import { ArchiveFiles } from './archive-files.ts'
import { type ArchivedImage, type ArchivedName, archivedImages, configOf } from './archived-images.ts'
import type { BlobLeases } from './blob-leases.ts'
import { requireDepth } from './depth.ts'
import type { Image, ImageLayer } from './image.ts'
import type { ImageRecorder } from './image-recorder.ts'
import type { ImageTable, NameTarget } from './image-table.ts'
import type { LayerStore } from './layer-store.ts'
import { pickPlatform } from './resolve.ts'

type Parts = {
  readonly content: ContentStore
  readonly layers: LayerStore
  readonly leases: BlobLeases
  readonly recorder: ImageRecorder
  readonly table: ImageTable
}

type LoadOptions = {
  readonly onMessage: (message: JsonMessage) => void
  readonly signal: AbortSignal | undefined
  /** See `archivedImages`. */
  readonly platform: Platform | undefined
}

/** Milliseconds between two messages of progress. */
const PROGRESS_INTERVAL = 100

/** Takes in the images of an archive. InvalidArgument when it is none; what came under the names before a broken one stays. */
export const loadImages = async (parts: Parts, archive: Readable, options: LoadOptions): Promise<Image[]> => {
  using lease = parts.leases.open()
  const files = new ArchiveFiles(parts.content, lease)
  await files.read(archive, options.signal)
  const loaded: Image[] = []
  try {
    for (const archived of archivedImages(files, options.platform))
      loaded.push(...(await loadName(parts, files, archived, options)))
  } finally {
    // Layers of an image that turned out broken, and forms of layers that no image took.
    await parts.recorder.collect()
  }
  return loaded
}

const loadName = async (
  parts: Parts,
  files: ArchiveFiles,
  archived: ArchivedName,
  options: LoadOptions,
): Promise<Image[]> => {
  const { content, layers, recorder } = parts
  // Names are looked at before anything is done: a bad one must not leave half of the work behind.
  const references = distinct(archived.names.map(name => withDefaultTag(parseReference(name))))
  const made: ImageLayer[][] = []
  try {
    for (const image of archived.images) await loadLayers(layers, files, image, made, options)
  } catch (error) {
    layers.release(made.flat().map(({ diffId }) => diffId))
    throw error
  }
  // From here on nothing waits: the platforms of a name show together.
  const replace = archived.index !== undefined
  const images = archived.images.map(({ config, manifest }, at) =>
    recorder.record(content.readSync(config.digest), made[at] as ImageLayer[], manifest, { replace }),
  )
  nameImages(parts, references, images, archived.index, options)
  for (const { id } of images) recorder.publishEvent('load', id, id)
  for (const reference of references) options.onMessage({ stream: `Loaded image: ${familiarName(reference)}\n` })
  if (references.length === 0) for (const { id } of images) options.onMessage({ stream: `Loaded image ID: ${id}\n` })
  return images
}

/** Adds an image's layers to `made` as soon as the first of them is held: whatever happens, they are released. */
const loadLayers = async (
  layers: LayerStore,
  files: ArchiveFiles,
  archived: ArchivedImage,
  made: ImageLayer[][],
  options: LoadOptions,
): Promise<void> => {
  const { rootfs, os } = configOf(files, archived.config)
  const diffIds = rootfs.diff_ids
  if (archived.layers.length !== diffIds.length) {
    throw invalidArgument(
      `invalid manifest, layers length mismatch: expected ${diffIds.length}, got ${archived.layers.length}`,
    )
  }
  requireDepth(diffIds.length)
  // Layers for another operating system cannot lie unpacked here.
  const packed = Boolean(os) && os !== hostPlatform().os
  const own: ImageLayer[] = []
  made.push(own)
  for (const [at, { digest, size }] of archived.layers.entries()) {
    const diffId = diffIds[at] as Digest
    const onProgress = progressOf(diffId, size, options)
    own.push(await layers.unpack(digest, diffId, { signal: options.signal, onProgress, packed }))
  }
}

const nameImages = (
  { recorder, table }: Parts,
  references: readonly Reference[],
  images: readonly Image[],
  index: NameTarget | undefined,
  { onMessage }: LoadOptions,
): void => {
  const { id } = pickPlatform(images, undefined) as Image
  // Other platforms of the same index, which came before, stay under its names.
  const platforms = (index?.members ?? []).flatMap(({ digest }) => table.imageOfManifest(digest) ?? [])
  for (const reference of references) {
    const before = table.named(reference)?.image
    if (before !== undefined && id !== before && !platforms.includes(before)) {
      const name = familiarName(reference)
      onMessage({
        stream: `The image ${name} already exists, renaming the old one with ID ${before} to empty string\n`,
      })
    }
    recorder.name([reference], id, index)
  }
}

const distinct = (references: readonly Reference[]): Reference[] => [
  ...new Map(references.map(reference => [canonicalName(reference), reference])).values(),
]

const progressOf = (diffId: Digest, total: number, { onMessage }: LoadOptions): ((bytes: number) => void) => {
  let last = 0
  return current => {
    const now = performance.now()
    if (current < total && now - last < PROGRESS_INTERVAL) return
    last = now
    onMessage({ status: 'Loading layer', progressDetail: { current, total }, id: shortId(diffId) })
  }
}
