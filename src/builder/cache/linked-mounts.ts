import { readdirSync } from 'node:fs'
import { createGzip } from 'node:zlib'
import { type Descriptor, mediaTypes } from '../../oci/descriptor.ts'
import { decompress } from '../../storage/archive/decompress.ts'
import { pack } from '../../storage/archive/pack.ts'
import { unpack } from '../../storage/archive/unpack.ts'
import type { CacheMountRequest, CacheMounts, HeldCache } from '../mounts/cache-mounts.ts'
import type { ImageStore, StepCacheMounts } from '../solver/engine-parts.ts'
import type { ImportedCache } from './import-cache.ts'

/** An archive of a cache mount's directory. */
export type MountArchive = { readonly key: string; readonly blob: Descriptor }

/** Cache mounts as one build uses them: a new one may begin with what came from elsewhere, and those of its steps can go elsewhere. */
export class LinkedMounts implements StepCacheMounts {
  readonly #mounts: CacheMounts
  readonly #images: ImageStore
  readonly #imported: Promise<ImportedCache> | undefined
  readonly #expected = new Set<string>()

  constructor(mounts: CacheMounts, images: ImageStore, imported: Promise<ImportedCache> | undefined) {
    this.#mounts = mounts
    this.#images = images
    this.#imported = imported
  }

  expect(key: string): void {
    this.#expected.add(key)
  }

  acquire(request: CacheMountRequest, signal: AbortSignal): Promise<HeldCache> {
    const fill = async (directory: string): Promise<void> => {
      using archive = await (await this.#imported)?.takeMount(request.key)
      if (!archive) return await request.fill?.(directory)
      const { stream } = await decompress(this.#images.built.openBlob(archive.digest))
      await unpack(stream, directory, { signal })
    }
    return this.#mounts.acquire({ ...request, fill: this.#imported ? fill : request.fill }, signal)
  }

  /** The directories of all steps, those that were not executed too: as they are here, else as they came. The caller disposes them. */
  async archives(signal: AbortSignal): Promise<AsyncDisposable & { readonly list: readonly MountArchive[] }> {
    await using made = new AsyncDisposableStack()
    const list: MountArchive[] = []
    for (const key of this.#expected) {
      const kept = (await this.#pack(key, signal)) ?? (await (await this.#imported)?.takeMount(key))
      if (!kept) continue
      const { digest, size } = made.use(kept)
      list.push({ key, blob: { mediaType: mediaTypes.layerGzip, digest, size } })
    }
    const all = made.move()
    return { list, [Symbol.asyncDispose]: () => all.disposeAsync() }
  }

  async #pack(key: string, signal: AbortSignal) {
    using held = await this.#mounts.existing(key, signal)
    if (!held || readdirSync(held.directory).length === 0) return undefined
    const { tar } = pack(held.directory)
    const zipped = tar.pipe(createGzip({ level: 1 }))
    tar.once('error', error => zipped.destroy(error))
    try {
      return await this.#images.built.keepBlob(zipped, undefined, signal)
    } finally {
      tar.destroy()
      zipped.destroy()
    }
  }
}
