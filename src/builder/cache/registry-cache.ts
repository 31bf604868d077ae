import { buffer } from 'node:stream/consumers'
import { invalidArgument } from '../../errdefs.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { digestOf } from '../../oci/digest.ts'
import type { Repository } from '../solver/engine-parts.ts'
import { CACHE_TYPE, parseObject, parseRecords } from './cache-document.ts'
import { byBlob, type CacheSource, descriptor, layersOf, mountsOf } from './cache-source.ts'

/** Bytes of a configuration. */
const LIMIT = 64 << 20

/** A cache in a registry, or the images under a name that have records of their own: one for each platform. */
export const registrySources = async (
  repository: Repository,
  tagOrDigest: string,
  signal: AbortSignal,
): Promise<CacheSource[]> => {
  const { bytes } = await repository.manifest(tagOrDigest, { signal })
  const { manifests } = parseObject(bytes)
  if (!Array.isArray(manifests)) return [await sourceOf(repository, bytes, signal)]
  const members = manifests.filter(
    (member: Descriptor) => member.annotations?.['vnd.docker.reference.type'] === undefined,
  )
  return await Promise.all(
    members.map(async (member: unknown) => {
      const { bytes } = await repository.manifest(descriptor(member).digest, { signal })
      return await sourceOf(repository, bytes, signal)
    }),
  )
}

const sourceOf = async (repository: Repository, manifest: Buffer, signal: AbortSignal): Promise<CacheSource> => {
  const { config, layers } = layersOf(manifest)
  if (config.size > LIMIT) throw invalidArgument('invalid build cache: its configuration is too large')
  const bytes = await buffer((await repository.blob(config, { signal })).stream)
  if (digestOf(bytes) !== config.digest) throw invalidArgument(`invalid build cache: ${config.digest} is damaged`)
  return {
    records: parseRecords(bytes),
    mounts: config.mediaType === CACHE_TYPE ? mountsOf(bytes, layers) : [],
    layer: config.mediaType === CACHE_TYPE ? byBlob(layers) : byPlace(bytes, layers),
    open: async blob => (await repository.blob(blob, { signal })).stream,
  }
}

/** An image says itself which layer is which. */
const byPlace = (config: Buffer, layers: readonly Descriptor[]): CacheSource['layer'] => {
  const { rootfs } = parseObject(config) as { rootfs?: { diff_ids?: unknown } }
  const diffIds: readonly unknown[] = Array.isArray(rootfs?.diff_ids) ? rootfs.diff_ids : []
  return ({ diffId }) => layers[diffIds.indexOf(diffId)]
}
