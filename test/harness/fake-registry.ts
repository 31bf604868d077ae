import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { certificates } from './certificates.ts'
import type { Publication } from './layer-image.ts'
import { type Fault, type Reply, readBody, sendReply } from './registry-fault.ts'
import { until } from './until.ts'

type Repository = {
  readonly blobs: Map<string, Buffer>
  readonly manifests: Map<string, { readonly type: string; readonly bytes: Buffer }>
  readonly tags: Map<string, string>
}

export type SeenRequest = {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
}

/** Which requests: a method, and what their path contains or matches. */
export type Match = { readonly method?: string; readonly path?: string | RegExp }

type Rule = { readonly match: Match; readonly fault: Fault; readonly then: (() => void) | undefined; left: number }

export type FakeRegistryOptions = {
  readonly address?: string
  readonly tls?: boolean
  /** Wants a bearer token, which it gives itself to anybody, at /token. */
  readonly tokens?: boolean
}

const matches = ({ method, path = '' }: Match, request: SeenRequest): boolean =>
  (method === undefined || method === request.method) &&
  (typeof path === 'string' ? request.path.includes(path) : path.test(request.path))

const json = (status: number, value: unknown, headers: Reply['headers'] = {}): Reply => ({
  status,
  headers: { 'Content-Type': 'application/json; charset=utf-8', ...headers },
  body: Buffer.from(JSON.stringify(value)),
})
/** docker-registry sends a detail with each; Docker words an error without one otherwise. */
const failure = (status: number, code: string, message: string, headers?: Reply['headers']): Reply =>
  json(status, { errors: [{ code, message, detail: {} }] }, headers)
const empty = (status: number, headers: Reply['headers'] = {}): Reply => ({ status, headers, body: Buffer.alloc(0) })

/**
 * A registry in this process that does as it is told, and notes what it was asked. What `spoil` says comes first, in the order in
 * which it was said; else it is a good one, without deletion.
 */
export class FakeRegistry implements AsyncDisposable {
  readonly requests: SeenRequest[] = []
  readonly host: string
  readonly url: string
  readonly #options: FakeRegistryOptions
  readonly #server: Server
  readonly #repositories = new Map<string, Repository>()
  readonly #uploads = new Map<string, Buffer>()
  readonly #tokens = new Set<string>()
  #authorization: string | undefined
  #rules: Rule[] = []

