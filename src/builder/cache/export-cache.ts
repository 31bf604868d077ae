import type { Writable } from 'node:stream'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { messageOf } from '../../errdefs.ts'
import { type Descriptor, type Index, mediaTypes } from '../../oci/descriptor.ts'
import { type Digest, digestOf, hexOf } from '../../oci/digest.ts'
import { paddingOf } from '../../storage/archive/tar-entry.ts'
import { encodeEntry, endOfArchive, tarEntry } from '../../storage/archive/tar-writer.ts'
import type { BuildRequest } from '../build-client.ts'
import type { ImageStore } from '../solver/engine-parts.ts'
import type { StageState } from '../solver/stage-state.ts'
import { cacheDocuments, type UsedStep } from './cache-document.ts'
import type { CacheTarget } from './cache-options.ts'
import type { LinkedMounts, MountArchive } from './linked-mounts.ts'

type Export = {
  readonly images: ImageStore
  readonly request: BuildRequest
  readonly ends: readonly StageState[]
  readonly used: readonly UsedStep[]
  readonly mounts: LinkedMounts
  readonly onWarning: (message: string) => void
  readonly signal: AbortSignal
}

/** Sends the build's cache where it is wanted; that of an image goes with the image itself. */
export const exportCache = async (work: Export, targets: readonly CacheTarget[]): Promise<void> => {
  for (const target of targets) {
    if (target.type === 'inline') continue
    try {
      const used = target.all ? work.used : ofResult(work.used, work.ends)
      await using archives = target.mounts ? await work.mounts.archives(work.signal) : undefined
      const mounts = archives?.list ?? []
      await (target.type === 'local' ? toClient(work, target, used, mounts) : toRegistry(work, target, used, mounts))
    } catch (error) {
      work.signal.throwIfAborted()
      if (!target.ignoreError) throw error
      work.onWarning(`failed to export the cache: ${messageOf(error)}`)
    }
  }
}

/** Steps whose layers the result has, or that have none. */
export const ofResult = (used: readonly UsedStep[], ends: readonly StageState[]): UsedStep[] => {
  const kept = new Set(ends.flatMap(({ layers }) => layers.map(({ diffId }) => diffId)))
  return used.filter(({ layer }) => layer === undefined || kept.has(layer.diffId))
}

const describe = (mediaType: string, bytes: Buffer): Descriptor => ({
  mediaType,
  digest: digestOf(bytes),
  size: bytes.length,
})

/** The layers, compressed, by diffID. */
const blobsOf = async (
  { images, signal }: Export,
  used: readonly UsedStep[],
): Promise<ReadonlyMap<Digest, Descriptor>> => {
  const blobs = new Map<Digest, Descriptor>()
  for (const { layer } of used)
    if (layer && !blobs.has(layer.diffId))
      blobs.set(layer.diffId, await images.built.compressLayer(layer.diffId, signal))
  return blobs
}

const toClient = async (
  work: Export,
  { index }: CacheTarget,
  used: readonly UsedStep[],
  mounts: readonly MountArchive[],
): Promise<void> => {
  const { images, request, signal } = work
  const blobs = await blobsOf(work, used)
  const { config, manifest } = cacheDocuments(used, blobs, mounts, describe)
  const top: Index = {
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: [describe(mediaTypes.manifest, manifest)],
  }
  const output = await request.client.output(index, signal)
  for (const path of ['blobs/', 'blobs/sha256/'])
    output.stream.write(encodeEntry(tarEntry({ type: 'directory', path, mode: 0o755 })))
  for (const { digest, size } of distinct([...blobs.values(), ...mounts.map(({ blob }) => blob)]))
    await member(output.stream, blobPath(digest), size, images.built.openBlob(digest), signal)
  for (const bytes of [config, manifest]) await small(output.stream, blobPath(digestOf(bytes)), bytes, signal)
  await small(output.stream, 'index.json', Buffer.from(JSON.stringify(top)), signal)
  await small(output.stream, 'oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}'), signal)
  output.stream.write(endOfArchive())
  await output.finish()
}

const distinct = (blobs: readonly Descriptor[]): Descriptor[] => [
  ...new Map(blobs.map(blob => [blob.digest, blob])).values(),
]

const blobPath = (digest: Digest): string => `blobs/sha256/${hexOf(digest)}`

const small = (output: Writable, path: string, bytes: Buffer, signal: AbortSignal): Promise<void> =>
  member(output, path, bytes.length, Readable.from([bytes], { objectMode: false }), signal)

const member = async (
  output: Writable,
  path: string,
  size: number,
  body: Readable,
  signal: AbortSignal,
): Promise<void> => {
  output.write(encodeEntry(tarEntry({ path, size })))
  await pipeline(body, output, { end: false, signal })
  output.write(Buffer.alloc(paddingOf(size)))
}

const toRegistry = async (
  work: Export,
  { reference }: CacheTarget,
  used: readonly UsedStep[],
  mounts: readonly MountArchive[],
): Promise<void> => {
  if (!reference) return
  const { images, request, signal } = work
  const credentials = request.credentials(reference)
  const registries = await images.distribution.registries()
  const repository = registries.repository(reference, credentials ? { credentials } : {})
  const blobs = await blobsOf(work, used)
  const { config, manifest } = cacheDocuments(used, blobs, mounts, describe)
  for (const blob of distinct([...blobs.values(), ...mounts.map(({ blob }) => blob)])) {
    if (await repository.hasBlob(blob.digest, { signal })) continue
    await repository.uploadBlob(blob, offset => images.built.openBlob(blob.digest, offset), { signal })
  }
  const open = (offset: number): Readable => Readable.from([config.subarray(offset)], { objectMode: false })
  await repository.uploadBlob(describe('application/octet-stream', config), open, { signal })
  await repository.putManifest(reference.tag ?? (reference.digest as string), manifest, mediaTypes.manifest, { signal })
}
