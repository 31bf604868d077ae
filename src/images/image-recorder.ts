import type { ImageDeleteItem } from '../api/image.ts'
import { notFound } from '../errdefs.ts'
import type { Events } from '../events.ts'
import { type Descriptor, mediaTypes } from '../oci/descriptor.ts'
import { chainId, type Digest, digestOf } from '../oci/digest.ts'
import type { ImageConfig } from '../oci/image-config.ts'
import { hostPlatform, type Platform } from '../oci/platform.ts'
import { familiarName, type Reference } from '../oci/reference.ts'
import type { ContentStore } from '../storage/content/content-store.ts'
import type { BlobLeases } from './blob-leases.ts'
import { requireDepth } from './depth.ts'
import type { Image, ImageLayer } from './image.ts'
import { blobsOfTarget, type ImageRow, type ImageTable, type NameTarget } from './image-table.ts'
import type { LayerStore } from './layer-store.ts'

type Parts = {
  readonly table: ImageTable
  readonly layers: LayerStore
  readonly leases: BlobLeases
  readonly content: ContentStore
  readonly events: Events
}

/** The layers of an image to be; `blob` says which of a layer's forms, when there are several. */
export type LayerChoice = { readonly diffId: Digest; readonly blob?: Descriptor | undefined }

/** Brings images and their names into being and out of it, and tells of it: what every verb that changes images stands on. */
export class ImageRecorder {
  readonly #parts: Parts
  /** Images as they were read; they never change. */
  readonly #images = new Map<Digest, Image>()
  #publishing = false

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** NotFound when a layer is not here, InvalidArgument when there are too many. Idempotent. */
  create(config: ImageConfig, layers: readonly LayerChoice[]): Image {
    return this.record(Buffer.from(JSON.stringify(config)), layers)
  }

  /**
   * An image of a configuration whose bytes are given, since their digest is its id. `manifest` must be in the content store.
   * An image that is here already keeps the manifest that it has, unless `replace`: then it takes the new one and its blobs.
   */
  record(
    configBytes: Buffer,
    choices: readonly LayerChoice[],
    manifest?: Descriptor,
    { replace = false }: { replace?: boolean } = {},
  ): Image {
    const { content, layers, leases, table } = this.#parts
    requireDepth(choices.length)
    const found = choices.map(({ diffId, blob }) => {
      const layer = layers.find(diffId, blob?.digest)
      if (!layer) throw notFound(`layer ${diffId} does not exist`)
      return layer
    })
    const id = content.write(configBytes)
    const before = table.image(id)
    const row: ImageRow = {
      id,
      manifest:
        manifest ?? this.#writeManifest({ mediaType: mediaTypes.config, digest: id, size: configBytes.length }, found),
      diffIds: found.map(({ diffId }) => diffId),
      blobs: found.map(({ blob }) => blob),
    }
    if (!before || (replace && before.manifest.digest !== row.manifest.digest)) {
      table.put(row)
      this.#images.delete(id)
      if (before) leases.discard(before.manifest.digest)
    }
    layers.release(row.diffIds)
    this.#publish()
    return this.image(id)
  }

  /** An image that is recorded. NotFound. */
  image(id: Digest): Image {
    const known = this.#images.get(id)
    if (known) return known
    const row = this.#parts.table.image(id)
    if (!row) throw notFound(`No such image: ${id}`)
    const read = this.#readConfig(id)
    const config: ImageConfig = read ?? { ...hostPlatform(), rootfs: { type: 'layers', diff_ids: [...row.diffIds] } }
    const layers = row.diffIds.map((diffId, at) => {
      const size = this.#parts.layers.find(diffId)?.size ?? 0
      return { diffId, blob: row.blobs[at] as Descriptor, size }
    })
    const created = config.created === undefined ? Number.NaN : Date.parse(config.created)
    const image: Image = {
      id,
      config,
      platform: platformOf(config),
      manifest: row.manifest.digest,
      layers,
      size: layers.reduce((sum, { size }) => sum + size, 0),
      created: Number.isNaN(created) ? undefined : created,
    }
    // Not remembered: it may be mended.
    if (!read) return { ...image, isDamaged: true }
    this.#images.set(id, image)
    return image
  }

