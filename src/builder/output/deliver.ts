import { pipeline } from 'node:stream/promises'
import type { BuildEvent } from '../../api/build.ts'
import type { BuildResult } from '../../api/build-options.ts'
import { invalidArgument } from '../../errdefs.ts'
import type { Attest } from '../../images/built-images.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import { hostPlatform, platformDistance } from '../../oci/platform.ts'
import { canonicalName, familiarName } from '../../oci/reference.ts'
import type { BuildRequest } from '../build-client.ts'
import type { UsedStep } from '../cache/cache-document.ts'
import type { StageState } from '../solver/stage-state.ts'
import type { PlannedExport } from './export-plan.ts'
import { finishImage, type OutputParts } from './finish-image.ts'
import { provenance } from './provenance.ts'
import { sourceDate } from './source-date.ts'

type Delivery = {
  readonly parts: OutputParts
  readonly request: BuildRequest
  /** One for each platform. */
  readonly ends: readonly StageState[]
  /** Provenance is wanted of a build that began then: milliseconds since the epoch. */
  readonly attestedFrom?: number | undefined
  /** The steps that each image's configuration shall tell of. */
  readonly inline?: readonly (readonly UsedStep[])[] | undefined
  readonly onEvent: (event: BuildEvent) => void
  readonly signal: AbortSignal
}

/** Gives what the build was for: an image in the store, under names, in a registry; an archive or files to the client. */
export const deliver = async (delivery: Delivery, exports: readonly PlannedExport[]): Promise<BuildResult> => {
  let imageId = ''
  let metadata: BuildResult['metadata'] = {}
  for (const plan of exports) {
    if (plan.kind === 'files') {
      const { exportFiles } = await import('./export-files.ts')
      await exportFiles(delivery, plan)
      continue
    }
    const { ids, top } = plan.kind === 'image' ? await giveImage(delivery, plan) : await giveArchive(delivery, plan)
    if (plan.kind === 'image') imageId = mainOf(delivery, ids)
    metadata = { ...metadata, ...describe(ids, plan, top) }
  }
  return { imageId, metadata }
}

/** An image, or several under one index, in the store. */
const giveImage = async (delivery: Delivery, plan: PlannedExport): Promise<{ ids: Digest[]; top: Descriptor }> => {
  const { parts, request, onEvent, signal } = delivery
  const { images } = parts
  const ids = (await finish(delivery, plan)).map(({ id }) => id)
  const [id] = ids as [Digest]
  const names = plan.names.map(familiarName)
  // Nothing but a name keeps an index.
  const attest = names.length > 0 ? attestOf(delivery, plan) : undefined
  if (!attest && delivery.attestedFrom !== undefined)
    onEvent({ type: 'warning', message: 'an image without a name gets no attestations' })
  const index = ids.length > 1 || attest ? await images.built.nameIndex(ids, plan.names, attest, signal) : undefined
  if (!index)
    for (const name of names) {
      // One of several platforms that the name stands for is not all that it stands for.
      if (images.find(name)?.id !== id || images.built.isIndex(name)) images.tag(id, name)
    }
  // A build of which every step is known makes nothing new.
  for (const each of ids) images.touch(each)
  onEvent({ type: 'image', id: mainOf(delivery, ids), tags: names })
  if (plan.push) {
    for (const name of plan.names) {
      const credentials = request.credentials(name)
      await images.push(name, { credentials, onMessage: () => {}, signal })
    }
  }
  return { ids, top: index ?? images.manifest(id) }
}

/** An archive at the client. What was not an image here before is none afterwards. */
const giveArchive = async (delivery: Delivery, plan: PlannedExport): Promise<{ ids: Digest[]; top: Descriptor }> => {
  const { parts, request, signal } = delivery
  const { images } = parts
  const made = await finish(delivery, plan)
  const ids = made.map(({ id }) => id)
  try {
    const { stream, top } = await images.built.archive(ids, plan.names, {
      compressed: plan.compressed,
      attest: attestOf(delivery, plan),
      signal,
    })
    try {
      const output = await request.client.output(plan.index, signal)
      await pipeline(stream, output.stream, { end: false, signal })
      await output.finish()
    } finally {
      stream.destroy()
    }
    return { ids, top }
  } finally {
    for (const { id, isNew } of made) if (isNew && images.names(id).length === 0) await images.remove(id)
  }
}

const finish = async ({ parts, request, ends, inline, signal }: Delivery, plan: PlannedExport) => {
  const options = {
    squash: request.squash,
    sourceDate: sourceDate(request.buildArgs),
    rewriteTimes: plan.rewriteTimes,
  }
  const made: { id: Digest; isNew: boolean }[] = []
  for (const [at, end] of ends.entries()) {
    if (end.id === undefined) throw invalidArgument('No image was generated. Is your Dockerfile empty?')
    made.push(await finishImage(parts, end, { ...options, inline: inline?.[at] }, signal))
  }
  return made
}

const attestOf = ({ request, ends, attestedFrom }: Delivery, { names }: PlannedExport): Attest | undefined =>
  attestedFrom === undefined ? undefined : provenance(request, ends, names, attestedFrom)

/** The host's among several. */
const mainOf = ({ ends }: Delivery, ids: readonly Digest[]): Digest => {
  const at = ends.findIndex(({ platform }) => platformDistance(hostPlatform(), platform) !== undefined)
  return ids[Math.max(at, 0)] as Digest
}

/** BuildKit's keys. */
const describe = (ids: readonly Digest[], { names }: PlannedExport, top: Descriptor): BuildResult['metadata'] => ({
  ...(ids.length === 1 ? { 'containerimage.config.digest': ids[0] } : {}),
  'containerimage.descriptor': { mediaType: top.mediaType, digest: top.digest, size: top.size },
  'containerimage.digest': top.digest,
  ...(names.length > 0 ? { 'image.name': names.map(canonicalName).join(',') } : {}),
})
