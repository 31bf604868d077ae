import type { Readable } from 'node:stream'
import type { Filters } from '../api/filters.ts'
import type {
  ImageDeleteItem,
  ImageHistoryItem,
  ImageInspect,
  ImageManifestSummary,
  ImagePruneResponse,
  ImageSummary,
  JsonMessage,
} from '../api/image.ts'
import type { Database } from '../database.ts'
import { internal, invalidArgument, messageOf, notImplemented } from '../errdefs.ts'
import type { Events } from '../events.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { ExecutionConfig, ImageConfig } from '../oci/image-config.ts'
import type { Platform } from '../oci/platform.ts'
import {
  canonicalName,
  familiarName,
  familiarRepository,
  parseReference,
  type Reference,
  withDefaultTag,
} from '../oci/reference.ts'
import { RegistryError } from '../registry/registry-error.ts'
import type { ContentStore } from '../storage/content/content-store.ts'
import type { Snapshotter } from '../storage/snapshots/snapshotter.ts'
import { BlobLeases } from './blob-leases.ts'
import { BlobSources } from './blob-sources.ts'
import { BOOTSTRAP_PREFIX } from './bootstrap-prefix.ts'
import { BuiltImages } from './built-images.ts'
import { type ApplyChanges, refuseChanges } from './changes.ts'
import { Distribution, type DistributionSettings } from './distribution.ts'
import { type Image, type ImageLayer, type ImageUser, wholeImage } from './image.ts'
import { ImageRecorder, type LayerChoice } from './image-recorder.ts'
import { ImageTable } from './image-table.ts'
import type { ImportOptions } from './import.ts'
import { historyOf, inspectImage } from './inspect.ts'
import { LayerStore } from './layer-store.ts'
import { type ListOptions, listImages, withSharedSizes } from './list.ts'
import { summarizeManifest } from './manifest-summary.ts'
import { choosePrunable } from './prune.ts'
import { planRemoval, requireRemovable } from './remove.ts'
import { noSuchImage, noSuchPlatform, parseNaming, pickPlatform, resolveImages } from './resolve.ts'
import { ImageUpkeep } from './upkeep.ts'

export type ImagesOptions = {
  readonly database: Database
  readonly events: Events
  readonly content: ContentStore
  readonly snapshotter: Snapshotter
  /** The containers that stand on an image. Asked late, so it may close over what is made after the images. */
  readonly inUse?: (image: Digest) => readonly ImageUser[]
  readonly applyChanges?: ApplyChanges
  /** Asked for each pull and push, so that it may change. Without it registries cannot be asked. */
  readonly distribution?: () => DistributionSettings
}

/** The images of this engine: what people call them, what they consist of, and how they come and go. Verbs are Docker's. */
export class Images implements AsyncDisposable {
  readonly upkeep: ImageUpkeep
  readonly built: BuiltImages
  readonly #table: ImageTable
  readonly #layers: LayerStore
  readonly #sources: BlobSources
  readonly #leases: BlobLeases
  readonly #recorder: ImageRecorder
  readonly #distribution: Distribution | undefined
  readonly #database: Database
  readonly #content: ContentStore
  readonly #snapshotter: Snapshotter
  readonly #events: Events
  readonly #inUse: (image: Digest) => readonly ImageUser[]
  readonly #applyChanges: ApplyChanges

