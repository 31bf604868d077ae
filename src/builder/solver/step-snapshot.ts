import { randomBytes } from 'node:crypto'
import { mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf } from '../../errdefs.ts'
import { MAX_LAYERS, requireDepth } from '../../images/depth.ts'
import { type Digest, digestOf } from '../../oci/digest.ts'
import type { EngineParts } from './engine-parts.ts'
import type { StageLayer } from './stage-state.ts'

/** Keys of the builder's snapshots begin so: what is left of a daemon that died is known by it. */
export const SNAPSHOT_PREFIX = 'build-'

/** The diffID of an archive without members. */
const EMPTY_LAYER: Digest = digestOf(Buffer.alloc(1024))

type Parts = Pick<EngineParts, 'snapshotter' | 'images' | 'mounts'>

/** A root file system for one step, mounted while the object lives; nothing is left of it unless it is committed. */
export class StepSnapshot implements AsyncDisposable {
  readonly root: string
  readonly #parts: Parts
  readonly #key: string
  #state: 'prepared' | 'mounted' | 'gone' = 'prepared'

  constructor(parts: Parts, key: string) {
    this.#parts = parts
    this.#key = key
    this.root = join(parts.mounts, key)
  }

  static async mount(parts: Parts, layers: readonly StageLayer[]): Promise<StepSnapshot> {
    const key = `${SNAPSHOT_PREFIX}${randomBytes(8).toString('hex')}`
    parts.snapshotter.prepare(
      key,
      layers.map(({ diffId }) => diffId),
    )
    const snapshot = new StepSnapshot(parts, key)
    try {
      mkdirSync(snapshot.root)
      // What a step leaves is made durable when it becomes a layer; until then a crash may have it.
      parts.snapshotter.mount(key, snapshot.root, { volatile: true })
      snapshot.#state = 'mounted'
      return snapshot
    } catch (error) {
      await snapshot[Symbol.asyncDispose]()
      throw error
    }
  }

  /**
   * Makes a layer of what was changed. Undefined when nothing was. `tidy` may have a last look at the changes, unmounted.
   * InvalidArgument when the image would have too many layers.
   */
  async commit(tidy?: (upper: string) => void): Promise<StageLayer | undefined> {
    await this.#unmount()
    const { UpperDir: upper } = this.#parts.snapshotter.describe(this.#key)
    if (upper !== undefined) tidy?.(upper)
    const below = this.#parts.snapshotter.stack(this.#key)?.length ?? 0
    const { diffId, blob, size } = await this.#parts.images.commitSnapshot(this.#key)
    this.#state = 'gone'
    const isEmpty = diffId === EMPTY_LAYER
    if (!isEmpty && below < MAX_LAYERS) return { diffId, blob, size }
    await this.#parts.images.releaseLayers([diffId])
    if (!isEmpty) requireDepth(below + 1)
    return undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#unmount()
    if (this.#state === 'gone') return
    this.#state = 'gone'
    await this.#parts.snapshotter.remove(this.#key)
  }

  async #unmount(): Promise<void> {
    if (this.#state === 'mounted') {
      await this.#parts.snapshotter.unmount(this.root)
      this.#state = 'prepared'
    }
    try {
      rmdirSync(this.root)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
    }
  }
}
