import { shortId } from '../oci/digest.ts'
import { unrestored, wrongBytes } from './check-blobs.ts'
import type { CheckResults } from './check-jobs.ts'
import type { CheckRun, Repair } from './check-parts.ts'
import { imagesWith, namesOfImage, refetchBlob, remakeLayerBlob, removeImages } from './check-repair.ts'
import type { StoredLayer } from './layer-store.ts'

/** So many differences of a tree are told. */
const TOLD = 5

/** Checks every layer: its blob in all forms, and its tree against it. */
export const checkLayers = async (run: CheckRun): Promise<void> => {
  const { layers } = run.parts
  for (const { diffId } of layers.all()) {
    // As it is now: it may be gone meanwhile. Held, it stays until it has been looked at.
    layers.hold(diffId)
    try {
      const layer = layers.all().find(other => other.diffId === diffId)
      if (layer) await checkLayer(run, layer)
    } finally {
      layers.release([diffId])
      run.needsCollection ||= imagesWith(run, ({ diffIds }) => diffIds.includes(diffId)).length === 0
    }
  }
}

const checkLayer = async (run: CheckRun, layer: StoredLayer): Promise<void> => {
  const { snapshotter } = run.parts
  const { diffId, blobs, isPacked } = layer
  run.layers++
  const tree = isPacked ? undefined : snapshotter.describeLayers([diffId]).UpperDir
  // The tree is compared with one blob that is whole; which of several does not matter.
  let treeIsChecked = isPacked
  for (const blob of blobs) {
    const found = await checkLayerBlob(run, layer, blob, treeIsChecked ? undefined : tree)
    if (found === undefined || treeIsChecked) continue
    treeIsChecked = true
    await judgeTree(run, layer, blob, found)
  }
  if (blobs.length === 0) {
    const repair = await giveUp(run, layer, 'there is nothing to make it from')
    run.problem('layer', diffId, `the layer has no blob${usersOf(run, layer)}`, repair)
  }
}

/** What was found of a blob that is whole, now or after its repair; undefined when there is none to trust. */
const checkLayerBlob = async (
  run: CheckRun,
  layer: StoredLayer,
  blob: StoredLayer['blobs'][number],
  tree: string | undefined,
): Promise<CheckResults['layer'] | undefined> => {
  const { content } = run.parts
  const look = () =>
    run.thread.run({ type: 'layer', path: content.path(blob.digest), digest: blob.digest, tree }, run.signal)
  const found = await look()
  run.blobs++
  const detail = wrongBytes(blob, found)
  if (detail === undefined) {
    if (found.diffId === layer.diffId) {
      run.checked('blob', blob.digest)
      return found
    }
    const what = found.archiveError ?? `it unpacks to ${found.diffId}`
    const repair = await giveUp(run, layer, 'its bytes are those that were asked for, so that no other copy is better')
    run.problem(
      'blob',
      blob.digest,
      `the blob is not that of layer ${layer.diffId}: ${what}${usersOf(run, layer)}`,
      repair,
    )
    return undefined
  }
  const repair = await restoreBlob(run, layer, blob)
  run.problem('blob', blob.digest, `${detail}${usersOf(run, layer)}`, repair)
  return repair.isWhole ? look() : undefined
}

const restoreBlob = async (
  run: CheckRun,
  layer: StoredLayer,
  blob: StoredLayer['blobs'][number],
): Promise<Repair & { isWhole?: boolean }> => {
  const { content, snapshotter } = run.parts
  const { diffId, isPacked } = layer
  const tree = isPacked ? undefined : snapshotter.describeLayers([diffId]).UpperDir
  const packed = tree === undefined ? undefined : await run.thread.run({ type: 'tree', tree }, run.signal)
  const treeIsWhole = packed?.diffId === diffId
  const state = treeIsWhole ? 'its tree is whole' : 'its tree cannot be relied on either'
  if (!run.repair) {
    const how = treeIsWhole ? 'makes it again from the tree, or fetches it' : 'fetches it again'
    return { repair: `${state}; --repair ${how}, or removes what needs it`, repaired: false }
  }
  if (treeIsWhole && tree !== undefined && (await remakeLayerBlob(run, diffId, blob, tree)))
    return { repair: 'made again from its tree', repaired: true, isWhole: true }
  const { from, failure } = await refetchBlob(run, blob)
  if (from !== undefined) return { repair: `fetched again from ${from}`, repaired: true, isWhole: true }
  const others = layer.blobs.filter(({ digest }) => digest !== blob.digest)
  const needing = imagesWith(run, ({ blobs }) => blobs.some(({ digest }) => digest === blob.digest))
  // A form that was only made for a push can be made for the next one.
  if (needing.length === 0 && others.length > 0) {
    run.parts.layers.forgetBlob(diffId, blob.digest)
    content.remove(blob.digest)
    return { repair: 'removed: the layer is here in another form', repaired: true }
  }
  return giveUp(run, layer, `${state}, and ${unrestored(failure)}`)
}

