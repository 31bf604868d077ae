import { invalidArgument, notFound } from '../errdefs.ts'
import type { Descriptor, Index, Manifest } from '../oci/descriptor.ts'
import { hexOf, isDigest } from '../oci/digest.ts'
import type { ImageConfig } from '../oci/image-config.ts'
import { formatPlatform, hostPlatform, type Platform } from '../oci/platform.ts'
import type { ArchiveFiles, StoredFile } from './archive-files.ts'
import { platformOf } from './image-recorder.ts'
import type { NameTarget } from './image-table.ts'
import { isImageMember, isIndex } from './remote-manifest.ts'
import { nearestPlatform } from './resolve.ts'

/** An image that an archive holds. */
export type ArchivedImage = {
  readonly config: StoredFile
  /** Bottom first. */
  readonly layers: readonly StoredFile[]
  /** The archive's own manifest, if it has one for this very image. */
  readonly manifest: Descriptor | undefined
  readonly platform: Platform
}

/** What an archive holds under one name, several names for the same, or none. */
export type ArchivedName = {
  /** Full names. */
  readonly names: readonly string[]
  /** The index that the names stand for; undefined: a single image. */
  readonly index: NameTarget | undefined
  /** Those that are in the archive whole: for an index the platforms, else one. */
  readonly images: readonly ArchivedImage[]
}

/**
 * Says which images of an archive are to be loaded: one of `docker save`, of any age since 2016, or an OCI image layout. Of
 * an index that is `platform`; when none is asked for, all that an engine has saved, but of another tool's layout (which may
 * hold everything that was ever built) the host's alone. InvalidArgument when it is no such archive, NotFound for a platform
 * that it does not hold.
 */
export const archivedImages = (files: ArchiveFiles, platform: Platform | undefined): ArchivedName[] => {
  const docker = files.find('manifest.json')
  const index = files.find('index.json')
  if (!docker && !index) throw invalidArgument('invalid archive: it has neither a manifest.json nor an index.json')
  const layout = index ? layoutNames(files, index) : []
  const found = docker ? withDockerNames(files, files.json(docker, 'manifest.json'), layout) : layout
  if (platform) return pick(found, platform)
  return docker ? found : found.map(hosts)
}

const pick = (found: readonly ArchivedName[], platform: Platform): ArchivedName[] => {
  const picked = found.map(name => {
    const image = nearestPlatform(name.images, platform)
    return { ...name, images: image ? [image] : [] }
  })
  const missing = picked.filter(({ images }) => images.length === 0)
  const words = `requested platform (${formatPlatform(platform)})`
  if (missing.length === picked.length) throw notFound(`${words} not found: image might be filtered out`)
  const [first] = missing
  if (first) throw notFound(`image ${first.names[0] ?? 'without a name'} doesn't provide the ${words}`)
  return picked
}

/** Of several platforms the host's. */
const hosts = (name: ArchivedName): ArchivedName => {
  if (name.images.length < 2) return name
  const image = nearestPlatform(name.images, hostPlatform())
  if (image) return { ...name, images: [image] }
  throw notFound(`no matching manifest for ${formatPlatform(hostPlatform())} in the manifest list entries`)
}

/** What `manifest.json` says beside the layout's own index: more names, and images that only it knows. */
const withDockerNames = (files: ArchiveFiles, items: unknown, layout: readonly ArchivedName[]): ArchivedName[] => {
  if (!Array.isArray(items)) throw invalidArgument('invalid archive: manifest.json is not a list')
  const known = new Set(layout.flatMap(({ names }) => names.map(short)))
  const found = [...layout]
  for (const item of items as unknown[]) {
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
    const names = (RepoTags ?? []).filter(name => !known.has(short(name)))
    const isSame = (image: ArchivedImage): boolean =>
      image.config.digest === config.digest && image.layers.every((layer, at) => layer.digest === layers[at]?.digest)
    // The same archive's OCI manifest is kept if it says the same, so that the image keeps its manifest's digest.
    const at = found.findIndex(({ index, images }) => !index && images.some(isSame))
    const same = found[at]
    if (same) found[at] = { ...same, names: [...same.names, ...names] }
    else if (names.length > 0 || !found.some(({ images }) => images.some(isSame))) {
      const image = { config, layers, manifest: undefined, platform: platformOf(configOf(files, config)) }
      found.push({ names, index: undefined, images: [image] })
    }
  }
  return found
}

/** The same name as people write it. */
const short = (name: string): string => name.replace(/^docker\.io\/(?:library\/)?/, '')

