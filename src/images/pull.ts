import type { JsonMessage } from '../api/image.ts'
import type { Database } from '../database.ts'
import { internal, notFound } from '../errdefs.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { type Digest, shortId } from '../oci/digest.ts'
import type { ImageConfig } from '../oci/image-config.ts'
import { formatPlatform, hostPlatform, type Platform, platformDistance } from '../oci/platform.ts'
import { familiarName, familiarRepository, type Reference, withDefaultTag } from '../oci/reference.ts'
import type { Repository } from '../registry/repository.ts'
import type { ContentStore } from '../storage/content/content-store.ts'
import type { BlobLease, BlobLeases } from './blob-leases.ts'
import type { BlobSources } from './blob-sources.ts'
import type { Image, ImageLayer } from './image.ts'
import type { ImageRecorder } from './image-recorder.ts'
import type { ImageTable, NameTarget } from './image-table.ts'
import type { LayerDownloads, LayerProgress, WantedLayer } from './layer-downloads.ts'
import type { LayerStore } from './layer-store.ts'
import { progressBar } from './progress-bar.ts'
import { readConfig } from './read-config.ts'
import { chooseManifest, isImageMember, isIndex, parseConfig, parseIndex, parseManifest } from './remote-manifest.ts'

export type PullOptions = {
  /** The host's when left out. */
  readonly platform?: Platform | undefined
  /** Every tag of the repository. */
  readonly allTags?: boolean | undefined
  readonly onMessage: (message: JsonMessage) => void
  readonly signal: AbortSignal
}

export type PullParts = {
  readonly database: Database
  readonly content: ContentStore
  readonly layers: LayerStore
  readonly leases: BlobLeases
  readonly recorder: ImageRecorder
  readonly table: ImageTable
  readonly sources: BlobSources
  readonly downloads: LayerDownloads
}

/** dockerd's limit, and overlayfs' way of saying it. */
const LAYER_LIMIT = 127

/** Brings an image from a registry, and tells how it goes in Docker's messages. Nothing of it shows before all of it is here. */
export const pullImage = async (
  parts: PullParts,
  repository: Repository,
  reference: Reference,
  options: PullOptions,
): Promise<void> => {
  const { onMessage, platform, signal } = options
  const wanted: Reference[] = options.allTags
    ? (await repository.tags({ signal })).map(tag => ({ ...reference, tag, digest: undefined }))
    : [withDefaultTag(reference)]
  // Docker tells of all tags together, by the repository's name alone.
  const shown = familiarName(options.allTags ? reference : (wanted[0] as Reference))
  const pulled: Pulled[] = []
  for (const one of wanted) pulled.push(await pullReference(parts, repository, one, options))
  const last = pulled.at(-1)
  if (!last) throw notFound(`no tags found for ${shown}`)
  parts.recorder.publishEvent('pull', last.image.id, familiarRepository(reference), shown)
  const isNew = pulled.some(({ upToDate }) => !upToDate)
  onMessage({ status: `Status: ${isNew ? 'Downloaded newer image' : 'Image is up to date'} for ${shown}` })
  if (platform && platformDistance(platform, last.image.platform) === undefined) {
    onMessage({
      status: `WARNING: image with reference ${shown} was found but its platform (${formatPlatform(last.image.platform)}) does not match the specified platform (${formatPlatform(platform)})`,
    })
  }
}

type Pulled = { readonly image: Image; readonly upToDate: boolean }

const pullReference = async (
  parts: PullParts,
  repository: Repository,
  reference: Reference,
  options: PullOptions,
): Promise<Pulled> => {
  const { content, database, leases, recorder, table } = parts
  const { onMessage, signal } = options
  const wanted = reference.digest ?? (reference.tag as string)
  const top = await repository.manifest(wanted, { signal })
  const id = reference.digest === undefined ? wanted : familiarName(reference)
  onMessage({ status: `Pulling from ${reference.path}`, id })
  using lease = leases.open()
  lease.hold(top.descriptor.digest)
  content.writeSoon(top.bytes)
  const members = isIndex(top.descriptor) ? parseIndex(top.bytes) : undefined
  const chosen = members && chooseManifest(members, options.platform)
  const manifest = chosen ? await fetchManifest(parts, repository, chosen, lease, signal) : top
  const known = table.imageOfManifest(manifest.descriptor.digest)
  const image = known
    ? recorder.image(known)
    : await pullManifest(parts, repository, reference, manifest, lease, options)
  const target: NameTarget = {
    ...plain(top.descriptor),
    ...(members ? { members: members.filter(isImageMember) } : {}),
  }
  const before = table.named(reference)
  const upToDate = before !== undefined && before.target?.digest === target.digest && before.image === image.id
  if (!upToDate) {
    const byDigest = { ...reference, tag: undefined, digest: target.digest }
    const byTag = { ...reference, digest: undefined }
    using _relaxed = database.relax()
    // A digest says it all: a tag beside it is not kept.
    recorder.name(reference.digest === undefined ? [byTag, byDigest] : [byDigest], image.id, target)
  }
  onMessage({ status: `Digest: ${target.digest}` })
  return { image, upToDate }
}

