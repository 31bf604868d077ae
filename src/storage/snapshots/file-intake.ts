import { rmSync, statSync } from 'node:fs'
import { codeOf, conflict, internal, isKind, messageOf } from '../../errdefs.ts'
import type { Digest } from '../../oci/digest.ts'
import type { Compression } from '../archive/detect-compression.ts'
import { type Reception, receiveBlob } from '../archive/receive-blob.ts'
import type { Layer, LayerExpectation, LayerIntake, ReceiveLayer } from './snapshotter.ts'

/** Where an intake's tree goes, and how it becomes a layer. */
export type LayerPlace = {
  /** An empty directory; undefined: the tar is only read. */
  readonly directory: string | undefined
  readonly maxSize: number
  readonly maxEntries: number
  /** Takes the tree over. */
  record(diffId: Digest, size: number): Promise<Layer> | Layer
  /** Takes away what was not recorded. */
  discard(): Promise<void>
}

/** Two that write to one file would spoil it. */
const taken = new Set<string>()

export class FileIntake implements LayerIntake {
  readonly offset: number
  readonly #options: ReceiveLayer
  readonly #place: LayerPlace
  readonly #reception: Reception
  #open = true

  /** Conflict when the file is being received already. */
  constructor(options: ReceiveLayer, place: LayerPlace) {
    if (!options.whole && taken.has(options.file)) throw conflict(`${options.file} is being received already`)
    this.offset = statSync(options.file, { throwIfNoEntry: options.whole === true })?.size ?? 0
    this.#options = options
    this.#place = place
    const { directory, maxSize, maxEntries } = place
    const { file, whole = false, signal } = options
    this.#reception = receiveBlob({ file, whole, offset: this.offset, directory, maxSize, maxEntries }, signal)
    if (!whole) taken.add(file)
  }

  get unpacked(): number {
    return this.#reception.unpacked
  }

  write(chunk: Uint8Array): Promise<void> {
    return this.#guarded(() => this.#reception.write(chunk))
  }

  async finish(expected: LayerExpectation): Promise<{ layer: Layer; compression: Compression }> {
    const { size, compression } = await this.#guarded(() => this.#reception.finish(expected))
    const layer = await this.#place.record(expected.diffId, size)
    return { layer, compression }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#open) return
    this.#open = false
    try {
      await this.#reception[Symbol.asyncDispose]()
    } finally {
      taken.delete(this.#options.file)
      await this.#place.discard()
    }
  }

  /** A file that cannot become the layer, or that there is no room for, is worth nothing to a later try. */
  async #guarded<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work()
    } catch (error) {
      const full = codeOf(error) === 'ENOSPC' || codeOf(error) === 'EDQUOT'
      if (!this.#options.whole && (full || isKind(error, 'InvalidArgument'))) {
        await this[Symbol.asyncDispose]()
        rmSync(this.#options.file, { force: true })
      }
      if (full)
        throw internal(`failed to register layer: no space left on device: ${messageOf(error)}`, { cause: error })
      throw error
    }
  }
}
