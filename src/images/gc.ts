import { setImmediate } from 'node:timers/promises'
import type { ImageGcResponse } from '../api/image-gc.ts'
import type { Events } from '../events.ts'
import type { Digest } from '../oci/digest.ts'
import { formatPlatform } from '../oci/platform.ts'
import { familiarName, repositoryName } from '../oci/reference.ts'
import type { ContentStore } from '../storage/content/content-store.ts'
import type { Snapshotter } from '../storage/snapshots/snapshotter.ts'
import { type GcImage, type GcPart, type GcPlan, type GcPolicy, type GcRemoval, planGc } from './gc-plan.ts'
import type { ImageUser } from './image.ts'
import type { ImageRecorder } from './image-recorder.ts'
import type { ImageTable } from './image-table.ts'
import type { ImageUse } from './image-use.ts'
import type { LayerStore } from './layer-store.ts'
import { removeImage } from './remove-image.ts'

export type GcParts = {
  readonly content: ContentStore
  readonly events: Events
  readonly inUse: (image: Digest) => readonly ImageUser[]
  readonly layers: LayerStore
  readonly recorder: ImageRecorder
  readonly snapshotter: Snapshotter
  readonly table: ImageTable
  readonly use: ImageUse
}

/** What would go now. */
export const describeGc = (parts: GcParts, policy: GcPolicy, now = Date.now()): ImageGcResponse => {
  const { images, plan } = decide(parts, policy, now)
  return answerOf(parts, plan, images)
}

/** Removes what has to go. An image that somebody has begun to use in the meantime stays. */
export const collectGarbage = async (parts: GcParts, policy: GcPolicy, now = Date.now()): Promise<ImageGcResponse> => {
  const { events, inUse, recorder, table, use } = parts
  const { images, plan } = decide(parts, policy, now)
  const answer = answerOf(parts, plan, images)
  if (plan.remove.length === 0) return answer
  const gone = new Set<Digest>()
  for (const { id } of plan.remove) {
    // Each removal waits for the disk: let others have their turn, and then look again.
    await setImmediate()
    if (!table.image(id) || use.isPinned(id) || inUse(id).length > 0 || isYoung(parts, id, policy)) continue
    removeImage(parts, id)
    gone.add(id)
  }
  await recorder.collect()
  const Images = answer.Images.filter(({ Id }) => gone.has(Id as Digest))
  const SpaceReclaimed = Images.reduce((sum, { Size }) => sum + Size, 0)
  events.publish('image', 'prune', '', { reclaimed: String(SpaceReclaimed) })
  return { Images, Kept: images.length - Images.length, SpaceReclaimed }
}

const lastUse = ({ table, use }: GcParts, id: Digest): number => Math.max(use.used(id) ?? 0, table.lastTagged(id) ?? 0)

const isYoung = (parts: GcParts, id: Digest, { minAge }: GcPolicy): boolean => Date.now() - lastUse(parts, id) < minAge

const decide = (parts: GcParts, policy: GcPolicy, now: number): { images: GcImage[]; plan: GcPlan } => {
  const images = gcImages(parts)
  return { images, plan: planGc(images, policy, now) }
}

const gcImages = (all: GcParts): GcImage[] => {
  const { content, inUse, layers, recorder, snapshotter, table, use } = all
  const standing = new Set(snapshotter.keys().flatMap(key => snapshotter.stack(key) ?? []))
  const pinned = new Set(layers.all().flatMap(({ diffId, owners }) => (owners.length > 0 ? [diffId] : [])))
  return table.images().map(({ id, manifest, diffIds, blobs }): GcImage => {
    const image = recorder.image(id)
    const tagged = table.lastTagged(id) ?? 0
    const parts: GcPart[] = [
      { key: id, size: content.has(id) ? content.size(id) : 0, kept: false },
      { key: manifest.digest, size: manifest.size, kept: false },
      ...diffIds.flatMap((diffId, at): GcPart[] => {
        const kept = pinned.has(diffId) || standing.has(diffId)
        const blob = blobs[at]
        return [
          { key: `tree ${diffId}`, size: snapshotter.layer(diffId)?.size ?? 0, kept },
          ...(blob ? [{ key: blob.digest, size: blob.size, kept }] : []),
        ]
      }),
    ]
    return {
      id,
      repositories: [...new Set(table.namesOf(id).map(repositoryName))],
      platform: formatPlatform(image.platform),
      used: lastUse(all, id),
      tagged,
      created: image.created ?? 0,
      pinned: use.isPinned(id),
      containers: inUse(id).length,
      parts,
    }
  })
}

const answerOf = ({ table }: GcParts, plan: GcPlan, images: readonly GcImage[]): ImageGcResponse => ({
  Images: plan.remove.map(({ id, reason, freed }: GcRemoval) => ({
    Id: id,
    Names: table.namesOf(id).map(familiarName),
    Size: freed,
    Reason: reason,
  })),
  Kept: images.length - plan.remove.length,
  SpaceReclaimed: plan.remove.reduce((sum, { freed }) => sum + freed, 0),
})