type FetchedManifest = { readonly descriptor: Descriptor; readonly bytes: Buffer }

const fetchManifest = async (
  { content }: PullParts,
  repository: Repository,
  descriptor: Descriptor,
  lease: BlobLease,
  signal: AbortSignal,
): Promise<FetchedManifest> => {
  const bytes = content.has(descriptor.digest)
    ? content.readSync(descriptor.digest)
    : (await repository.manifest(descriptor.digest, { signal })).bytes
  if (bytes.length !== descriptor.size) {
    throw internal(
      `manifest verification failed for digest ${descriptor.digest}: expected ${descriptor.size} bytes, got ${bytes.length}`,
    )
  }
  lease.hold(descriptor.digest)
  content.writeSoon(bytes)
  return { descriptor, bytes }
}

/** Brings what a manifest names, and records the image. */
const pullManifest = async (
  parts: PullParts,
  repository: Repository,
  reference: Reference,
  { descriptor, bytes }: FetchedManifest,
  lease: BlobLease,
  options: PullOptions,
): Promise<Image> => {
  const { content, database, recorder, layers, sources } = parts
  const manifest = parseManifest(bytes, descriptor.mediaType)
  if (manifest.layers.length > LAYER_LIMIT) throw internal('max depth exceeded')
  const configBytes = content.has(manifest.config.digest)
    ? content.readSync(manifest.config.digest)
    : await readConfig(repository, manifest.config, options.signal)
  const config = parseConfig(configBytes, manifest.layers.length)
  const wanted = manifest.layers.map(
    (layer, at): WantedLayer => ({
      descriptor: layer,
      diffId: config.rootfs.diff_ids[at] as Digest,
      unpack: isForHere(config),
    }),
  )
  for (const { descriptor } of wanted) lease.hold(descriptor.digest)
  const received = await pullLayers(parts, repository, wanted, options)
  // From here on nothing waits: the layers show together with their image. Nor for the disk: what it does not have when the
  // host ends is gone then, layers and image alike.
  using _relaxed = database.relax()
  for (const layer of received) layers.admit(layer)
  content.writeSoon(configBytes)
  const choices = received.map(({ diffId, blob }) => ({ diffId, blob }))
  const image = recorder.record(configBytes, choices, plain(descriptor), { replace: true })
  sources.add([manifest.config.digest, ...manifest.layers.map(({ digest }) => digest)], reference)
  return image
}

const isForHere = ({ os }: ImageConfig): boolean => !os || os === hostPlatform().os

/** All layers at once, each as the downloads let it; when one fails the others stop. */
const pullLayers = async (
  { layers, recorder, downloads }: PullParts,
  repository: Repository,
  wanted: readonly WantedLayer[],
  { onMessage, signal }: PullOptions,
): Promise<ImageLayer[]> => {
  const failed = new AbortController()
  const either = AbortSignal.any([signal, failed.signal])
  const held: Digest[] = []
  const one = async (layer: WantedLayer): Promise<ImageLayer> => {
    const id = shortId(layer.descriptor.digest)
    const known = layers.find(layer.diffId, layer.descriptor.digest)
    if (known && !(layer.unpack && layers.isPacked(layer.diffId))) {
      layers.hold(layer.diffId)
      held.push(layer.diffId)
      onMessage({ status: 'Already exists', progressDetail: {}, id })
      return known
    }
    const received = await downloads.fetch(
      repository,
      layer,
      progress => onMessage(progressMessage(id, progress)),
      either,
    )
    held.push(layer.diffId)
    onMessage({ status: 'Pull complete', progressDetail: {}, id })
    return received
  }
  const results = await Promise.allSettled(
    wanted.map(layer =>
      one(layer).catch(error => {
        failed.abort(error)
        throw error
      }),
    ),
  )
  if (results.every(result => result.status === 'fulfilled')) return results.map(({ value }) => value)
  layers.release(held)
  await recorder.collect()
  signal.throwIfAborted()
  throw failed.signal.reason
}

const progressMessage = (id: string, { status, current, total }: LayerProgress): JsonMessage =>
  current === undefined || total === undefined
    ? { status, progressDetail: {}, id }
    : { status, progressDetail: { current, total }, progress: progressBar(current, total), id }

/** A descriptor's own part, without what an index or a registry says beside it. */
const plain = ({ mediaType, digest, size }: Descriptor): Descriptor => ({ mediaType, digest, size })
