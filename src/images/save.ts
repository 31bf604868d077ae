import { Readable } from 'node:stream'
import { type Descriptor, mediaTypes } from '../oci/descriptor.ts'
import { type Digest, hexOf } from '../oci/digest.ts'
import { canonicalName, familiarName, familiarRepository, type Reference } from '../oci/reference.ts'
import { BLOCK, paddingOf } from '../storage/archive/tar-entry.ts'
import { encodeEntry, endOfArchive, tarEntry } from '../storage/archive/tar-writer.ts'
import type { ContentStore } from '../storage/content/content-store.ts'
import type { Image } from './image.ts'

export type SavedImage = { readonly image: Image; readonly manifest: Descriptor; readonly names: readonly Reference[] }

/** An archive as `docker save` writes it since 25: an OCI layout that has `manifest.json` and `repositories` beside it. */
export const saveImages = (images: readonly SavedImage[], content: ContentStore): Readable =>
  Readable.from(archive(images, content), { objectMode: false, highWaterMark: 1 << 20 })

async function* archive(images: readonly SavedImage[], content: ContentStore): AsyncGenerator<Buffer> {
  const blobs = new Map<Digest, number>()
  for (const { image, manifest } of images) {
    const mtime = seconds(image.created)
    for (const digest of [image.id, ...image.layers.map(({ blob }) => blob.digest)]) blobs.set(digest, mtime)
    blobs.set(manifest.digest, 0)
  }
  yield encodeEntry(tarEntry({ type: 'directory', path: 'blobs/', mode: 0o755 }))
  yield encodeEntry(tarEntry({ type: 'directory', path: 'blobs/sha256/', mode: 0o755 }))
  for (const [digest, mtime] of [...blobs].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const size = content.size(digest)
    yield encodeEntry(tarEntry({ path: blobPath(digest), size, mtime: BigInt(mtime) * 1_000_000_000n }))
    yield* content.open(digest) as AsyncIterable<Buffer>
    yield Buffer.alloc(paddingOf(size))
  }
  yield* file('index.json', indexOf(images))
  yield* file('manifest.json', images.map(dockerManifest))
  yield* file('oci-layout', { imageLayoutVersion: '1.0.0' })
  const repositories = repositoriesOf(images)
  if (Object.keys(repositories).length > 0) yield* file('repositories', repositories)
  yield endOfArchive()
}

const blobPath = (digest: Digest): string => `blobs/sha256/${hexOf(digest)}`

/** Whole seconds: a header holds them, and everybody reads it. */
const seconds = (milliseconds: number | undefined): number => Math.max(0, Math.floor((milliseconds ?? 0) / 1000))

function* file(path: string, value: unknown): Generator<Buffer> {
  const bytes = Buffer.from(JSON.stringify(value))
  yield encodeEntry(tarEntry({ path, size: bytes.length }))
  yield bytes
  if (bytes.length % BLOCK !== 0) yield Buffer.alloc(paddingOf(bytes.length))
}

const indexOf = (images: readonly SavedImage[]) => ({
  schemaVersion: 2,
  mediaType: mediaTypes.index,
  manifests: images.flatMap(({ manifest, names }) => {
    const tags = names.filter(({ tag }) => tag !== undefined)
    if (tags.length === 0) return [manifest]
    return tags.map(name => ({
      ...manifest,
      annotations: {
        'io.containerd.image.name': canonicalName(name),
        'org.opencontainers.image.ref.name': name.tag as string,
      },
    }))
  }),
})

const dockerManifest = ({ image, names }: SavedImage) => ({
  Config: blobPath(image.id),
  RepoTags: names.length > 0 ? names.map(familiarName) : null,
  Layers: image.layers.map(({ blob }) => blobPath(blob.digest)),
  LayerSources: Object.fromEntries(image.layers.map(({ diffId, blob }) => [diffId, blob])),
})

/** What loaders of before 2016 look for. */
const repositoriesOf = (images: readonly SavedImage[]): Record<string, Record<string, string>> => {
  const found: Record<string, Record<string, string>> = {}
  for (const { image, names } of images) {
    const top = image.layers.at(-1)
    for (const name of names) {
      if (name.tag === undefined || !top) continue
      const repository = familiarRepository(name)
      found[repository] = { ...found[repository], [name.tag]: hexOf(top.blob.digest) }
    }
  }
  return found
}
