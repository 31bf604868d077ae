import type { JsonMessage } from '../api/image.ts'
import { internal } from '../errdefs.ts'
import { type Descriptor, type Manifest, mediaTypes } from '../oci/descriptor.ts'
import { type Digest, shortId } from '../oci/digest.ts'
import type { Platform } from '../oci/platform.ts'
import { familiarName, familiarRepository, parseReference, type Reference, repositoryName } from '../oci/reference.ts'
import type { Repository } from '../registry/repository.ts'
import type { ContentStore } from '../storage/content/content-store.ts'
import type { BlobLease, BlobLeases } from './blob-leases.ts'
import type { BlobSources } from './blob-sources.ts'
import type { Image, ImageLayer } from './image.ts'
import type { ImageRecorder } from './image-recorder.ts'
import type { ImageTable, NameRow, NameTarget } from './image-table.ts'
import type { LayerStore } from './layer-store.ts'
import { progressBar } from './progress-bar.ts'
import { parseIndex } from './remote-manifest.ts'
import { noSuchPlatform, pickPlatform } from './resolve.ts'
import type { Slots } from './slots.ts'

export type PushOptions = {
  /** Only this one of a name's platforms. */
  readonly platform?: Platform | undefined
  /** Every tag that the repository has here. */
  readonly allTags?: boolean | undefined
  readonly onMessage: (message: JsonMessage) => void
  readonly signal: AbortSignal
}

export type PushParts = {
  readonly content: ContentStore
  readonly layers: LayerStore
  readonly leases: BlobLeases
  readonly recorder: ImageRecorder
  readonly table: ImageTable
  readonly sources: BlobSources
  readonly uploads: Slots
}

/** Milliseconds between two messages of progress. */
const PROGRESS_INTERVAL = 100
/** Base layers of Windows that a licence forbids to hand on; whoever pulls fetches them from where the manifest says. */
const FOREIGN = /foreign|nondistributable/

/** Sends what a name stands for to its registry, and tells how it goes in Docker's messages. NotFound when there is no such name. */
export const pushImage = async (
  parts: PushParts,
  repository: Repository,
  reference: Reference,
  options: PushOptions,
): Promise<void> => {
  const { table } = parts
  const { onMessage } = options
  const rows = options.allTags
    ? table.namesInRepository(repositoryName(reference)).filter(row => row.reference.tag !== undefined)
    : [table.named(reference)]
  // Known before anything is said, so that it has a status of its own.
  for (const row of rows) if (row) requirePlatform(parts, row, options.platform)
  onMessage({ status: `The push refers to repository [${repositoryName(reference)}]` })
  if (rows.length === 0)
    throw internal(`An image does not exist locally with the tag: ${familiarRepository(reference)}`)
  for (const row of rows) {
    if (!row) {
      const known = table.namesInRepository(repositoryName(reference)).length > 0
      throw known
        ? internal(`tag does not exist: ${familiarName(reference)}`)
        : internal(`An image does not exist locally with the tag: ${familiarRepository(reference)}`)
    }
    await pushName(parts, repository, row, options)
  }
}

/** The image of a name that is to go when one has to do. NotFound in dockerd's words when none is for the platform. */
const requirePlatform = ({ table, recorder }: PushParts, row: NameRow, platform: Platform | undefined): Image => {
  const images = table.members(row).map(id => recorder.image(id))
  const image = pickPlatform(images, platform)
  if (image) return image
  const there = images.map(each => each.platform)
  throw noSuchPlatform(familiarName(row.reference), there, platform as Platform)
}

