import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { codeOf } from '../../errdefs.ts'
import { mediaTypes } from '../../oci/descriptor.ts'
import { type Digest, isDigest } from '../../oci/digest.ts'
import { parseRange } from './byte-range.ts'
import { Reach } from './reach.ts'
import { RegistryProblem } from './registry-problem.ts'
import { isRepositoryName, type PublishedName, ServedRepositories, type ServedRepository } from './repositories.ts'

/** What is offered: the local names, and where blobs lie. */
export type ServedStore = {
  published(): readonly PublishedName[]
  /** The blob's file; it need not be there. */
  blobPath(digest: Digest): string
  /** A small blob; undefined when it is not here. */
  readBlob(digest: Digest): Buffer | undefined
}

type Exchange = {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly query: URLSearchParams
}

const BLOB_TYPE = 'application/octet-stream'
/** Names in one answer, unless fewer are asked for. */
const PAGE = 1000
const CHUNK = 256 * 1024

/** `GET` and `HEAD` of the distribution protocol over a local store. https://github.com/opencontainers/distribution-spec */
export class RegistryAnswers {
  readonly #backend: ServedStore
  readonly #reach: Reach

  constructor(backend: ServedStore) {
    this.#backend = backend
    this.#reach = new Reach(digest => backend.readBlob(digest))
  }

  /** Answers, or throws RegistryProblem. False: there is no such place. */
  async answer(path: string, exchange: Exchange): Promise<boolean> {
    if (path === '/v2' || path === '/v2/') return sendJson(exchange, {})
    if (path === '/v2/_catalog') return this.#catalog(exchange)
    const match = /^\/v2\/(.+)\/(manifests|blobs|tags|referrers)\/([^/]+)$/.exec(path)
    if (!match) return false
    const [, name = '', kind, last = ''] = match
    if (kind === 'tags' && last !== 'list') return false
    if (!isRepositoryName(name)) throw new RegistryProblem('NAME_INVALID', { name })
    const repository = this.#repositories().find(name, exchange.query.get('ns') ?? undefined)
    if (!repository) throw new RegistryProblem('NAME_UNKNOWN', { name })
    if (kind === 'tags') return sendPage(exchange, [...repository.tags.keys()].sort(), tags => ({ name, tags }))
    if (kind === 'manifests') return this.#manifest(exchange, repository, last)
    if (!isDigest(last)) throw new RegistryProblem('DIGEST_INVALID', { digest: last })
    if (kind === 'referrers') return sendReferrers(exchange)
    return this.#blob(exchange, repository, last)
  }

  #repositories(): ServedRepositories {
    return new ServedRepositories(this.#backend.published())
  }

  #catalog(exchange: Exchange): true {
    return sendPage(exchange, this.#repositories().list(), repositories => ({ repositories }))
  }

  #manifest(exchange: Exchange, { tags, targets }: ServedRepository, wanted: string): true {
    const found = isDigest(wanted) ? this.#reach.manifest(targets, wanted) : tags.get(wanted)
    const bytes = found && this.#backend.readBlob(found.digest)
    if (!bytes) throw new RegistryProblem('MANIFEST_UNKNOWN', { [isDigest(wanted) ? 'digest' : 'tag']: wanted })
    if (isKnown(exchange, found.digest)) return true
    const headers = { ...headersOf(found.digest), 'Content-Type': found.mediaType, 'Content-Length': bytes.length }
    exchange.response.writeHead(200, headers)
    exchange.response.end(exchange.request.method === 'HEAD' ? undefined : bytes)
    return true
  }

  async #blob(exchange: Exchange, { targets }: ServedRepository, digest: Digest): Promise<true> {
    const { request, response } = exchange
    const file = this.#reach.blob(targets, digest) && (await openIfThere(this.#backend.blobPath(digest)))
    if (!file) throw new RegistryProblem('BLOB_UNKNOWN', { digest })
    // Held open, it can be read to its end, whoever removes it meanwhile.
    await using _ = file
    if (isKnown(exchange, digest)) return true
    const { size } = await file.stat()
    const headers = { ...headersOf(digest), 'Content-Type': BLOB_TYPE, 'Accept-Ranges': 'bytes' }
    const condition = request.headers['if-range']
    const range =
      condition === undefined || condition === `"${digest}"` ? parseRange(request.headers.range, size) : 'whole'
    if (range === 'unsatisfiable') {
      response.writeHead(416, { ...headers, 'Content-Range': `bytes */${size}`, 'Content-Length': 0 }).end()
      return true
    }
    const part = range === 'whole' ? undefined : range
    const length = part ? part.end - part.start + 1 : size
    const place = part ? { 'Content-Range': `bytes ${part.start}-${part.end}/${size}` } : {}
    response.writeHead(part ? 206 : 200, { ...headers, ...place, 'Content-Length': length })
    if (request.method === 'HEAD' || length === 0) response.end()
    else await pipeline(file.createReadStream({ ...part, autoClose: false, highWaterMark: CHUNK }), response)
    return true
  }
}

const openIfThere = async (path: string): Promise<FileHandle | undefined> => {
  try {
    return await open(path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

const headersOf = (digest: Digest): Record<string, string> => ({ 'Docker-Content-Digest': digest, Etag: `"${digest}"` })

/** Answers 304 to a client that has the content. */
const isKnown = ({ request, response }: Exchange, digest: Digest): boolean => {
  const tags = request.headers['if-none-match']?.split(',').map(tag => tag.trim().replace(/^W\//, ''))
  if (!tags?.some(tag => tag === '*' || tag === `"${digest}"`)) return false
  response.writeHead(304, headersOf(digest)).end()
  return true
}

const sendJson = ({ request, response }: Exchange, value: object, type = 'application/json', headers = {}): true => {
  const body = `${JSON.stringify(value)}\n`
  response.writeHead(200, { ...headers, 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) })
  response.end(request.method === 'HEAD' ? undefined : body)
  return true
}

/** Nothing here refers to another manifest: signatures and the like are not kept. */
const sendReferrers = (exchange: Exchange): true =>
  sendJson(exchange, { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] }, mediaTypes.index)

/** A page of sorted names: `n` of them, after `last`. */
const sendPage = (exchange: Exchange, names: readonly string[], body: (page: readonly string[]) => object): true => {
  const { request, query } = exchange
  const wanted = query.get('n') ?? String(PAGE)
  if (!/^\d+$/.test(wanted)) throw new RegistryProblem('PAGINATION_NUMBER_INVALID', { n: wanted })
  const last = query.get('last') ?? ''
  const rest = names.filter(name => name > last)
  const page = rest.slice(0, Math.min(Number(wanted), PAGE))
  const path = request.url?.split('?', 1)[0]
  const next = `${path}?last=${encodeURIComponent(page.at(-1) ?? '')}&n=${page.length}`
  const more = page.length > 0 && page.length < rest.length
  return sendJson(exchange, body(page), 'application/json', more ? { Link: `<${next}>; rel="next"` } : {})
}