  constructor({
    database,
    events,
    content,
    snapshotter,
    inUse = () => [],
    applyChanges = refuseChanges,
    distribution,
  }: ImagesOptions) {
    this.#database = database
    this.#content = content
    this.#snapshotter = snapshotter
    this.#events = events
    this.#inUse = inUse
    this.#applyChanges = applyChanges
    this.#table = new ImageTable(database)
    this.#sources = new BlobSources(database)
    this.#leases = new BlobLeases(content, digest => this.#isRecorded(digest))
    this.#layers = new LayerStore({ database, content, snapshotter, discard: digest => this.#leases.discard(digest) })
    this.#recorder = new ImageRecorder({
      table: this.#table,
      layers: this.#layers,
      leases: this.#leases,
      content,
      events,
    })
    this.built = new BuiltImages(this.#parts())
    this.#distribution = distribution && new Distribution(this.#parts(), distribution)
    this.upkeep = new ImageUpkeep({
      ...this.#parts(),
      database,
      events,
      inUse,
      distribution: () => this.#distribution,
      find: name => this.platforms(name),
    })
  }

  /**
   * By name, id or start of an id; of the platforms that a name has here, the asked one, else the host's, else the one that
   * was pulled. NotFound `No such image: …`, or that it is here for other platforms only; InvalidArgument when it can be no
   * name.
   */
  get(nameOrId: string, platform?: Platform): Image {
    const candidates = this.platforms(nameOrId)
    const found = pickPlatform(candidates, platform)
    if (found) return wholeImage(found)
    if (platform && candidates.length > 0) {
      const platforms = candidates.map(image => image.platform)
      throw noSuchPlatform(nameOrId, platforms, platform)
    }
    throw noSuchImage(nameOrId)
  }

  find(nameOrId: string, platform?: Platform): Image | undefined {
    const found = pickPlatform(this.platforms(nameOrId), platform)
    return found && wholeImage(found)
  }

  /** All images that a name has here, one for each platform; one for an id; none when there is none. */
  platforms(nameOrId: string): Image[] {
    return resolveImages(this.#table, nameOrId).map(id => this.#recorder.image(id))
  }

  /** What an image is known by in registries. NotFound. */
  manifest(id: Digest): Descriptor {
    return this.#recorder.manifest(id)
  }

  /** An image's names, sorted. */
  names(id: Digest): Reference[] {
    return this.#table.namesOf(id)
  }

  /** All names, and what a registry would have under each: a manifest, or an index. */
  published(): { readonly reference: Reference; readonly target: Descriptor }[] {
    return this.#table
      .names()
      .map(({ reference, image, target }) => ({ reference, target: target ?? this.#recorder.manifest(image) }))
  }

  /** Records an image; its layers must be here. The same configuration gives the same image. NotFound for a layer. */
  create({ config, layers }: { config: ImageConfig; layers: readonly LayerChoice[] }): Image {
    const image = this.#recorder.create(config, layers)
    this.#recorder.publishEvent('create', image.id, image.id)
    return image
  }

  /** What Dockerfile instructions make of a configuration. InvalidArgument in dockerd's words. */
  change(config: ExecutionConfig, changes: readonly string[]): ExecutionConfig {
    return this.#applyChanges(config, changes)
  }

  /**
   * Makes a layer of what changed in a writable snapshot, which is gone then. The layer stays at least until it has become
   * part of an image (`create`), is pinned, or is given up (`releaseLayers`).
   */
  commitSnapshot(key: string): Promise<ImageLayer> {
    return this.#layers.commit(key)
  }

  /** Makes a layer of a plain tar while it is being made. It stays as one of `commitSnapshot` does. */
  composeLayer(tar: AsyncIterable<Buffer>, signal: AbortSignal): Promise<ImageLayer> {
    return this.#layers.compose(tar, signal)
  }

  /** Makes a layer of a plain tar. It stays as one of `commitSnapshot` does. */
  async ingestLayer(tar: Readable, signal?: AbortSignal): Promise<ImageLayer> {
    using lease = this.#leases.open()
    const { digest } = await this.#content.ingest(tar, {}, signal)
    lease.hold(digest)
    return await this.#layers.unpack(digest, digest, { signal })
  }

  /** A layer that is here, with its blob. */
  layer(diffId: Digest): ImageLayer | undefined {
    return this.#layers.find(diffId)
  }

  /** Keeps layers although no image has them, for as long as `owner` (a build cache's record, say) does not let go. */
  pinLayers(owner: string, diffIds: readonly Digest[]): void {
    this.#layers.pin(owner, diffIds)
    this.#layers.release(diffIds)
  }

  /** Gives the bytes that this freed. */
  async unpinLayers(owner: string): Promise<number> {
    this.#layers.unpin(owner)
    return this.#recorder.collect()
  }

  /** Gives up layers that were committed and turned out not to be needed. */
  async releaseLayers(diffIds: readonly Digest[]): Promise<void> {
    this.#layers.release(diffIds)
    await this.#recorder.collect()
  }

  /** Names an image; the name moves when another has it. `latest` when there is no tag. */
  tag(nameOrId: string, name: string | Reference): void {
    const reference = withDefaultTag(typeof name === 'string' ? parseReference(name) : name)
    if (reference.digest !== undefined) throw invalidArgument('cannot import digest reference')
    if (familiarRepository(reference) === 'sha256')
      throw invalidArgument('refusing to create an ambiguous tag using digest algorithm as name')
    const { id } = this.get(nameOrId)
    const naming = parseNaming(nameOrId)
    // What the registry has under the old name, it has under the new one: all platforms stay together.
    const target = 'reference' in naming ? this.#table.named(naming.reference)?.target : undefined
    this.#recorder.name([reference], id, target)
    this.#recorder.publishEvent('tag', id, familiarName(reference))
  }

  /** Docker's `rmi`: see `planRemoval`; with `platforms` those alone go. Conflict when somebody needs it. */
  async remove(
    nameOrId: string,
    { force = false, platforms = [] }: { force?: boolean; noprune?: boolean; platforms?: readonly Platform[] } = {},
  ): Promise<ImageDeleteItem[]> {
    const candidates = this.platforms(nameOrId)
    const chosen = new Set(platforms.map(platform => this.get(nameOrId, platform).id))
    // The last platforms of a name take it with them.
    if (chosen.size > 0 && chosen.size < candidates.length) return this.#removeSome([...chosen], force)
    // One that is damaged can be removed.
    const { id } = pickPlatform(candidates, undefined) ?? this.get(nameOrId)
    const siblings = candidates.filter(image => image.id !== id)
    const naming = parseNaming(nameOrId)
    const reference = 'reference' in naming && this.#table.named(naming.reference) ? naming.reference : undefined
    const plan = planRemoval({
      id,
      asked: nameOrId,
      reference,
      names: this.#table.namesOf(id),
      // A name stays where a container has any of its platforms.
      users: force ? this.#inUse(id) : candidates.flatMap(({ id }) => this.#inUse(id)),
      force,
    })
    const items = plan.untag.map(name => this.#recorder.unname(name, id))
    if (plan.remove) items.push(...this.#recorder.drop(id, this.#stacks()))
    // The name's other platforms go with it, unless somebody else needs them.
    for (const sibling of siblings) {
      if (this.#table.namesOf(sibling.id).length === 0 && this.#inUse(sibling.id).length === 0)
        items.push(...this.#recorder.drop(sibling.id, this.#stacks()))
    }
    // The answer does not wait for the files.
    await this.#recorder.collect({ wait: false })
    return items
  }

  /** Some of a name's platforms: the name stays with the others. */
  async #removeSome(ids: readonly Digest[], force: boolean): Promise<ImageDeleteItem[]> {
    const plans = ids.map(id => {
      const own = this.#table.ownNamesOf(id)
      requireRemovable({ id, users: this.#inUse(id), force, referenced: own.some(({ tag }) => tag !== undefined) })
      return { id, own }
    })
    const items = plans.flatMap(({ id, own }) => [
      ...own.map(name => this.#recorder.unname(name, id)),
      ...this.#recorder.drop(id, this.#stacks()),
    ])
    // The answer does not wait for the files.
    await this.#recorder.collect({ wait: false })
    return items
  }

  list({ all = false, filters = {}, sharedSize = false, manifests = false }: ListOptions = {}): ImageSummary[] {
    const names = this.#shownNames()
    const listed = this.#all().map(image => ({
      image,
      names: names.get(image.id) ?? [],
      subordinate: !names.has(image.id) && this.#table.namesOf(image.id).length > 0,
      containers: this.#inUse(image.id).length,
      pinned: this.upkeep.isPinned(image.id),
      ...(manifests ? { manifests: this.#manifestsOf(image, names.get(image.id) ?? []) } : {}),
    }))
    const rows = listImages(listed, filters, name => this.get(name), { all })
    return sharedSize
      ? withSharedSizes(
          rows,
          listed.map(({ image }) => image),
        )
      : rows
  }

  inspect(nameOrId: string, platform?: Platform): ImageInspect {
    const image = this.get(nameOrId, platform)
    const diffIds = image.layers.map(({ diffId }) => diffId)
    // Those of another operating system lie packed.
    const isUnpacked = diffIds.every(diffId => this.#snapshotter.layer(diffId) !== undefined)
    return inspectImage({
      image,
      names: this.#table.namesOf(image.id),
      lastTagged: this.#table.lastTagged(image.id),
      pinned: this.upkeep.isPinned(image.id),
      driver: this.#snapshotter.name,
      driverData: isUnpacked ? this.#snapshotter.describeLayers(diffIds) : {},
    })
  }

  /** An image, and what it was built on, is being used: automatic collection goes by that. */
  touch(id: Digest): void {
    this.upkeep.touch(id)
  }

  history(nameOrId: string, platform?: Platform): ImageHistoryItem[] {
    const image = this.get(nameOrId, platform)
    return historyOf(image, this.#table.namesOf(image.id))
  }

  async prune(filters: Filters = {}): Promise<ImagePruneResponse> {
    const candidates = this.#all().map(image => ({
      image,
      names: this.#table.namesOf(image.id),
      used: this.#inUse(image.id).length > 0,
    }))
    const items: ImageDeleteItem[] = []
    for (const { image, names } of choosePrunable(candidates, filters)) {
      for (const name of names) items.push(this.#recorder.unname(name, image.id))
      items.push(...this.#recorder.drop(image.id, this.#stacks()))
    }
    const reclaimed = await this.#recorder.collect()
    this.#events.publish('image', 'prune', '', { reclaimed: String(reclaimed) })
    return { ImagesDeleted: items.length > 0 ? items : null, SpaceReclaimed: reclaimed }
  }

  /** Makes an image from a file system's tar. */
  async import(
    tar: Readable,
    options: ImportOptions = {},
    _onMessage?: (message: JsonMessage) => void,
    signal?: AbortSignal,
  ): Promise<Image> {
    const { importImage } = await import('./import.ts')
    return importImage(this.#parts(), tar, options, signal)
  }

  /** Takes in the images of an archive that `docker save` or another OCI tool wrote. See `archivedImages`. */
  async load(
    archive: Readable,
    onMessage: (message: JsonMessage) => void,
    signal?: AbortSignal,
    platform?: Platform,
  ): Promise<void> {
    const { loadImages } = await import('./load.ts')
    await loadImages(this.#parts(), archive, { onMessage, signal, platform })
  }

  /** One archive of all the images. See `savedNames`. NotFound before the first byte. Whoever does not read it destroys it. */
  async save(names: readonly string[], platform?: Platform): Promise<Readable> {
    const { saveImages } = await import('./save.ts')
    const { savedNames } = await import('./saved-names.ts')
    const saved = savedNames(this.#parts(), names, platform)
    const ids = new Set(saved.flatMap(({ images }) => images.map(({ image }) => image.id)))
    for (const id of ids) this.#recorder.publishEvent('save', id, id)
    return saveImages(this.#parts(), saved)
  }

  /** Makes a base image from the distribution's own packages. InvalidArgument, with what there is, for an unknown name. */
  async bootstrap(name: string, onMessage: (message: JsonMessage) => void, signal?: AbortSignal): Promise<void> {
    const { bootstrapImage } = await import('./bootstrap.ts')
    await bootstrapImage(this.#parts(), name, onMessage, signal)
  }

  /** What this engine has to do with registries. NotImplemented for an engine without. */
  get distribution(): Distribution {
    if (!this.#distribution) throw notImplemented('this engine knows no registries')
    return this.#distribution
  }

  /** Brings an image from its registry, or all of a repository. See `pullImage`. */
  async pull(reference: Reference, options: Parameters<Distribution['pull']>[1]): Promise<void> {
    try {
      await this.distribution.pull(reference, options)
    } catch (error) {
      const { isInCatalogue } = await import('./bootstrap/catalogue.ts')
      const cause = error instanceof Error ? error.cause : undefined
      const unreached = cause instanceof RegistryError && cause.status === undefined
      if (!unreached || !isInCatalogue(reference)) throw error
      const hint = `no registry answers; this base image can be made from packages: tare image bootstrap ${familiarName(reference)}`
      throw internal(`${messageOf(error)} (${hint})`, { cause: error })
    }
  }

  /** Sends what a name stands for to its registry. See `pushImage`. */
  async push(reference: Reference, options: Parameters<Distribution['push']>[1]): Promise<void> {
    await this.distribution.push(reference, options)
  }

  /** Downloads an archive to import. */
  async fetch(url: string, onMessage: (message: JsonMessage) => void, signal: AbortSignal): Promise<Readable> {
    const { fetchArchive } = await import('./fetch-archive.ts')
    return fetchArchive(url, onMessage, signal)
  }

  /** At start: drops images of which a part is missing, and removes every blob and layer that is not recorded. */
  async adoptOrSweep(): Promise<void> {
    for (const key of this.#snapshotter.keys())
      if (key.startsWith(BOOTSTRAP_PREFIX)) await this.#snapshotter.remove(key)
    this.#layers.forgetBroken()
    for (const { id, manifest, diffIds } of this.#table.images()) {
      const whole =
        this.#content.has(id) &&
        this.#content.has(manifest.digest) &&
        diffIds.every(diffId => this.#layers.find(diffId))
      if (!whole) this.#table.drop(id)
    }
    for (const { reference, image, target } of this.#table.names())
      if (target && !this.#content.has(target.digest)) this.#table.name([reference], image)
    const recorded = new Set([
      ...this.#table.images().flatMap(({ id, manifest }) => [id, manifest.digest]),
      ...this.#table.targets(),
      ...this.#layers.blobs(),
    ])
    this.#sources.retain(recorded)
    for (const digest of this.#content.list()) if (!recorded.has(digest)) this.#content.remove(digest)
    await this.#recorder.collect()
    this.#recorder.publishIndex()
  }

  /** Ends the connections to registries. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.upkeep[Symbol.dispose]()
    await this.#distribution?.[Symbol.asyncDispose]()
  }

  #all(): Image[] {
    return this.#table.images().map(({ id }) => this.#recorder.image(id))
  }

  /** Each name at the one image that it means when no platform is asked for. */
  #shownNames(): Map<Digest, Reference[]> {
    const shown = new Map<Digest, Reference[]>()
    for (const row of this.#table.names()) {
      const images = this.#table.members(row).map(id => this.#recorder.image(id))
      const { id } = pickPlatform(images, undefined) as Image
      shown.set(id, [...(shown.get(id) ?? []), row.reference])
    }
    for (const names of shown.values()) names.sort((a, b) => (canonicalName(a) < canonicalName(b) ? -1 : 1))
    return shown
  }

  /** What an image's names stand for, platform by platform. */
  #manifestsOf(image: Image, names: readonly Reference[]): ImageManifestSummary[] {
    const own = { ...this.#recorder.manifest(image.id), platform: image.platform }
    const members = new Map(
      names
        .flatMap(name => this.#table.named(name)?.target?.members ?? [own])
        .map(descriptor => [descriptor.digest, descriptor]),
    )
    return (members.size > 0 ? [...members.values()] : [own]).map(descriptor => {
      const id = this.#table.imageOfManifest(descriptor.digest)
      return summarizeManifest(descriptor, id && this.#recorder.image(id), id ? this.#inUse(id) : [], this.#content)
    })
  }

  #stacks(): (readonly Digest[])[] {
    return this.#snapshotter.keys().map(key => this.#snapshotter.stack(key) ?? [])
  }

  #isRecorded(digest: Digest): boolean {
    return (
      this.#table.images().some(({ id, manifest }) => id === digest || manifest.digest === digest) ||
      this.#table.targets().includes(digest) ||
      this.#layers.hasBlob(digest)
    )
  }

  #parts() {
    return {
      database: this.#database,
      content: this.#content,
      layers: this.#layers,
      leases: this.#leases,
      sources: this.#sources,
      recorder: this.#recorder,
      table: this.#table,
      snapshotter: this.#snapshotter,
      applyChanges: this.#applyChanges,
    }
  }
}