const judgeTree = async (
  run: CheckRun,
  layer: StoredLayer,
  blob: StoredLayer['blobs'][number],
  { report, treeError }: CheckResults['layer'],
): Promise<void> => {
  const { diffId } = layer
  if (report && report.total === 0) {
    run.checked('tree', diffId)
    return
  }
  const users = usersOf(run, layer)
  if (!report) {
    const detail = /ENOENT/.test(treeError ?? '') ? 'the tree is not there' : `the tree cannot be read: ${treeError}`
    run.problem('tree', diffId, `${detail}${users}`, await restoreTree(run, layer, blob))
    return
  }
  const told = report.differences.slice(0, TOLD).map(({ path, detail }) => `${path} ${detail}`)
  const more = report.total > told.length ? `; and ${report.total - told.length} more` : ''
  run.problem('tree', diffId, `${told.join('; ')}${more}${users}`, await restoreTree(run, layer, blob))
}

const restoreTree = async (
  run: CheckRun,
  { diffId }: StoredLayer,
  blob: StoredLayer['blobs'][number],
): Promise<Repair> => {
  const { content, snapshotter } = run.parts
  const { containers } = await run.facts()
  const running = containers
    .filter(({ id, running }) => running && snapshotter.stack(id)?.includes(diffId))
    .map(({ name }) => name)
  const restart = running.length === 0 ? '' : `; restart what runs on it: ${running.join(', ')}`
  if (!run.repair) return { repair: `--repair unpacks it again from its blob${restart}`, repaired: false }
  const file = content.path(blob.digest)
  await using intake = await snapshotter.receive({ file, whole: true, unpack: true, replace: true, signal: run.signal })
  await intake.finish({ digest: blob.digest, size: blob.size, diffId })
  const tree = snapshotter.describeLayers([diffId]).UpperDir
  const { report, treeError } = await run.thread.run(
    { type: 'layer', path: file, digest: blob.digest, tree },
    run.signal,
  )
  if (report?.total === 0) return { repair: `unpacked again from its blob${restart}`, repaired: true }
  const [first] = report?.differences ?? []
  const left = first ? `${first.path} ${first.detail}` : treeError
  return { repair: `unpacked again from its blob, and it still differs: ${left}`, repaired: false }
}

/** Nothing can make the layer whole: what needs it goes, unless that is a container. */
const giveUp = async (run: CheckRun, layer: StoredLayer, why: string): Promise<Repair> => {
  const { layers, snapshotter } = run.parts
  const { diffId, owners } = layer
  const needing = imagesWith(run, ({ diffIds }) => diffIds.includes(diffId))
  const standing = snapshotter.keys().filter(key => snapshotter.stack(key)?.includes(diffId))
  if (needing.length > 0) {
    const repair = await removeImages(run, needing, why)
    if (!repair.repaired) return repair
    for (const owner of owners) layers.unpin(owner)
    return repair
  }
  if (standing.length > 0) {
    const containers = standing.map(shortId).join(', ')
    return { repair: `${why}; container ${containers} stands on it: remove that first`, repaired: false }
  }
  const cached = owners.length > 0 ? 'the build cache forgets it' : 'nothing needs it'
  if (!run.repair) return { repair: `${why}; with --repair ${cached}`, repaired: false }
  for (const owner of owners) layers.unpin(owner)
  run.needsCollection = true
  return { repair: `${why}; ${cached}, and it is removed`, repaired: true }
}

/** Who has the layer, for people. */
const usersOf = (run: CheckRun, { diffId, owners }: StoredLayer): string => {
  const images = imagesWith(run, ({ diffIds }) => diffIds.includes(diffId)).map(({ id }) => namesOfImage(run, id))
  const users = [...images, ...(owners.length > 0 ? ['the build cache'] : [])]
  return users.length > 0 ? ` (${users.join('; ')})` : ''
}