const pushName = async (
  parts: PushParts,
  repository: Repository,
  row: NameRow,
  options: PushOptions,
): Promise<void> => {
  const { content, leases, recorder, table } = parts
  const { onMessage, platform, signal } = options
  const { reference, target } = row
  const images = table.members(row).map(id => recorder.image(id))
  const members = target?.members ?? []
  // Also of what is no image, attestations say: a registry takes an index only with all that it lists.
  const whole =
    target !== undefined &&
    members.length > 0 &&
    parseIndex(content.readSync(target.digest)).every(
      ({ digest }) => table.imageOfManifest(digest) !== undefined || isAttached(target, digest),
    )
  using lease = leases.open()
  let pushed: NameTarget
  let bytes: Buffer
  if (whole && !platform) {
    lease.hold(target.digest)
    for (const { digest } of target.attachments ?? []) lease.hold(digest)
    for (const image of images) await pushManifest(parts, repository, image, image.manifest, lease, options)
    await pushAttachments(parts, repository, target, signal)
    pushed = target
    bytes = content.readSync(target.digest)
  } else {
    const image = requirePlatform(parts, row, platform)
    const before = recorder.manifest(image.id)
    pushed = await pushManifest(parts, repository, image, undefined, lease, options)
    bytes = content.readSync(pushed.digest)
    if (target && members.length > 0 && !platform) {
      onMessage({
        aux: { manifestPushedInsteadOfIndex: true, originalIndex: descriptorOf(target), selectedManifest: before },
      })
    }
  }
  const name = reference.tag ?? (reference.digest as string)
  const digest = await repository.putManifest(name, bytes, pushed.mediaType, { signal })
  if (digest !== pushed.digest)
    throw internal(`the registry has ${familiarName(reference)} as ${digest}, sent was ${pushed.digest}`)
  // One platform of several that went alone is known by its digest; the name here goes on meaning all of them.
  const alone = target?.members !== undefined && pushed.members === undefined
  const byDigest = { ...reference, tag: undefined, digest }
  const image = table.imageOfManifest(digest) ?? row.image
  if (alone) recorder.name([byDigest], image, pushed)
  else recorder.name(reference.tag === undefined ? [byDigest] : [reference, byDigest], image, pushed)
  recorder.publishEvent('push', image, familiarRepository(reference), familiarName(reference))
  onMessage({ status: `${name}: digest: ${digest} size: ${bytes.length}` })
  onMessage({ progressDetail: {}, aux: { Tag: name, Digest: digest, Size: bytes.length } })
}

const isAttached = ({ attachments = [] }: NameTarget, wanted: Digest): boolean =>
  attachments.some(({ digest }) => digest === wanted)

/** Sends what an index lists beside images: first what manifests name, then those. */
const pushAttachments = async (
  { content }: PushParts,
  repository: Repository,
  { attachments = [] }: NameTarget,
  signal: AbortSignal,
): Promise<void> => {
  for (const blob of attachments) {
    if (blob.mediaType === mediaTypes.manifest)
      await repository.putManifest(blob.digest, content.readSync(blob.digest), blob.mediaType, { signal })
    else if (!(await repository.hasBlob(blob.digest, { signal })))
      await repository.uploadBlob(blob, offset => content.open(blob.digest, offset), { signal })
  }
}

/** Sends an image's blobs, and with `as` its manifest by that digest, too. Gives the manifest to be sent. */
const pushManifest = async (
  parts: PushParts,
  repository: Repository,
  image: Image,
  as: Digest | undefined,
  lease: BlobLease,
  options: PushOptions,
): Promise<Descriptor> => {
  const { content, layers, recorder, sources } = parts
  const { onMessage, signal } = options
  const failed = new AbortController()
  const either = AbortSignal.any([signal, failed.signal])
  for (const { diffId, blob } of image.layers) {
    layers.hold(diffId)
    lease.hold(blob.digest)
    onMessage({ status: 'Preparing', progressDetail: {}, id: shortId(diffId) })
  }
  try {
    lease.hold(image.id)
    lease.hold(image.manifest)
    const results = await Promise.allSettled(
      image.layers.map(layer =>
        pushLayer(parts, repository, layer, lease, onMessage, either).catch(error => {
          failed.abort(error)
          throw error
        }),
      ),
    )
    if (!results.every(result => result.status === 'fulfilled')) {
      signal.throwIfAborted()
      throw failed.signal.reason
    }
    const sent = results.map(({ value }) => value)
    const config = { mediaType: configType(parts, image), digest: image.id, size: content.size(image.id) }
    if (!(await repository.hasBlob(config.digest, { signal })))
      await repository.uploadBlob(config, offset => content.open(config.digest, offset), { signal })
    const manifest = settleManifest(parts, image, sent)
    lease.hold(manifest.digest)
    sources.add([config.digest, ...sent.map(({ digest }) => digest)], parseReference(repository.name))
    if (as !== undefined)
      await repository.putManifest(manifest.digest, content.readSync(manifest.digest), manifest.mediaType, { signal })
    return recorder.manifest(image.id)
  } finally {
    layers.release(image.layers.map(({ diffId }) => diffId))
    // Forms of layers that the image does not have any more.
    await recorder.collect()
  }
}

