import { isKind, notFound } from '../errdefs.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { formatPlatform, type Platform } from '../oci/platform.ts'
import { canonicalName, familiarName, type Reference, repositoryName } from '../oci/reference.ts'
import type { Image } from './image.ts'
import type { ImageRecorder } from './image-recorder.ts'
import type { ImageTable } from './image-table.ts'
import { noSuchImage, noSuchPlatform, parseNaming, pickPlatform, resolveImages } from './resolve.ts'

export type SavedImage = { readonly image: Image; readonly manifest: Descriptor }

/** What one name, or an id, brings into an archive. */
export type SavedName = {
  /** With a tag; undefined for an image without a name. */
  readonly reference: Reference | undefined
  /** The index that the name stands for, with all its platforms; undefined where one image is meant. */
  readonly index: Descriptor | undefined
  /** What the index lists beside images, with its parts. */
  readonly attachments?: readonly Descriptor[] | undefined
  /** One of several platforms was asked for. */
  readonly isPicked: boolean
  /** At least one; the first is what the name means when no platform is asked for. */
  readonly images: readonly SavedImage[]
}

type Parts = { readonly table: ImageTable; readonly recorder: ImageRecorder }

/**
 * What is to be saved under these names. A name without a tag means all of its repository; one of several platforms means all
 * that are here, unless one is asked for. NotFound, in dockerd's words.
 */
export const savedNames = (parts: Parts, names: readonly string[], platform: Platform | undefined): SavedName[] => {
  const found = new Map<string, SavedName>()
  for (const saved of names.flatMap(name => savedBy(parts, name, platform))) {
    const key = saved.reference ? familiarName(saved.reference) : (saved.index?.digest ?? saved.images[0]?.image.id)
    found.set(key as string, saved)
  }
  return [...found.values()]
}

const savedBy = (parts: Parts, name: string, platform: Platform | undefined): SavedName[] => {
  const { table } = parts
  const naming = parseNaming(name)
  if ('reference' in naming && !/[:@]/.test(name.slice(name.lastIndexOf('/') + 1))) {
    const all = table.namesInRepository(repositoryName(naming.reference)).filter(row => row.reference.tag !== undefined)
    if (all.length > 0) return all.map(row => saveName(parts, canonicalName(row.reference), row.reference, platform))
  }
  try {
    return [saveName(parts, name, 'reference' in naming ? naming.reference : undefined, platform)]
  } catch (error) {
    if (platform && resolveImages(table, name).length > 0)
      throw notFound(`no suitable export target found for platform ${formatPlatform(platform)}`, { cause: error })
    // Here dockerd repeats the name as it was given.
    if (isKind(error, 'NotFound')) throw notFound(`No such image: ${name}`, { cause: error })
    throw error
  }
}

const saveName = (
  { table, recorder }: Parts,
  name: string,
  reference: Reference | undefined,
  platform: Platform | undefined,
): SavedName => {
  const candidates = resolveImages(table, name).map(id => recorder.image(id))
  const first = pickPlatform(candidates, platform)
  if (!first && platform && candidates.length > 0) {
    const platforms = candidates.map(image => image.platform)
    throw noSuchPlatform(name, platforms, platform)
  }
  if (!first) throw noSuchImage(name)
  const row = reference && table.named(reference)
  const target = row?.target?.members ? row.target : undefined
  const images = platform || !target ? [first] : [first, ...candidates.filter(({ id }) => id !== first.id)]
  return {
    reference: row && reference?.tag !== undefined ? reference : undefined,
    index: platform || !target ? undefined : plain(target),
    attachments: platform ? undefined : target?.attachments,
    isPicked: platform !== undefined && target !== undefined,
    images: images.map(image => ({ image, manifest: recorder.manifest(image.id) })),
  }
}

const plain = ({ mediaType, digest, size }: Descriptor): Descriptor => ({ mediaType, digest, size })
