import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { type Descriptor, type Index, type Manifest, mediaTypes } from '../../src/oci/descriptor.ts'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import type { ImageConfig } from '../../src/oci/image-config.ts'
import type { Platform } from '../../src/oci/platform.ts'
import { paddingOf, type TarEntry } from '../../src/storage/archive/tar-entry.ts'
import { encodeEntry, endOfArchive, tarEntry } from '../../src/storage/archive/tar-writer.ts'

export type Blob = { readonly descriptor: Descriptor; readonly bytes: Buffer }
export type Member = Partial<TarEntry> & Pick<TarEntry, 'path'> & { readonly content?: string | Uint8Array }
export type MadeLayer = Blob & { readonly diffId: Digest; readonly tar: Buffer }
export type Compression = 'gzip' | 'zstd' | 'none'
/** Whose media types. */
export type Flavour = 'docker' | 'oci'

/** What a name in a registry leads to, and everything that has to be there with it. */
export type Publication = {
  readonly target: Blob
  readonly manifests: readonly Blob[]
  readonly blobs: readonly Blob[]
}

export type MadeImage = Publication & {
  readonly id: Digest
  readonly platform: Platform
  readonly config: Blob
  readonly layers: readonly MadeLayer[]
  readonly manifest: Manifest
}

export const blobOf = (bytes: Buffer, mediaType: string): Blob => ({
  descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length },
  bytes,
})

export const jsonBlob = (value: object, mediaType: string): Blob =>
  blobOf(Buffer.from(JSON.stringify(value)), mediaType)

/** An archive of these members; names need not be good ones. */
export const tarOf = (members: readonly Member[], ended = true): Buffer => {
  const parts = members.flatMap(({ content = '', ...fields }) => {
    const bytes = Buffer.from(content as string)
    const mode = fields.type === 'directory' ? 0o755 : 0o644
    return [
      encodeEntry(tarEntry({ size: bytes.length, mode, ...fields })),
      bytes,
      Buffer.alloc(paddingOf(bytes.length)),
    ]
  })
  return Buffer.concat(ended ? [...parts, endOfArchive()] : parts)
}

const layerType = (compression: Compression, flavour: Flavour): string => {
  if (compression === 'zstd') return mediaTypes.layerZstd
  if (flavour === 'oci') return compression === 'gzip' ? mediaTypes.layerGzip : mediaTypes.layer
  return compression === 'gzip' ? mediaTypes.dockerLayerGzip : mediaTypes.dockerLayer
}

export const makeLayer = (
  content: Buffer | readonly Member[],
  compression: Compression = 'gzip',
  flavour: Flavour = compression === 'zstd' ? 'oci' : 'docker',
): MadeLayer => {
  const tar = Buffer.isBuffer(content) ? content : tarOf(content)
  const bytes =
    compression === 'none' ? tar : compression === 'zstd' ? zstdCompressSync(tar) : gzipSync(tar, { level: 1 })
  return { ...blobOf(bytes, layerType(compression, flavour)), diffId: digestOf(tar), tar }
}

/** Bytes that look random, cannot be compressed, and are the same each time. */
export const noise = (length: number, seed = 1): Buffer => {
  const words = new Uint32Array(Math.ceil(length / 4))
  let state = seed * 2654435761 || 1
  for (let at = 0; at < words.length; at++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[at] = state
  }
  return Buffer.from(words.buffer, 0, length)
}

export type ImageOptions = {
  readonly layers: readonly MadeLayer[]
  /** linux/amd64 when left out. */
  readonly platform?: Platform
  readonly flavour?: Flavour
  readonly config?: ImageConfig['config']
  readonly created?: string
  /** The last word on the manifest, for those that lie. */
  readonly falsify?: (manifest: Manifest) => object
}