  /** Undefined when it is not there, or not what it was. */
  #readConfig(id: Digest): ImageConfig | undefined {
    const { content } = this.#parts
    const bytes = content.has(id) ? content.readSync(id) : undefined
    return bytes && digestOf(bytes) === id ? JSON.parse(bytes.toString()) : undefined
  }

  manifest(id: Digest): Descriptor {
    const row = this.#parts.table.image(id)
    if (!row) throw notFound(`No such image: ${id}`)
    return row.manifest
  }

  /** Gives names, and takes them from the images that had them. `target` is what a registry has under them. */
  name(references: readonly Reference[], id: Digest, target?: NameTarget): void {
    const { table, leases } = this.#parts
    const before = references.flatMap(reference => blobsOfTarget(table.named(reference)?.target))
    table.name(references, id, target)
    for (const digest of before) leases.discard(digest)
    this.#publish()
  }

  /** Takes a name away. */
  unname(reference: Reference, id: Digest): ImageDeleteItem {
    const { table, leases } = this.#parts
    const target = table.named(reference)?.target
    table.unname(reference)
    for (const digest of blobsOfTarget(target)) leases.discard(digest)
    this.publishEvent('untag', id, id)
    this.#publish()
    return { Untagged: familiarName(reference) }
  }

  /** Takes an image away. Its layers go with the next `collect`. `stacks` are those of containers. */
  drop(id: Digest, stacks: readonly (readonly Digest[])[]): ImageDeleteItem[] {
    const { table, leases } = this.#parts
    const row = table.image(id)
    if (!row) return []
    const targets = table.names().flatMap(({ image, target }) => (image === id ? blobsOfTarget(target) : []))
    table.drop(id)
    this.#images.delete(id)
    for (const digest of [row.id, row.manifest.digest, ...targets]) leases.discard(digest)
    this.publishEvent('delete', id, id)
    this.#publish()
    const used = new Set([...table.images().map(({ diffIds }) => diffIds), ...stacks].flatMap(chainIdsOf))
    const gone = chainIdsOf(row.diffIds).filter(chain => !used.has(chain))
    return [{ Deleted: id }, ...gone.reverse().map(chain => ({ Deleted: chain }))]
  }

  /** Removes the layers that no image has and nobody else needs. Gives the bytes of their files. */
  collect(options?: { wait?: boolean }): Promise<number> {
    return this.#parts.layers.collect(this.#parts.table.images(), options)
  }

  /** `name` is what Docker puts into the attribute of that name, `actor` whom the event is about: the image, or a name of it. */
  publishEvent(action: string, id: Digest, name: string, actor: string = id): void {
    const labels = this.#parts.table.image(id) ? this.image(id).config.config?.Labels : undefined
    this.#parts.events.publish('image', action, actor, { ...labels, name })
  }

  #writeManifest(config: Descriptor, layers: readonly ImageLayer[]): Descriptor {
    const bytes = manifestBytes(
      config,
      layers.map(({ blob }) => blob),
    )
    return { mediaType: mediaTypes.manifest, digest: this.#parts.content.write(bytes), size: bytes.length }
  }

  /** Writes the layout's index soon, once for all changes of this turn of the event loop. */
  #publish(): void {
    if (this.#publishing) return
    this.#publishing = true
    setImmediate(() => {
      this.#publishing = false
      this.publishIndex()
    })
  }

  /** The index by which other OCI tools find images: names as people see them. */
  publishIndex(): void {
    const { table, content } = this.#parts
    const descriptors = table.images().flatMap(({ id }) => {
      const names = table.namesOf(id).filter(({ tag }) => tag !== undefined)
      const manifest = { ...this.manifest(id), platform: this.image(id).platform }
      if (names.length === 0) return [manifest]
      return names.map(name => ({
        ...manifest,
        annotations: { 'org.opencontainers.image.ref.name': familiarName(name) },
      }))
    })
    content.publish(descriptors)
  }
}

/** The manifest of an image that was made here: always the same bytes for the same image. */
export const manifestBytes = (config: Descriptor, layers: readonly Descriptor[]): Buffer =>
  Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers }))

/** What an image runs on, as its configuration says; a configuration of old that says nothing means this host. */
export const platformOf = ({ os, architecture, variant, 'os.version': version }: ImageConfig): Platform => ({
  os: os || hostPlatform().os,
  architecture: architecture || hostPlatform().architecture,
  ...(variant ? { variant } : {}),
  ...(version ? { 'os.version': version } : {}),
})

const chainIdsOf = (diffIds: readonly Digest[]): Digest[] => {
  const chains: Digest[] = []
  for (const diffId of diffIds) {
    const below = chains.at(-1)
    chains.push((below === undefined ? diffId : chainId([below, diffId])) as Digest)
  }
  return chains
}
