import { type IncomingHttpHeaders, type IncomingMessage, Agent as PlainAgent } from 'node:http'
import { type AgentOptions, Agent as SecureAgent } from 'node:https'
import { createSecureContext } from 'node:tls'
import { connectionError } from './connection-words.ts'
import { exchange, type StreamedBody } from './exchange.ts'
import { type ProxyConfig, proxyAuthorization, proxyFor } from './proxy.ts'
import type { Timeouts } from './registry-config.ts'
import { RegistryError } from './registry-error.ts'
import { systemAuthorities } from './system-authorities.ts'
import type { Trust } from './trust.ts'
import { TunnelAgent } from './tunnel-agent.ts'

export type HttpRequest = {
  readonly method: string
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>>
  /** Goes to the URL's own origin only, not along with a redirect to elsewhere. */
  readonly authorization?: string | undefined
  readonly body?: Uint8Array | StreamedBody | undefined
  readonly signal?: AbortSignal | undefined
  /** Milliseconds until the header of the answer; that of the transport's timeouts when left out. */
  readonly timeout?: number | undefined
}

/** Its body is destroyed at the end of the block, unless it was read to its end: then the connection is used again. */
export class HttpResponse implements AsyncDisposable {
  readonly status: number
  readonly statusText: string
  readonly headers: IncomingHttpHeaders
  readonly body: IncomingMessage
  /** Where the answer came from, after redirects. */
  readonly url: URL
  readonly method: string

  constructor(body: IncomingMessage, url: URL, method: string) {
    this.status = body.statusCode ?? 0
    this.statusText = body.statusMessage ?? ''
    this.headers = body.headers
    this.body = body
    this.url = url
    this.method = method
    // Whoever reads hears of it; a body that nobody reads may break.
    body.on('error', () => undefined)
  }

  /** The whole body. Throws when it is longer than `limit` bytes. */
  async bytes(limit: number): Promise<Buffer> {
    const chunks: Buffer[] = []
    let size = 0
    try {
      for await (const chunk of this.body as AsyncIterable<Buffer>) {
        size += chunk.length
        if (size > limit)
          throw new RegistryError(`response body is larger than ${limit} bytes`, { status: this.status })
        chunks.push(chunk)
      }
    } catch (error) {
      throw connectionError(error)
    }
    return Buffer.concat(chunks)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { body, headers, method, status } = this
    if (body.closed) return
    // What is short is read, so that the next request finds its connection free; anything else is not worth it.
    const isShort = method === 'HEAD' || status === 204 || Number(headers['content-length'] ?? Number.NaN) <= 4096
    if (isShort) body.resume()
    else body.destroy()
    await new Promise(resolve => body.once('close', resolve))
  }
}

const REDIRECTS = new Set([301, 302, 303, 307, 308])
const MOST_REDIRECTS = 10
/** Idle connections are closed after this; as in dockerd. */
const KEEP_ALIVE = 30_000

/** The connections to one registry and to where it sends us. They close by themselves when idle. */
export class Transport implements Disposable {
  readonly timeouts: Timeouts
  readonly #origin: URL
  readonly #trust: Trust
  readonly #proxy: ProxyConfig
  readonly #agents = new Map<string, PlainAgent>()

  constructor(origin: URL, trust: Trust, proxy: ProxyConfig, timeouts: Timeouts) {
    this.#origin = origin
    this.#trust = trust
    this.#proxy = proxy
    this.timeouts = timeouts
  }

  /** One agent a kind of connection; the agent itself keeps hosts apart. */
  #agentFor(url: URL, proxy: URL | undefined): PlainAgent {
    // The client's certificate is for the registry alone.
    const isHome = url.hostname === this.#origin.hostname
    const kind = `${url.protocol}${isHome}${proxy?.href ?? ''}`
    const found = this.#agents.get(kind)
    if (found !== undefined) return found
    const options = { keepAlive: true, timeout: KEEP_ALIVE }
    const agent =
      url.protocol === 'https:'
        ? this.#secureAgent(isHome, proxy, options)
        : proxy?.protocol === 'https:'
          ? new SecureAgent({ ...options, ca: systemAuthorities() })
          : new PlainAgent(options)
    this.#agents.set(kind, agent)
    return agent
  }

  #secureAgent(isHome: boolean, proxy: URL | undefined, options: AgentOptions): PlainAgent {
    const { authorities, certificates, keys, rejectUnauthorized } = this.#trust
    // Made once: some hundred authorities take 10 ms to read, which each connection would pay again.
    const secureContext = createSecureContext({
      ...(rejectUnauthorized && { ca: [...systemAuthorities(), ...authorities] }),
      ...(isHome && certificates.length > 0 && { cert: [...certificates], key: [...keys] }),
    })
    const secure = { ...options, rejectUnauthorized, secureContext }
    return proxy === undefined ? new SecureAgent(secure) : new TunnelAgent(proxy, this.timeouts.connect, secure)
  }

  /** Any status is an answer. RegistryError when there was none; the signal's reason when it was aborted. */
  async send(request: HttpRequest): Promise<HttpResponse> {
    let { url, method, body } = request
    for (let hops = 0; ; hops++) {
      const answer = await this.#hop(request, url, method, body)
      const location = answer.headers.location
      if (!REDIRECTS.has(answer.status) || location === undefined) return answer
      // A body that has streamed away can not be sent again.
      if (body !== undefined && 'chunks' in body) return answer
      await using _ = answer
      if (hops === MOST_REDIRECTS) {
        throw new RegistryError(`stopped after ${MOST_REDIRECTS} redirects`, { status: answer.status }).during(
          method,
          url,
        )
      }
      const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined
      if (next === undefined || !/^https?:$/.test(next.protocol)) {
        throw new RegistryError('failed to parse Location header', { status: answer.status }).during(method, url)
      }
      if (answer.status < 307 && method !== 'GET' && method !== 'HEAD') [method, body] = ['GET', undefined]
      url = next
    }
  }

  async #hop(request: HttpRequest, url: URL, method: string, body: HttpRequest['body']): Promise<HttpResponse> {
    const { authorization, signal, timeout } = request
    const proxy = proxyFor(url, this.#proxy)
    const throughProxy = url.protocol === 'http:' ? proxy : undefined
    const forProxy = throughProxy && proxyAuthorization(throughProxy)
    try {
      const answer = await exchange({
        ...{ method, url, body, signal },
        headers: {
          'Accept-Encoding': 'identity',
          ...request.headers,
          ...(authorization !== undefined && url.origin === request.url.origin && { Authorization: authorization }),
          ...(forProxy && { 'Proxy-Authorization': forProxy }),
        },
        agent: this.#agentFor(url, proxy),
        proxy: throughProxy,
        silence: { connect: this.timeouts.connect, header: timeout ?? this.timeouts.header, idle: this.timeouts.idle },
      })
      return new HttpResponse(answer, url, method)
    } catch (error) {
      signal?.throwIfAborted()
      throw connectionError(error).during(method, url)
    }
  }

  /** Whether connections are open. */
  get isInUse(): boolean {
    return [...this.#agents.values()].some(agent => Object.keys(agent.sockets).length > 0)
  }

  [Symbol.dispose](): void {
    for (const agent of this.#agents.values()) agent.destroy()
    this.#agents.clear()
  }
}
