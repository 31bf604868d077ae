import type { BuildCache, CachedStep } from '../solver/build-cache.ts'
import type { StepCache } from '../solver/engine-parts.ts'
import type { UsedStep } from './cache-document.ts'
import type { ImportedCache } from './import-cache.ts'

/** The cache as one build uses it: what is not here may come from elsewhere, and what was used can go elsewhere. */
export class LinkedCache implements StepCache {
  readonly #cache: BuildCache
  readonly #imported: Promise<ImportedCache> | undefined
  readonly #used = new Map<string, UsedStep>()

  constructor(cache: BuildCache, imported: Promise<ImportedCache> | undefined) {
    this.#cache = cache
    this.#imported = imported
  }

  async find(key: string): Promise<CachedStep | undefined> {
    const found = this.#cache.find(key) ?? (await this.#bring(key))
    if (found) this.#used.set(key, found)
    return found
  }

  async record(key: string, description: string, step: CachedStep): Promise<void> {
    await this.#cache.record(key, description, step)
    this.#used.set(key, { ...step, key, description })
  }

  /** The steps of the build so far. */
  used(): UsedStep[] {
    return [...this.#used.values()]
  }

  async #bring(key: string): Promise<UsedStep | undefined> {
    const step = await (await this.#imported)?.take(key)
    if (step) await this.#cache.record(key, step.description, step)
    return step
  }
}