const layoutNames = (files: ArchiveFiles, index: StoredFile): ArchivedName[] => {
  const found = new Map<string, ArchivedName>()
  const { manifests } = files.json(index, 'index.json') as Partial<Index>
  for (const top of manifests ?? []) {
    const known = found.get(top.digest)
    const name = nameOf(top)
    const names = [...(known?.names ?? []), ...(name === undefined ? [] : [name])]
    if (known) found.set(top.digest, { ...known, names })
    else if (!isIndex(top)) found.set(top.digest, { names, index: undefined, images: [imageOf(files, top)] })
    else {
      const members = membersOf(files, top, 0).filter(isImageMember)
      const images = members.filter(member => isWhole(files, member)).map(member => imageOf(files, member))
      if (images.length === 0) throw invalidArgument(`invalid archive: it has none of the images of ${top.digest}`)
      const { mediaType, digest } = top
      found.set(digest, { names, index: { mediaType, digest, size: blob(files, top).size, members }, images })
    }
  }
  return [...found.values()]
}

/** The manifests that an index lists, also through indexes of its own. */
const membersOf = (files: ArchiveFiles, index: Descriptor, depth: number): Descriptor[] => {
  if (depth > 3) throw invalidArgument('invalid archive: indexes within indexes')
  const { manifests } = files.json(blob(files, index), `index ${index.digest}`) as Partial<Index>
  if (!Array.isArray(manifests)) throw invalidArgument(`invalid archive: ${index.digest} is not an index`)
  return manifests.flatMap(member =>
    isIndex(member) && find(files, member) ? membersOf(files, member, depth + 1) : [member],
  )
}

const imageOf = (files: ArchiveFiles, descriptor: Descriptor): ArchivedImage => {
  const stored = blob(files, descriptor)
  const { config, layers } = manifestOf(files, stored, descriptor)
  const image = blob(files, config)
  return {
    config: image,
    layers: layers.map(layer => blob(files, layer)),
    manifest: { mediaType: descriptor.mediaType, digest: descriptor.digest, size: stored.size },
    platform: platformOf(configOf(files, image)),
  }
}

const manifestOf = (
  files: ArchiveFiles,
  stored: StoredFile,
  { digest }: Descriptor,
): Pick<Manifest, 'config' | 'layers'> => {
  const { config, layers } = files.json(stored, `manifest ${digest}`) as Partial<Manifest>
  if (!config || !Array.isArray(layers)) throw invalidArgument(`invalid archive: ${digest} is not an image manifest`)
  return { config, layers }
}

/** Of the platforms that an index lists, an archive need not hold all. */
const isWhole = (files: ArchiveFiles, descriptor: Descriptor): boolean => {
  const stored = find(files, descriptor)
  if (!stored) return false
  const { config, layers } = manifestOf(files, stored, descriptor)
  return [config, ...layers].every(part => find(files, part))
}

/** A foreign configuration is only taken when it is one. */
export const configOf = (files: ArchiveFiles, file: StoredFile): ImageConfig => {
  const config = files.json(file, 'an image configuration') as Partial<ImageConfig> | null
  const diffIds: unknown = config?.rootfs?.diff_ids
  if (
    typeof config !== 'object' ||
    config === null ||
    !Array.isArray(diffIds) ||
    !diffIds.every(id => typeof id === 'string' && isDigest(id))
  ) {
    throw invalidArgument('invalid archive: an image configuration has no rootfs.diff_ids')
  }
  return config as ImageConfig
}

const nameOf = ({ annotations }: Descriptor): string | undefined => {
  const full = annotations?.['io.containerd.image.name']
  if (full !== undefined) return full
  const name = annotations?.['org.opencontainers.image.ref.name']
  // By the specification this may be a bare tag, of a repository that the archive does not tell.
  return name !== undefined && /[:/]/.test(name) ? name : undefined
}

const find = (files: ArchiveFiles, { digest }: { readonly digest: string }): StoredFile | undefined => {
  if (!isDigest(digest)) throw invalidArgument('invalid checksum digest format')
  return files.find(`blobs/sha256/${hexOf(digest)}`)
}

const blob = (files: ArchiveFiles, { digest }: { readonly digest: string }): StoredFile => {
  if (!isDigest(digest)) throw invalidArgument('invalid checksum digest format')
  const file = files.get(`blobs/sha256/${hexOf(digest)}`)
  if (file.digest !== digest) throw invalidArgument(`invalid archive: ${digest} has other content`)
  return file
}

const isStrings = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every(item => typeof item === 'string')
