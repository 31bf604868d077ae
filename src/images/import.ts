import type { Readable } from 'node:stream'
import { internal, invalidArgument, isKind, messageOf } from '../errdefs.ts'
import type { ImageConfig } from '../oci/image-config.ts'
import { hostPlatform, type Platform, parsePlatform } from '../oci/platform.ts'
import { familiarName } from '../oci/reference.ts'
import { decompress } from '../storage/archive/decompress.ts'
import type { ContentStore } from '../storage/content/content-store.ts'
import type { BlobLeases } from './blob-leases.ts'
import type { ApplyChanges } from './changes.ts'
import type { Image } from './image.ts'
import type { ImageRecorder } from './image-recorder.ts'
import type { LayerStore } from './layer-store.ts'
import { nameFromParts } from './name-from-parts.ts'

export type ImportOptions = {
  /** '' or undefined: the image stays without a name. */
  readonly repo?: string | undefined
  readonly tag?: string | undefined
  readonly message?: string | undefined
  /** Dockerfile instructions. */
  readonly changes?: readonly string[] | undefined
  /** `linux/arm64`; this host's when left out. */
  readonly platform?: string | undefined
}

type Parts = {
  readonly content: ContentStore
  readonly layers: LayerStore
  readonly leases: BlobLeases
  readonly recorder: ImageRecorder
  readonly applyChanges: ApplyChanges
}

/** Makes an image of one layer from a file system's tar, compressed or not. */
export const importImage = async (
  parts: Parts,
  tar: Readable,
  options: ImportOptions,
  signal?: AbortSignal,
): Promise<Image> => {
  const { content, layers, leases, recorder, applyChanges } = parts
  const reference = nameFromParts(options.repo ?? '', options.tag ?? '')
  const { os, architecture, variant } = platformOf(options.platform ?? '')
  const execution = applyChanges({}, options.changes ?? [])
  using lease = leases.open()
  const { stream } = await decompress(tar)
  const blob = await content.ingest(stream, {}, signal)
  lease.hold(blob.digest)
  const layer = await layers.unpack(blob.digest, blob.digest, { signal }).catch(error => {
    // dockerd answers 500 to an archive that is none.
    throw isKind(error, 'InvalidArgument') ? internal(messageOf(error), { cause: error }) : error
  })
  const created = new Date().toISOString()
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
    recorder.name([reference], image.id)
    recorder.publishEvent('tag', image.id, familiarName(reference))
  }
  recorder.publishEvent('import', image.id, image.id)
  return image
}

const ARCHITECTURES = ['amd64', 'arm64', 'arm', '386', 'ppc64le', 's390x', 'riscv64', 'loong64', 'mips64le']

/** The platform of an image to be imported. InvalidArgument for one that there is not. */
const platformOf = (text: string): Platform => {
  if (text === '') return hostPlatform()
  const platform = parsePlatform(text)
  if (platform.os !== 'linux' || !ARCHITECTURES.includes(platform.architecture)) {
    throw invalidArgument(`${JSON.stringify(text)}: unknown operating system or architecture: invalid argument`)
  }
  return platform
}
