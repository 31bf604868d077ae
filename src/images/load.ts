import type { Readable } from 'node:stream'
import type { JsonMessage } from '../api/image.ts'
import { invalidArgument } from '../errdefs.ts'
import { type Digest, isDigest, shortId } from '../oci/digest.ts'
import type { ImageConfig } from '../oci/image-config.ts'
import { familiarName, parseReference, withDefaultTag } from '../oci/reference.ts'
import type { ContentStore } from '../storage/content/content-store.ts'
import { type ArchivedImage, ArchiveFiles } from './archive-files.ts'
import { archivedImages } from './archived-images.ts'
import type { BlobLease, BlobLeases } from './blob-leases.ts'
import { requireDepth } from './depth.ts'
import type { Image, ImageLayer } from './image.ts'
import type { ImageRecorder } from './image-recorder.ts'
import type { ImageTable } from './image-table.ts'
import type { LayerStore } from './layer-store.ts'

type Parts = {
  readonly content: ContentStore
  readonly layers: LayerStore
  readonly leases: BlobLeases
  readonly recorder: ImageRecorder
  readonly table: ImageTable
}

type LoadOptions = { readonly onMessage: (message: JsonMessage) => void; readonly signal: AbortSignal | undefined }

/** Milliseconds between two messages of progress. */
const PROGRESS_INTERVAL = 100

/** Takes in all images of an archive. InvalidArgument when it is none; images before a broken one stay. */
export const loadImages = async (parts: Parts, archive: Readable, options: LoadOptions): Promise<Image[]> => {
  using lease = parts.leases.open()
  const files = new ArchiveFiles(parts.content, lease)
  await files.read(archive, options.signal)
  const loaded: Image[] = []
  try {
    for (const archived of archivedImages(files)) loaded.push(await loadImage(parts, files, lease, archived, options))
  } finally {
    // Layers of an image that turned out broken, and forms of layers that no image took.
    await parts.recorder.collect()
  }
  return loaded
}

const loadImage = async (
  parts: Parts,
  files: ArchiveFiles,
  lease: BlobLease,
  archived: ArchivedImage,
  options: LoadOptions,
): Promise<Image> => {
  const { content, layers, recorder, table } = parts
  const config = checkConfig(files.json(archived.config, 'an image configuration'))
  const diffIds = config.rootfs.diff_ids
  if (archived.layers.length !== diffIds.length) {
    throw invalidArgument(
      `invalid manifest, layers length mismatch: expected ${diffIds.length}, got ${archived.layers.length}`,
    )
  }
  requireDepth(diffIds.length)
  // Names are looked at before anything is done: a bad one must not leave half of the work behind.
  const references = archived.names.map(name => withDefaultTag(parseReference(name)))
  const made: ImageLayer[] = []
  try {
    for (const [at, { digest, size }] of archived.layers.entries()) {
      const diffId = diffIds[at] as Digest
      lease.hold(digest)
      made.push(
        await layers.unpack(digest, diffId, { signal: options.signal, onProgress: progressOf(diffId, size, options) }),
      )
    }
  } catch (error) {
    layers.release(made.map(({ diffId }) => diffId))
    throw error
  }
  const image = recorder.record(content.readSync(archived.config.digest), made, archived.manifest)
  for (const reference of references) {
    const before = table.named(reference)?.image
    const name = familiarName(reference)
    if (before !== undefined && before !== image.id) {
      options.onMessage({
        stream: `The image ${name} already exists, renaming the old one with ID ${before} to empty string\n`,
      })
    }
    recorder.name([reference], image.id)
  }
  recorder.publishEvent('load', image.id, image.id)
  for (const reference of references) options.onMessage({ stream: `Loaded image: ${familiarName(reference)}\n` })
  if (references.length === 0) options.onMessage({ stream: `Loaded image ID: ${image.id}\n` })
  return image
}

const progressOf = (diffId: Digest, total: number, { onMessage }: LoadOptions): ((bytes: number) => void) => {
  let last = 0
  return current => {
    const now = performance.now()
    if (current < total && now - last < PROGRESS_INTERVAL) return
    last = now
    onMessage({ status: 'Loading layer', progressDetail: { current, total }, id: shortId(diffId) })
  }
}

/** A foreign configuration is only taken when it is one. */
const checkConfig = (value: unknown): ImageConfig => {
  const config = value as Partial<ImageConfig> | null
  const diffIds: unknown = config?.rootfs?.diff_ids
  if (
    typeof config !== 'object' ||
    config === null ||
    !Array.isArray(diffIds) ||
    !diffIds.every(id => typeof id === 'string' && isDigest(id))
  ) {
    throw invalidArgument('invalid archive: an image configuration has no rootfs.diff_ids')
  }
  if (config.os !== undefined && config.os !== '' && config.os !== 'linux') {
    throw invalidArgument(`cannot load ${config.os} image on linux`)
  }
  return config as ImageConfig
}
