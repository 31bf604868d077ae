import { decompress } from '../../storage/archive/decompress.ts'
import { mergeLayer } from '../../storage/archive/merge-layer.ts'
import type { EngineParts } from '../solver/engine-parts.ts'
import type { StageState } from '../solver/stage-state.ts'
import { StepSnapshot } from '../solver/step-snapshot.ts'

/** All layers above the base image become one. The steps stay in the history, with a line for this. The new layer is the caller's. */
export const squash = async (
  parts: Pick<EngineParts, 'images' | 'snapshotter' | 'mounts'>,
  state: StageState,
  signal: AbortSignal,
): Promise<StageState> => {
  const { base, layers, history, created = new Date(0).toISOString() } = state
  const above = layers.slice(base.layers)
  if (above.length === 0) return state
  const below = layers.slice(0, base.layers)
  await using snapshot = await StepSnapshot.mount(parts, below)
  for (const { diffId } of above) {
    const open = async () => (await decompress(parts.images.built.openLayer(diffId))).stream
    await mergeLayer(snapshot.root, open, signal)
  }
  const layer = await snapshot.commit()
  const merged = history.map((step, at) => (at < base.history ? step : { ...step, empty_layer: true }))
  const comment = `merge of ${above.length} layer${above.length === 1 ? '' : 's'}`
  const last = { created, comment, ...(layer === undefined ? { empty_layer: true } : {}) }
  return { ...state, layers: layer === undefined ? below : [...below, layer], history: [...merged, last] }
}
