import { Readable } from 'node:stream'
import { type Descriptor, mediaTypes } from '../oci/descriptor.ts'
import { type Digest, hexOf } from '../oci/digest.ts'
import { canonicalName, familiarName, familiarRepository, type Reference } from '../oci/reference.ts'
import { BLOCK, paddingOf } from '../storage/archive/tar-entry.ts'
import { encodeEntry, endOfArchive, tarEntry } from '../storage/archive/tar-writer.ts'
import type { ContentStore } from '../storage/content/content-store.ts'
import type { BlobLeases } from './blob-leases.ts'
import type { SavedImage, SavedName } from './saved-names.ts'

type Parts = { readonly content: ContentStore; readonly leases: BlobLeases }

/**
 * An archive as `docker save` writes it since 25: an OCI layout that has `manifest.json` and `repositories` beside it. Where a
 * name stands for several platforms its index goes along, and those platforms that are here. Nothing of it can be removed
 * before the stream is closed.
 */
export const saveImages = ({ content, leases }: Parts, saved: readonly SavedName[]): Readable => {
  const blobs = blobsOf(saved)
  const lease = leases.open()
  for (const digest of blobs.keys()) lease.hold(digest)
  const stream = Readable.from(archive(saved, blobs, content), { objectMode: false, highWaterMark: 1 << 20 })
  return stream.once('close', () => lease[Symbol.dispose]())
}

/** All blobs, and the seconds since the epoch that they shall bear. */
const blobsOf = (saved: readonly SavedName[]): Map<Digest, number> => {
  const blobs = new Map<Digest, number>()
  for (const { index, attachments, images } of saved) {
    for (const { image, manifest } of images) {
      const mtime = seconds(image.created)
      for (const digest of [image.id, ...image.layers.map(({ blob }) => blob.digest)]) blobs.set(digest, mtime)
      blobs.set(manifest.digest, 0)
    }
    if (index) blobs.set(index.digest, 0)
    for (const { digest } of attachments ?? []) blobs.set(digest, 0)
  }
  return blobs
}

async function* archive(
  saved: readonly SavedName[],
  blobs: ReadonlyMap<Digest, number>,
  content: ContentStore,
): AsyncGenerator<Buffer> {
  yield encodeEntry(tarEntry({ type: 'directory', path: 'blobs/', mode: 0o755 }))
  yield encodeEntry(tarEntry({ type: 'directory', path: 'blobs/sha256/', mode: 0o755 }))
  for (const [digest, mtime] of [...blobs].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const size = content.size(digest)
    yield encodeEntry(tarEntry({ path: blobPath(digest), size, mtime: BigInt(mtime) * 1_000_000_000n }))
    yield* content.open(digest) as AsyncIterable<Buffer>
    yield Buffer.alloc(paddingOf(size))
  }
  yield* file('index.json', indexOf(saved))
  yield* file('manifest.json', dockerManifests(saved))
  yield* file('oci-layout', { imageLayoutVersion: '1.0.0' })
  const repositories = repositoriesOf(saved)
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

/** A name leads to its index, or to the one manifest; of a platform that was picked the descriptor says which. */
const indexOf = (saved: readonly SavedName[]) => {
  const named = new Set(saved.filter(({ reference }) => reference).map(one => topOf(one).digest))
  return {
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: saved.flatMap(one => {
      const { reference } = one
      const top = topOf(one)
      if (!reference) return named.has(top.digest) ? [] : [top]
      const annotations = {
        'io.containerd.image.name': canonicalName(reference),
        'org.opencontainers.image.ref.name': reference.tag as string,
      }
      return [{ ...top, annotations }]
    }),
  }
}

const topOf = ({ index, isPicked, images }: SavedName): Descriptor => {
  const { image, manifest } = images[0] as SavedImage
  return index ?? (isPicked ? { ...manifest, platform: image.platform } : manifest)
}

/** An entry for each image. Its names are those that mean it when no platform is asked for: readers of this file know no other. */
const dockerManifests = (saved: readonly SavedName[]) => {
  const entries = new Map<Digest, { image: SavedImage['image']; names: Reference[] }>()
  const entry = ({ image }: SavedImage) => {
    const known = entries.get(image.id) ?? { image, names: [] }
    entries.set(image.id, known)
    return known
  }
  for (const { reference, images } of saved) {
    for (const [at, one] of images.entries()) {
      const { names } = entry(one)
      if (at === 0 && reference) names.push(reference)
    }
  }
  return [...entries.values()].map(({ image, names }) => ({
    Config: blobPath(image.id),
    RepoTags: names.length > 0 ? names.map(familiarName) : null,
    Layers: image.layers.map(({ blob }) => blobPath(blob.digest)),
    LayerSources: Object.fromEntries(image.layers.map(({ diffId, blob }) => [diffId, blob])),
  }))
}

/** What loaders of before 2016 look for. */
const repositoriesOf = (saved: readonly SavedName[]): Record<string, Record<string, string>> => {
  const found: Record<string, Record<string, string>> = {}
  for (const { reference, images } of saved) {
    const top = images[0]?.image.layers.at(-1)
    if (reference?.tag === undefined || !top) continue
    const repository = familiarRepository(reference)
    found[repository] = { ...found[repository], [reference.tag]: hexOf(top.blob.digest) }
  }
  return found
}
