import { invalidArgument } from '../errdefs.ts'
import { type Descriptor, type Index, type Manifest, mediaTypes } from '../oci/descriptor.ts'
import { hexOf, isDigest } from '../oci/digest.ts'
import { formatPlatform, hostPlatform } from '../oci/platform.ts'
import type { ArchivedImage, ArchiveFiles, StoredFile } from './archive-files.ts'

/** Says which images an archive holds: one of `docker save`, of any age since 2016, or an OCI image layout. */
export const archivedImages = (files: ArchiveFiles): ArchivedImage[] => {
  const docker = files.find('manifest.json')
  const index = files.find('index.json')
  if (docker) return dockerImages(files, files.json(docker, 'manifest.json'), index ? layoutImages(files, index) : [])
  if (index) return layoutImages(files, index)
  throw invalidArgument('invalid archive: it has neither a manifest.json nor an index.json')
}

const dockerImages = (files: ArchiveFiles, items: unknown, layout: readonly ArchivedImage[]): ArchivedImage[] => {
  if (!Array.isArray(items)) throw invalidArgument('invalid archive: manifest.json is not a list')
  return items.map((item: unknown): ArchivedImage => {
    const { Config, RepoTags, Layers } = (item ?? {}) as { Config?: unknown; RepoTags?: unknown; Layers?: unknown }
    if (
      typeof Config !== 'string' ||
      !isStrings(Layers) ||
      !(RepoTags === null || RepoTags === undefined || isStrings(RepoTags))
    ) {
      throw invalidArgument('invalid archive: manifest.json has an entry without Config or Layers')
    }
    const config = files.get(Config)
    const layers = Layers.map(path => files.get(path))
    // The same archive's OCI manifest is kept if it says the same, so that the image keeps its manifest's digest.
    const same = layout.find(
      image =>
        image.config.digest === config.digest && image.layers.every((layer, at) => layer.digest === layers[at]?.digest),
    )
    return { config, layers, names: RepoTags ?? [], manifest: same?.manifest }
  })
}

const layoutImages = (files: ArchiveFiles, index: StoredFile): ArchivedImage[] => {
  const images = new Map<string, ArchivedImage>()
  const { manifests } = files.json(index, 'index.json') as Partial<Index>
  for (const top of manifests ?? []) {
    for (const descriptor of manifestsOf(files, top, 0)) {
      const stored = blob(files, descriptor)
      const { config, layers } = files.json(stored, `manifest ${descriptor.digest}`) as Partial<Manifest>
      if (!config || !Array.isArray(layers))
        throw invalidArgument(`invalid archive: ${descriptor.digest} is not an image manifest`)
      const known = images.get(descriptor.digest)
      const name = nameOf(top)
      images.set(descriptor.digest, {
        config: blob(files, config),
        layers: layers.map(layer => blob(files, layer)),
        names: [...(known?.names ?? []), ...(name === undefined ? [] : [name])],
        manifest: { mediaType: descriptor.mediaType, digest: descriptor.digest, size: stored.size },
      })
    }
  }
  return [...images.values()]
}

/** The manifest for this host that a descriptor leads to: itself, or one of an index. */
const manifestsOf = (files: ArchiveFiles, descriptor: Descriptor, depth: number): Descriptor[] => {
  if (descriptor.mediaType !== mediaTypes.index && descriptor.mediaType !== mediaTypes.dockerManifestList)
    return [descriptor]
  if (depth > 3) throw invalidArgument('invalid archive: indexes within indexes')
  const { manifests } = files.json(blob(files, descriptor), `index ${descriptor.digest}`) as Partial<Index>
  const host = hostPlatform()
  const fitting = (manifests ?? []).filter(
    ({ platform }) =>
      platform === undefined || (platform.os === host.os && platform.architecture === host.architecture),
  )
  const first = fitting[0]
  if (!first) throw invalidArgument(`no suitable image in the archive for ${formatPlatform(host)}`)
  return manifestsOf(files, first, depth + 1)
}

const nameOf = ({ annotations }: Descriptor): string | undefined => {
  const full = annotations?.['io.containerd.image.name']
  if (full !== undefined) return full
  const name = annotations?.['org.opencontainers.image.ref.name']
  // By the specification this may be a bare tag, of a repository that the archive does not tell.
  return name !== undefined && /[:/]/.test(name) ? name : undefined
}

const blob = (files: ArchiveFiles, { digest }: { readonly digest: string }): StoredFile => {
  if (!isDigest(digest)) throw invalidArgument('invalid checksum digest format')
  const file = files.get(`blobs/sha256/${hexOf(digest)}`)
  if (file.digest !== digest) throw invalidArgument(`invalid archive: ${digest} has other content`)
  return file
}

const isStrings = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every(item => typeof item === 'string')