const configType = ({ content }: PushParts, image: Image): string =>
  (JSON.parse(content.readSync(image.manifest).toString()) as Manifest).config.mediaType

/** The manifest that names what was sent. Layers that lay here uncompressed are kept in the form that the registry has now. */
const settleManifest = (
  { recorder, content, layers }: PushParts,
  image: Image,
  sent: readonly Descriptor[],
): Descriptor => {
  if (image.layers.every(({ blob }, at) => blob.digest === sent[at]?.digest)) return recorder.manifest(image.id)
  const choices = image.layers.map(({ diffId }, at) => ({ diffId, blob: sent[at] as Descriptor }))
  // Recording lets go of what is held for it.
  for (const { diffId } of choices) layers.hold(diffId)
  recorder.record(content.readSync(image.id), choices, undefined, { replace: true })
  return recorder.manifest(image.id)
}

/** Brings one layer's blob into the registry, by the cheapest way. Gives the form that is there now. */
const pushLayer = async (
  { content, layers, sources, uploads }: PushParts,
  repository: Repository,
  { diffId, blob }: ImageLayer,
  lease: BlobLease,
  onMessage: (message: JsonMessage) => void,
  signal: AbortSignal,
): Promise<Descriptor> => {
  const id = shortId(diffId)
  const tell = (status: string): void => onMessage({ status, progressDetail: {}, id })
  if (FOREIGN.test(blob.mediaType)) {
    tell('Skipped foreign layer')
    return blob
  }
  if (!uploads.free) tell('Waiting')
  using _slot = await uploads.take(signal)
  // One that came from a registry uncompressed goes on as it came: its manifest names it so.
  const isOurs = isPlain(blob) && sources.of(blob.digest).length === 0
  const form = isOurs ? await layers.compress(diffId, signal) : blob
  lease.hold(form.digest)
  if (await repository.hasBlob(form.digest, { signal })) {
    tell('Layer already exists')
    return form
  }
  for (const source of sources.of(form.digest)) {
    const there = parseReference(repository.name)
    if (source.domain !== there.domain || source.path === there.path) continue
    if (await repository.mountBlob(form.digest, source.path, { signal })) {
      tell(`Mounted from ${source.path}`)
      return form
    }
  }
  let last = Number.NEGATIVE_INFINITY
  const onProgress = (current: number): void => {
    const now = performance.now()
    if (now - last < PROGRESS_INTERVAL && current < form.size) return
    last = now
    const progress = progressBar(current, form.size)
    onMessage({ status: 'Pushing', progressDetail: { current, total: form.size }, progress, id })
  }
  await repository.uploadBlob(form, offset => content.open(form.digest, offset), { signal, onProgress })
  tell('Pushed')
  return form
}

const isPlain = ({ mediaType }: Descriptor): boolean =>
  mediaType === mediaTypes.layer || mediaType === mediaTypes.dockerLayer

const descriptorOf = ({ mediaType, digest, size }: Descriptor): Descriptor => ({ mediaType, digest, size })
