import type { Readable } from 'node:stream'
import { invalidArgument } from '../../errdefs.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { type Digest, isDigest } from '../../oci/digest.ts'
import { parseMounts, parseObject, type SharedRecord } from './cache-document.ts'

/** Records that lie elsewhere, and how their layers come. */
export type CacheSource = {
  readonly records: readonly SharedRecord[]
  /** Directories for cache mounts, with the descriptors of their archives. */
  readonly mounts: readonly { readonly key: string; readonly blob: Descriptor }[]
  /** The layer's blob; undefined when the source does not have it. */
  layer(record: SharedRecord): Descriptor | undefined
  open(blob: Descriptor): Promise<Readable>
}

/** What a manifest lists. InvalidArgument for what is none. */
export const layersOf = (manifest: Buffer): { readonly config: Descriptor; readonly layers: readonly Descriptor[] } => {
  const { config, layers } = parseObject(manifest)
  if (!Array.isArray(layers)) throw invalidArgument('invalid build cache: the manifest has no layers')
  return { config: descriptor(config), layers: layers.map(descriptor) }
}

export const descriptor = (value: unknown): Descriptor => {
  const { mediaType, digest, size } = (value ?? {}) as Readonly<Record<string, unknown>>
  if (typeof mediaType === 'string' && typeof digest === 'string' && isDigest(digest) && Number.isSafeInteger(size))
    return { mediaType, digest, size: size as number }
  throw invalidArgument('invalid build cache: a descriptor is broken')
}

/** How a source of its own manifest finds a record's blob. */
export const byBlob = (layers: readonly Descriptor[]): CacheSource['layer'] => {
  const found = new Map<Digest, Descriptor>(layers.map(layer => [layer.digest, layer]))
  return ({ blob }) => blob && found.get(blob)
}

/** The archives of cache mounts that a manifest has. */
export const mountsOf = (config: Buffer, layers: readonly Descriptor[]): CacheSource['mounts'] =>
  parseMounts(config).flatMap(({ key, blob }) => {
    const found = layers.find(({ digest }) => digest === blob)
    return found ? [{ key, blob: found }] : []
  })
