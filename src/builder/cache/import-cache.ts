import { messageOf } from '../../errdefs.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import type { Reference } from '../../oci/reference.ts'
import type { BuildContexts } from '../context/build-contexts.ts'
import type { Credentials, ImageStore } from '../solver/engine-parts.ts'
import type { SharedRecord, UsedStep } from './cache-document.ts'
import type { CacheOrigin } from './cache-options.ts'
import type { CacheSource } from './cache-source.ts'

type Options = {
  readonly images: ImageStore
  readonly contexts: BuildContexts
  readonly credentials: (reference: Reference) => Credentials | undefined
  /** A source that cannot be had is none: the build goes on without. */
  readonly onWarning: (message: string) => void
  readonly signal: AbortSignal
}

/** What other engines know of steps: found by key, its layers fetched when a step is. */
export class ImportedCache {
  readonly #found = new Map<string, { record: SharedRecord; source: CacheSource }>()
  readonly #mounts = new Map<string, { blob: Descriptor; source: CacheSource }>()
  readonly #options: Options

  private constructor(options: Options) {
    this.#options = options
  }

  static async open(origins: readonly CacheOrigin[], options: Options): Promise<ImportedCache> {
    const imported = new ImportedCache(options)
    const { signal } = options
    const sources = await Promise.all(
      origins.map(async origin => {
        try {
          return await openSource(origin, options)
        } catch (error) {
          signal.throwIfAborted()
          options.onWarning(`failed to import the cache of ${nameOf(origin)}: ${messageOf(error)}`)
          return []
        }
      }),
    )
    for (const source of sources.flat()) {
      for (const record of source.records)
        if (!imported.#found.has(record.key)) imported.#found.set(record.key, { record, source })
      for (const { key, blob } of source.mounts)
        if (!imported.#mounts.has(key)) imported.#mounts.set(key, { blob, source })
    }
    return imported
  }

  /** What a step left; its layer is the caller's until it is pinned or released. Undefined: nobody knows, or it cannot be had. */
  async take(key: string): Promise<UsedStep | undefined> {
    const { images, onWarning, signal } = this.#options
    const found = this.#found.get(key)
    if (!found) return undefined
    const { record, source } = found
    const { description, created, diffId } = record
    if (diffId === undefined) return { key, description, created, layer: undefined }
    const blob = source.layer(record)
    if (!blob) return undefined
    try {
      const layer = await images.built.takeLayer(blob, diffId, () => source.open(blob), signal)
      return { key, description, created, layer }
    } catch (error) {
      signal.throwIfAborted()
      onWarning(`failed to import a layer of the cache: ${messageOf(error)}`)
      return undefined
    }
  }

  /** The archive of a cache mount's directory, here until it is disposed. Undefined: nobody has one, or it cannot be had. */
  async takeMount(key: string): Promise<(Disposable & Pick<Descriptor, 'digest' | 'size'>) | undefined> {
    const { images, onWarning, signal } = this.#options
    const found = this.#mounts.get(key)
    if (!found) return undefined
    try {
      return await images.built.keepBlob(await found.source.open(found.blob), found.blob, signal)
    } catch (error) {
      signal.throwIfAborted()
      onWarning(`failed to import a cache mount: ${messageOf(error)}`)
      return undefined
    }
  }
}

const nameOf = (origin: CacheOrigin): string =>
  origin.type === 'local' ? 'the local directory' : `${origin.reference.domain}/${origin.reference.path}`

const openSource = async (origin: CacheOrigin, options: Options): Promise<CacheSource[]> => {
  if (origin.type === 'local') {
    const { localSource } = await import('./local-cache.ts')
    return [await localSource(await options.contexts.client(origin.context), options.signal)]
  }
  const { registrySources } = await import('./registry-cache.ts')
  const registries = await options.images.distribution.registries()
  const credentials = options.credentials(origin.reference)
  const repository = registries.repository(origin.reference, credentials ? { credentials } : {})
  const { digest, tag } = origin.reference
  return await registrySources(repository, digest ?? (tag as string), options.signal)
}
