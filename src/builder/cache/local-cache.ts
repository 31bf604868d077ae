import { Readable } from 'node:stream'
import { invalidArgument, notFound } from '../../errdefs.ts'
import { type Digest, digestOf, hexOf } from '../../oci/digest.ts'
import type { ContextTree } from '../context/context-tree.ts'
import { parseObject, parseRecords } from './cache-document.ts'
import { byBlob, type CacheSource, descriptor, layersOf, mountsOf } from './cache-source.ts'

const CHUNK = 256 * 1024
/** Bytes of a manifest or a configuration. */
const LIMIT = 64 << 20

/** A cache that lies in a directory of the client's, as an OCI layout. NotFound, InvalidArgument. */
export const localSource = async (tree: ContextTree | undefined, signal: AbortSignal): Promise<CacheSource> => {
  if (!tree) throw notFound('the client does not have it')
  await tree.load(['index.json'], signal)
  const { manifests } = parseObject(readWhole(tree, 'index.json'))
  if (!Array.isArray(manifests)) throw invalidArgument('invalid build cache: no index')
  const { config, layers } = layersOf(await document(tree, descriptor(manifests[0]).digest, signal))
  const bytes = await document(tree, config.digest, signal)
  return {
    records: parseRecords(bytes),
    mounts: mountsOf(bytes, layers),
    layer: byBlob(layers),
    open: async ({ digest }) => {
      await tree.load([blobPath(digest)], signal)
      return Readable.from(chunksOf(tree, blobPath(digest)), { objectMode: false })
    },
  }
}

const blobPath = (digest: Digest): string => `blobs/sha256/${hexOf(digest)}`

const document = async (tree: ContextTree, digest: Digest, signal: AbortSignal): Promise<Buffer> => {
  await tree.load([blobPath(digest)], signal)
  const bytes = readWhole(tree, blobPath(digest))
  if (digestOf(bytes) !== digest) throw invalidArgument(`invalid build cache: ${digest} is damaged`)
  return bytes
}

const readWhole = (tree: ContextTree, path: string): Buffer => {
  const entry = tree.entry(path)
  if (entry?.type !== 'file') throw notFound(`${path} is not there`)
  if (entry.size > LIMIT) throw invalidArgument(`invalid build cache: ${path} is too large`)
  return Buffer.concat([...chunksOf(tree, path)])
}

function* chunksOf(tree: ContextTree, path: string): Generator<Buffer> {
  for (let position = 0; ; ) {
    const buffer = Buffer.allocUnsafe(CHUNK)
    const length = tree.read(path, buffer, position)
    if (length === 0) return
    position += length
    yield buffer.subarray(0, length)
  }
}
