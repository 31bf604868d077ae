import { type Digest, digestOf } from '../../oci/digest.ts'
import type { ImageConfig } from '../../oci/image-config.ts'
import { clampTimes } from '../../storage/archive/clamp-times.ts'
import { decompress } from '../../storage/archive/decompress.ts'
import { INLINE_KEY, inlineRecords, type UsedStep } from '../cache/cache-document.ts'
import type { EngineParts } from '../solver/engine-parts.ts'
import { imageConfigOf, type StageLayer, type StageState } from '../solver/stage-state.ts'
import { withSourceDate } from './source-date.ts'
import { squash } from './squash.ts'

export type OutputParts = Omit<EngineParts, 'cache' | 'cacheMounts'>

export type FinishOptions = {
  readonly squash: boolean
  /** Seconds since the epoch. */
  readonly sourceDate: number | undefined
  /** No file of the build's layers is newer than `sourceDate`. */
  readonly rewriteTimes: boolean
  /** Steps that the configuration tells of, for `--cache-from`. */
  readonly inline?: readonly UsedStep[] | undefined
}

/** Records the image that a stage has become, as it was asked for. `isNew`: it was not here. */
export const finishImage = async (
  parts: OutputParts,
  end: StageState,
  options: FinishOptions,
  signal: AbortSignal,
): Promise<{ readonly id: Digest; readonly isNew: boolean }> => {
  /** Layers that are ours until an image has them. */
  const made: Digest[] = []
  try {
    let state = end
    if (options.squash) {
      state = await squash(parts, end, signal)
      if (state !== end) made.push(...state.layers.slice(end.base.layers).map(({ diffId }) => diffId))
    }
    const { sourceDate } = options
    // As it stands: what is only FROM is that image itself, whose configuration's bytes are its maker's.
    if (state === end && sourceDate === undefined && !options.inline && end.id && parts.images.find(end.id))
      return { id: end.id, isNew: false }
    if (options.rewriteTimes && sourceDate !== undefined) {
      const layers = state.layers.slice(0, state.base.layers)
      for (const { diffId } of state.layers.slice(state.base.layers)) {
        const layer = await rewritten(parts, diffId, sourceDate, signal)
        made.push(layer.diffId)
        layers.push(layer)
      }
      state = { ...state, layers }
    }
    const dated = sourceDate === undefined ? imageConfigOf(state) : withSourceDate(imageConfigOf(state), sourceDate)
    const config = options.inline ? { ...dated, [INLINE_KEY]: inlineRecords(ofImage(options.inline, state)) } : dated
    const recorded = record(parts, config, state.layers)
    if (recorded.isNew) for (const { diffId } of state.layers) take(made, diffId)
    return recorded
  } finally {
    if (made.length > 0) await parts.images.releaseLayers(made)
  }
}

/** Whoever has the image has the layers of these. */
const ofImage = (used: readonly UsedStep[], { layers }: StageState): UsedStep[] => {
  const there = new Set(layers.map(({ diffId }) => diffId))
  return used.filter(({ layer }) => layer === undefined || there.has(layer.diffId))
}

/** Recording an image lets go of each of its layers once. */
const take = (made: Digest[], diffId: Digest): void => {
  const at = made.indexOf(diffId)
  if (at >= 0) made.splice(at, 1)
}

/** The same steps give the same image: then there is nothing to write. */
const record = ({ images }: OutputParts, config: ImageConfig, layers: readonly StageLayer[]) => {
  const id = digestOf(JSON.stringify(config))
  if (images.find(id) !== undefined) return { id, isNew: false }
  return { id: images.create({ config, layers }).id, isNew: true }
}

const rewritten = async (
  { images }: OutputParts,
  diffId: Digest,
  sourceDate: number,
  signal: AbortSignal,
): Promise<StageLayer> => {
  const { stream } = await decompress(images.built.openLayer(diffId))
  return await images.composeLayer(clampTimes(stream, BigInt(sourceDate) * 1_000_000_000n), signal)
}
