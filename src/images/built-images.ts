import type { Readable } from 'node:stream'
import { notFound } from '../errdefs.ts'
import { type Descriptor, type Index, mediaTypes } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import { familiarName, parseReference, type Reference, withDefaultTag } from '../oci/reference.ts'
import type { ContentStore } from '../storage/content/content-store.ts'
import { type Attestation, writeAttestations } from './attestation.ts'
import type { BlobLeases } from './blob-leases.ts'
import type { ImageLayer } from './image.ts'
import type { ImageRecorder } from './image-recorder.ts'
import { blobsOfTarget, type ImageTable, type NameTarget } from './image-table.ts'
import type { LayerStore } from './layer-store.ts'
import { pickPlatform } from './resolve.ts'

type Parts = {
  readonly content: ContentStore
  readonly layers: LayerStore
  readonly leases: BlobLeases
  readonly recorder: ImageRecorder
  readonly table: ImageTable
}

/** What is to be said of the image that is the `at`th of an index. */
export type Attest = (at: number, manifest: Descriptor) => readonly Attestation[]

const PLAIN: readonly string[] = [mediaTypes.layer, mediaTypes.dockerLayer]

/** What a builder does with the images that it has recorded: several platforms become one index, all of it an archive. */
export class BuiltImages {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /**
   * Gives names to the images of several platforms together, by way of an index. Their layers are compressed for it: a push
   * would do it anyway, and then the index would not be the same any more.
   */
  async nameIndex(
    ids: readonly Digest[],
    names: readonly Reference[],
    attest: Attest | undefined,
    signal: AbortSignal,
  ): Promise<NameTarget> {
    const { recorder, table, leases } = this.#parts
    for (const id of ids) await this.#compress(id, signal)
    // From here on nothing waits: the index stays because names lead to it.
    using lease = leases.open()
    const index = this.#writeIndex(ids, attest)
    for (const digest of blobsOfTarget(index)) lease.hold(digest)
    const images = ids.map(id => recorder.image(id))
    const { id } = pickPlatform(images, undefined) ?? recorder.image(ids[0] as Digest)
    for (const name of names) {
      if (table.named(name)?.target?.digest === index.digest) continue
      recorder.name([name], id, index)
      recorder.publishEvent('tag', id, familiarName(name))
    }
    return index
  }