  private constructor(server: Server, options: FakeRegistryOptions) {
    this.#server = server
    this.#options = options
    const address = server.address()
    const port = typeof address === 'object' && address ? address.port : 0
    this.host = `${options.address ?? '127.0.0.1'}:${port}`
    this.url = `${options.tls ? 'https' : 'http'}://${this.host}`
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.#serve(request, response).catch(() => response.destroy())
    })
  }

  static async start(options: FakeRegistryOptions = {}): Promise<FakeRegistry> {
    const pem = options.tls ? certificates() : undefined
    const server = pem
      ? createSecureServer({ cert: readFileSync(pem.serverCertificate), key: readFileSync(pem.serverKey) })
      : createServer()
    await new Promise<void>(resolve => server.listen(0, options.address ?? '127.0.0.1', resolve))
    return new FakeRegistry(server, options)
  }

  /** What is in one repository; made when it is first spoken of. */
  repository(name: string): Repository {
    const known = this.#repositories.get(name)
    if (known) return known
    const made: Repository = { blobs: new Map(), manifests: new Map(), tags: new Map() }
    this.#repositories.set(name, made)
    return made
  }

  /** Has it under this name. Returns the digest that the name leads to. */
  add(name: string, tag: string, { target, manifests, blobs }: Publication): Digest {
    const repository = this.repository(name)
    for (const { descriptor, bytes } of blobs) repository.blobs.set(descriptor.digest, bytes)
    for (const { descriptor, bytes } of [...manifests, target])
      repository.manifests.set(descriptor.digest, { type: descriptor.mediaType, bytes })
    repository.tags.set(tag, target.descriptor.digest)
    return target.descriptor.digest
  }

  /** Spoils the next requests that match: `times` of them, one when left out. `then` is called when it happens. */
  spoil(match: Match, fault: Fault, times = 1, then?: () => void): void {
    this.#rules.push({ match, fault, left: times, then })
  }

  /** From now on it is well, and has seen nothing. */
  heal(): void {
    this.#rules = []
    this.requests.length = 0
  }

  /** Basic authentication, with this one header. */
  requireAuthorization(header: string): void {
    this.#authorization = header
  }

  /** No token that it gave is good any more. */
  forgetTokens(): void {
    this.#tokens.clear()
  }

  seen(match: Match): SeenRequest[] {
    return this.requests.filter(request => matches(match, request))
  }

  /** Resolves when as many of these requests have come. */
  async asked(match: Match, count = 1): Promise<void> {
    await until(`${count} × ${match.method ?? ''} ${match.path}`, () => this.seen(match).length >= count)
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {})
    const url = new URL(request.url ?? '/', this.url)
    const seen: SeenRequest = {
      ...{ method: request.method ?? 'GET', path: url.pathname },
      ...{ query: url.searchParams, headers: request.headers },
    }
    this.requests.push(seen)
    const rule = this.#rules.find(({ match, left }) => left > 0 && matches(match, seen))
    if (rule) rule.left--
    const { body, isWhole } = await readBody(request, rule?.fault)
    const reply = this.#answer(seen, body, rule?.fault)
    rule?.then?.()
    if (isWhole) await sendReply(response, reply, rule?.fault)
  }

  #answer(request: SeenRequest, body: Buffer, fault: Fault | undefined): Reply {
    if (request.path === '/token') return this.#giveToken()
    const { authorization = '' } = request.headers
    if (this.#options.tokens && !this.#tokens.has(authorization.replace(/^Bearer /, '')))
      return this.#challenge(request)
    if (this.#authorization !== undefined && authorization !== this.#authorization) {
      const challenge = { 'WWW-Authenticate': 'Basic realm="fake"' }
      return failure(401, 'UNAUTHORIZED', 'authentication required', challenge)
    }
    if (request.path === '/v2/') return json(200, {})
    const [, name = '', kind = '', rest = ''] = request.path.match(/^\/v2\/(.+?)\/(manifests|blobs|tags)\/(.+)$/) ?? []
    if (kind === 'tags') return this.#listTags(name)
    if (kind === 'manifests') return this.#manifest(request, name, rest, body)
    if (rest.startsWith('uploads/')) return this.#upload(request, name, rest.slice('uploads/'.length), body)
    if (kind === 'blobs') return this.#blob(request, name, rest, fault)
    return failure(404, 'NAME_UNKNOWN', 'there is nothing at this path')
  }

  #giveToken(): Reply {
    const token = randomUUID()
    this.#tokens.add(token)
    return json(200, { token })
  }

  #challenge({ method, path }: SeenRequest): Reply {
    const name = path.match(/^\/v2\/(.+?)\/(?:manifests|blobs|tags)\//)?.[1]
    const actions = ['GET', 'HEAD'].includes(method) ? 'pull' : 'pull,push'
    const scope = name === undefined ? '' : `,scope="repository:${name}:${actions}"`
    return failure(401, 'UNAUTHORIZED', 'authentication required', {
      'WWW-Authenticate': `Bearer realm="${this.url}/token",service="fake"${scope}`,
    })
  }

  #listTags(name: string): Reply {
    const known = this.#repositories.get(name)
    if (!known) return failure(404, 'NAME_UNKNOWN', 'repository name not known to registry')
    return json(200, { name, tags: [...known.tags.keys()] })
  }

  #manifest({ method, headers }: SeenRequest, name: string, reference: string, body: Buffer): Reply {
    const repository = this.repository(name)
    if (method === 'PUT') {
      const digest = digestOf(body)
      repository.manifests.set(digest, { type: headers['content-type'] ?? '', bytes: body })
      if (reference !== digest) repository.tags.set(reference, digest)
      return empty(201, { 'Docker-Content-Digest': digest, Location: `/v2/${name}/manifests/${digest}` })
    }
    const digest = repository.tags.get(reference) ?? reference
    const found = repository.manifests.get(digest)
    if (!found) return failure(404, 'MANIFEST_UNKNOWN', 'manifest unknown')
    const described = { 'Content-Type': found.type, 'Docker-Content-Digest': digest }
    if (method === 'HEAD') return empty(200, { ...described, 'Content-Length': found.bytes.length })
    return { status: 200, headers: described, body: found.bytes }
  }

  #blob({ method, headers }: SeenRequest, name: string, digest: string, fault: Fault | undefined): Reply {
    const bytes = this.repository(name).blobs.get(digest)
    if (!bytes) return failure(404, 'BLOB_UNKNOWN', 'blob unknown to registry')
    const described = { 'Content-Type': 'application/octet-stream', 'Docker-Content-Digest': digest }
    if (method === 'HEAD') return empty(200, { ...described, 'Content-Length': bytes.length })
    const range = fault?.kind === 'no-range' ? null : headers.range?.match(/^bytes=(\d+)-(\d*)$/)
    if (!range) return { status: 200, headers: described, body: bytes }
    const [first, last] = [Number(range[1]), range[2] ? Number(range[2]) : bytes.length - 1]
    if (first >= bytes.length) return empty(416, { 'Content-Range': `bytes */${bytes.length}` })
    return {
      status: 206,
      headers: { ...described, 'Content-Range': `bytes ${first}-${last}/${bytes.length}` },
      body: bytes.subarray(first, last + 1),
    }
  }

  #upload({ method, query }: SeenRequest, name: string, id: string, body: Buffer): Reply {
    const repository = this.repository(name)
    if (method === 'POST') {
      const [mounted, from] = [query.get('mount'), query.get('from')]
      const bytes = mounted && from ? this.#repositories.get(from)?.blobs.get(mounted) : undefined
      if (mounted && bytes) {
        repository.blobs.set(mounted, bytes)
        return empty(201, { Location: `/v2/${name}/blobs/${mounted}`, 'Docker-Content-Digest': mounted })
      }
      const upload = randomUUID()
      this.#uploads.set(upload, Buffer.alloc(0))
      return this.#state(202, name, upload, 0)
    }
    const before = this.#uploads.get(id)
    if (!before) return failure(404, 'BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry')
    if (method === 'GET') return this.#state(204, name, id, before.length)
    if (method === 'DELETE') {
      this.#uploads.delete(id)
      return empty(204)
    }
    const bytes = Buffer.concat([before, body])
    if (method === 'PATCH') {
      this.#uploads.set(id, bytes)
      return this.#state(202, name, id, bytes.length)
    }
    const digest = query.get('digest') ?? ''
    if (digestOf(bytes) !== digest)
      return failure(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content')
    this.#uploads.delete(id)
    repository.blobs.set(digest, bytes)
    return empty(201, { Location: `/v2/${name}/blobs/${digest}`, 'Docker-Content-Digest': digest })
  }

  #state(status: number, name: string, upload: string, length: number): Reply {
    return empty(status, {
      Location: `/v2/${name}/blobs/uploads/${upload}`,
      Range: `0-${Math.max(length - 1, 0)}`,
      'Docker-Upload-UUID': upload,
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise(resolve => this.#server.close(resolve))
  }
}