export const makeImage = (options: ImageOptions): MadeImage => {
  const { layers, platform = { os: 'linux', architecture: 'amd64' }, flavour = 'docker', config = {} } = options
  const { created = '2024-01-02T03:04:05Z', falsify = manifest => manifest } = options
  const content: ImageConfig = {
    ...platform,
    ...{ created, config },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map((_, at) => ({ created, created_by: `layer ${at}` })),
  }
  const isDocker = flavour === 'docker'
  const configBlob = jsonBlob(content, isDocker ? mediaTypes.dockerConfig : mediaTypes.config)
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: isDocker ? mediaTypes.dockerManifest : mediaTypes.manifest,
    config: configBlob.descriptor,
    layers: layers.map(({ descriptor }) => descriptor),
  }
  const target = jsonBlob(falsify(manifest), manifest.mediaType)
  return {
    ...{ id: configBlob.descriptor.digest, platform, config: configBlob, layers, manifest },
    ...{ target, manifests: [], blobs: [configBlob, ...layers] },
  }
}

export const makeIndex = (images: readonly MadeImage[], flavour: Flavour = 'docker'): Publication => {
  const mediaType = flavour === 'docker' ? mediaTypes.dockerManifestList : mediaTypes.index
  const index: Index = {
    schemaVersion: 2,
    mediaType,
    manifests: images.map(({ target, platform }) => ({ ...target.descriptor, platform })),
  }
  return {
    target: jsonBlob(index, mediaType),
    manifests: images.map(({ target }) => target),
    blobs: images.flatMap(({ blobs }) => blobs),
  }
}

/** The bottom one. */
export const layerOf = ({ layers }: MadeImage): MadeLayer => {
  const [layer] = layers
  if (!layer) throw new Error('the image has no layer')
  return layer
}

/** One small layer of its own, so that tests do not share what they remove. */
export const smallImage = (content: string, options: Omit<ImageOptions, 'layers'> = {}): MadeImage =>
  makeImage({ layers: [makeLayer([{ path: 'file', content }])], ...options })

type Answer = { readonly status: number; readonly location: string | undefined; readonly text: string }

export type RegistryAccess = { readonly headers?: Readonly<Record<string, string>>; readonly ca?: Buffer }

const send = (method: string, url: URL, access: RegistryAccess, body?: Blob): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const type = body && { 'Content-Type': body.descriptor.mediaType }
    const headers = { ...access.headers, ...type, 'Content-Length': body?.bytes.length ?? 0 }
    const open = url.protocol === 'https:' ? httpsRequest : httpRequest
    const sent = open(url, { method, headers, agent: false, ca: access.ca }, answer => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.once('error', reject)
      answer.once('end', () => {
        const { statusCode: status = 0, headers } = answer
        resolve({ status, location: headers.location, text: Buffer.concat(chunks).toString() })
      })
    })
    sent.once('error', reject)
    sent.end(body?.bytes)
  })

const wanted = (answer: Answer, what: string): Answer => {
  if (answer.status >= 300) throw new Error(`${what} answered ${answer.status}: ${answer.text}`)
  return answer
}

/** Puts it into a registry over HTTP: blobs, manifests, then the name. */
export const publish = async (
  registryUrl: string,
  repository: string,
  tag: string,
  { target, manifests, blobs }: Publication,
  access: RegistryAccess = {},
): Promise<Digest> => {
  const base = new URL(`/v2/${repository}/`, registryUrl)
  for (const blob of blobs) {
    const begun = wanted(await send('POST', new URL('blobs/uploads/', base), access), 'POST uploads')
    const upload = new URL(begun.location ?? '', base)
    upload.searchParams.set('digest', blob.descriptor.digest)
    wanted(await send('PUT', upload, access, blob), 'PUT blob')
  }
  for (const manifest of manifests) {
    wanted(
      await send('PUT', new URL(`manifests/${manifest.descriptor.digest}`, base), access, manifest),
      'PUT manifest',
    )
  }
  wanted(await send('PUT', new URL(`manifests/${tag}`, base), access, target), 'PUT manifest')
  return target.descriptor.digest
}