  /** One archive of these images, under these names: of several platforms with their index. Whoever does not read it destroys it. */
  async archive(
    ids: readonly Digest[],
    names: readonly Reference[],
    { compressed, attest, signal }: { compressed: boolean; attest: Attest | undefined; signal: AbortSignal },
  ): Promise<{ stream: Readable; top: Descriptor }> {
    const { recorder } = this.#parts
    const { saveImages } = await import('./save.ts')
    if (compressed) for (const id of ids) await this.#compress(id, signal)
    const images = ids.map(id => ({ image: recorder.image(id), manifest: recorder.manifest(id) }))
    const target = ids.length > 1 || attest ? this.#writeIndex(ids, attest) : undefined
    const index = target && plainDescriptor(target)
    const saved = (names.length > 0 ? names : [undefined]).map(reference => ({
      reference,
      index,
      attachments: target?.attachments,
      isPicked: false,
      images,
    }))
    return { stream: saveImages(this.#parts, saved), top: index ?? recorder.manifest(ids[0] as Digest) }
  }

  /** Whether a name stands for the platforms of an index. */
  isIndex(name: string): boolean {
    return this.#parts.table.named(withDefaultTag(parseReference(name)))?.target?.members !== undefined
  }

  /** The blob of a layer, as it lies here. NotFound. */
  openLayer(diffId: Digest): Readable {
    const layer = this.#parts.layers.find(diffId)
    if (!layer) throw notFound(`layer ${diffId} does not exist`)
    return this.#parts.content.open(layer.blob.digest)
  }

  openBlob(digest: Digest, start = 0): Readable {
    return this.#parts.content.open(digest, start)
  }

  /** Keeps bytes as a blob until the result is disposed. InvalidArgument when they are not what was expected. */
  async keepBlob(
    bytes: Readable,
    expected: Pick<Descriptor, 'digest' | 'size'> | undefined,
    signal: AbortSignal,
  ): Promise<Disposable & Pick<Descriptor, 'digest' | 'size'>> {
    const { content, leases } = this.#parts
    const lease = leases.open()
    if (expected) lease.hold(expected.digest)
    try {
      const { digest, size } = await content.ingest(bytes, expected, signal)
      if (!expected) lease.hold(digest)
      return { digest, size, [Symbol.dispose]: () => lease[Symbol.dispose]() }
    } catch (error) {
      lease[Symbol.dispose]()
      throw error
    }
  }

  /** A layer's blob in the form that registries have. NotFound. */
  async compressLayer(diffId: Digest, signal: AbortSignal): Promise<Descriptor> {
    const { layers } = this.#parts
    layers.hold(diffId)
    try {
      return await layers.compress(diffId, signal)
    } finally {
      layers.release([diffId])
    }
  }

  /**
   * Takes a layer in from elsewhere; `open` is asked for its blob when that is not here. InvalidArgument when it is not what it is
   * said to be. It stays as one of `commitSnapshot` does.
   */
  async takeLayer(
    blob: Descriptor,
    diffId: Digest,
    open: () => Promise<Readable>,
    signal: AbortSignal,
  ): Promise<ImageLayer> {
    const { content, layers, leases } = this.#parts
    layers.hold(diffId)
    const known = layers.find(diffId)
    if (known && !layers.isPacked(diffId)) return known
    layers.release([diffId])
    using lease = leases.open()
    lease.hold(blob.digest)
    if (!content.has(blob.digest)) await content.ingest(await open(), { digest: blob.digest, size: blob.size }, signal)
    return await layers.unpack(blob.digest, diffId, { signal })
  }

  #writeIndex(ids: readonly Digest[], attest: Attest | undefined): NameTarget {
    const { content, recorder } = this.#parts
    const members = ids.map(id => ({
      ...plainDescriptor(recorder.manifest(id)),
      platform: recorder.image(id).platform,
    }))
    const attested = attest ? members.map((member, at) => writeAttestations(content, member, attest(at, member))) : []
    const manifests = [...members, ...attested.map(({ listed }) => listed)]
    const index: Index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests }
    const bytes = Buffer.from(JSON.stringify(index))
    const attachments = attested.flatMap(({ blobs }) => blobs)
    return {
      ...{ mediaType: mediaTypes.index, digest: content.write(bytes), size: bytes.length, members },
      ...(attachments.length > 0 ? { attachments } : {}),
    }
  }

  /** Layers that lie here plain get the form that registries have. One that another index lists stays what it is. */
  async #compress(id: Digest, signal: AbortSignal): Promise<void> {
    const { content, layers, recorder, table } = this.#parts
    const image = recorder.image(id)
    if (image.layers.every(({ blob }) => !PLAIN.includes(blob.mediaType))) return
    const isListed = table
      .names()
      .some(({ target }) => target?.members?.some(({ digest }) => digest === image.manifest) ?? false)
    if (isListed) return
    const diffIds = image.layers.map(({ diffId }) => diffId)
    for (const diffId of diffIds) layers.hold(diffId)
    const choices: { diffId: Digest; blob: Descriptor }[] = []
    try {
      for (const diffId of diffIds) choices.push({ diffId, blob: await layers.compress(diffId, signal) })
    } catch (error) {
      layers.release(diffIds)
      throw error
    }
    recorder.record(content.readSync(id), choices, undefined, { replace: true })
  }
}

const plainDescriptor = ({ mediaType, digest, size }: Descriptor): Descriptor => ({ mediaType, digest, size })
