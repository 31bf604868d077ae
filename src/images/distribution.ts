import type { Descriptor } from '../oci/descriptor.ts'
import type { Platform } from '../oci/platform.ts'
import { type Reference, withDefaultTag } from '../oci/reference.ts'
import type { Registries } from '../registry/registries.ts'
import type { Credentials, RegistryConfig } from '../registry/registry-config.ts'
import type { Repository } from '../registry/repository.ts'
import { LayerDownloads } from './layer-downloads.ts'
import type { PullOptions, PullParts } from './pull.ts'
import type { PushOptions, PushParts } from './push.ts'
import { isImageMember, isIndex, parseConfig, parseIndex, parseManifest } from './remote-manifest.ts'
import { Slots } from './slots.ts'

export type DistributionSettings = {
  readonly registry: RegistryConfig
  /** Layers at a time, in all pulls together, and in all pushes. */
  readonly maxConcurrentDownloads: number
  readonly maxConcurrentUploads: number
}

type As = { readonly credentials?: Credentials | undefined }

/** Images on their way between here and registries. The client is loaded with its first use. */
export class Distribution implements AsyncDisposable {
  readonly #settings: () => DistributionSettings
  readonly #pull: PullParts
  readonly #push: PushParts
  #registries: { readonly config: string; readonly made: Promise<Registries> } | undefined

  constructor(parts: Omit<PullParts & PushParts, 'downloads' | 'uploads'>, settings: () => DistributionSettings) {
    this.#settings = settings
    const downloads = new LayerDownloads(parts.layers, () => ({
      concurrent: settings().maxConcurrentDownloads,
      attempts: settings().registry.maxAttempts,
    }))
    this.#pull = { ...parts, downloads }
    this.#push = { ...parts, uploads: new Slots(() => settings().maxConcurrentUploads) }
  }

  async pull(reference: Reference, options: PullOptions & As): Promise<void> {
    const { pullImage } = await import('./pull.ts')
    await pullImage(this.#pull, await this.#repository(reference, options), reference, options)
  }

  async push(reference: Reference, options: PushOptions & As): Promise<void> {
    const { pushImage } = await import('./push.ts')
    await pushImage(this.#push, await this.#repository(reference, options), reference, options)
  }

  /** Fetches a blob again into the content store. Says from which repository; undefined when there is none to ask. */
  async refetch(blob: Descriptor, sources: readonly Reference[], signal: AbortSignal): Promise<string | undefined> {
    const { refetchBlob } = await import('./refetch-blob.ts')
    const repositories = await Promise.all(sources.map(source => this.#repository(source, {})))
    return refetchBlob(this.#pull.content, repositories, blob, signal)
  }

  /** What a registry has under a name, and for which platforms. */
  async inspect(
    reference: Reference,
    options: As & { readonly signal: AbortSignal },
  ): Promise<{ descriptor: Descriptor; platforms: Platform[] }> {
    const { signal } = options
    const repository = await this.#repository(reference, options)
    const { tag, digest } = withDefaultTag(reference)
    const { descriptor, bytes } = await repository.manifest(digest ?? (tag as string), { signal })
    if (isIndex(descriptor)) {
      const platforms = parseIndex(bytes)
        .filter(isImageMember)
        .flatMap(({ platform }) => platform ?? [])
      return { descriptor, platforms }
    }
    const { config, layers } = parseManifest(bytes, descriptor.mediaType)
    const { readConfig } = await import('./read-config.ts')
    const { os, architecture, variant } = parseConfig(await readConfig(repository, config, signal), layers.length)
    return { descriptor, platforms: [{ os, architecture, ...(variant ? { variant } : {}) }] }
  }

  /** The registries, as they are configured now. */
  async registries(): Promise<Registries> {
    const { registry } = this.#settings()
    const config = JSON.stringify(registry)
    if (this.#registries?.config !== config) {
      const before = this.#registries
      this.#registries = {
        config,
        made: import('../registry/registries.ts').then(room => new room.Registries(registry)),
      }
      // Transfers that are under way keep their connections; the idle ones go.
      void before?.made.then(registries => registries[Symbol.asyncDispose]())
    }
    return this.#registries.made
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const registries = this.#registries
    this.#registries = undefined
    await (await registries?.made)?.[Symbol.asyncDispose]()
  }

  async #repository(reference: Reference, { credentials }: As): Promise<Repository> {
    return (await this.registries()).repository(reference, credentials ? { credentials } : {})
  }
}
