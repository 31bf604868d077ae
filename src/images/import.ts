import type { Readable } from 'node:stream'
import { invalidArgument } from '../errdefs.ts'
import type { ImageConfig } from '../oci/image-config.ts'
import { hostPlatform, type Platform } from '../oci/platform.ts'
import { familiarName, parseReference, type Reference, withDefaultTag } from '../oci/reference.ts'
import { decompress } from '../storage/archive/decompress.ts'
import type { ContentStore } from '../storage/content/content-store.ts'
import type { BlobLeases } from './blob-leases.ts'
import type { ApplyChanges } from './changes.ts'
import type { Image } from './image.ts'
import type { ImageRecorder } from './image-recorder.ts'
import type { LayerStore } from './layer-store.ts'

export type ImportOptions = {
  /** '' or undefined: the image stays without a name. */
  readonly repo?: string | undefined
  readonly tag?: string | undefined
  readonly message?: string | undefined
  /** Dockerfile instructions. */
  readonly changes?: readonly string[] | undefined
  readonly platform?: Platform | undefined
  readonly signal?: AbortSignal | undefined
}

type Parts = {
  readonly content: ContentStore
  readonly layers: LayerStore
  readonly leases: BlobLeases
  readonly recorder: ImageRecorder
  readonly applyChanges: ApplyChanges
}

/** Makes an image of one layer from a file system's tar, compressed or not. */
export const importImage = async (parts: Parts, tar: Readable, options: ImportOptions): Promise<Image> => {
  const { content, layers, leases, recorder, applyChanges } = parts
  const reference = nameFromParts(options.repo ?? '', options.tag ?? '')
  const execution = applyChanges({}, options.changes ?? [])
  using lease = leases.open()
  const { stream } = await decompress(tar)
  const blob = await content.ingest(stream, {}, options.signal)
  lease.hold(blob.digest)
  const layer = await layers.unpack(blob.digest, blob.digest, { signal: options.signal })
  const created = new Date().toISOString()
  const { os, architecture, variant } = options.platform ?? hostPlatform()
  const config: ImageConfig = {
    created,
    architecture,
    ...(variant ? { variant } : {}),
    os,
    config: execution,
    rootfs: { type: 'layers', diff_ids: [layer.diffId] },
    history: [{ created, comment: options.message || 'Imported from -' }],
  }
  const image = recorder.create(config, [layer])
  if (reference) {
    recorder.name(reference, image.id)
    recorder.publishEvent('tag', image.id, familiarName(reference))
  }
  recorder.publishEvent('import', image.id, image.id)
  return image
}

/** The name that the parameters `repo` and `tag` of the API mean; undefined for none. InvalidArgument in dockerd's words. */
export const nameFromParts = (repo: string, tag: string): Reference | undefined => {
  if (repo === '') return undefined
  const reference = parseReference(repo)
  if (reference.digest !== undefined) throw invalidArgument('cannot import digest reference')
  if (tag === '') return withDefaultTag(reference)
  if (!/^[\w][\w.-]{0,127}$/.test(tag)) throw invalidArgument('invalid tag format')
  return { ...reference, tag }
}
