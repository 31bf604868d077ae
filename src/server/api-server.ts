import { setMaxListeners } from 'node:events'
import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http'
import type { ListenOptions } from 'node:net'
import type { Duplex } from 'node:stream'
import { messageOf } from '../errdefs.ts'
import type { Logger } from '../log.ts'
import { RequestContext } from './request-context.ts'
import { parseTarget, type Route, Router } from './router.ts'
import { errorBody, statusOf } from './status.ts'
import { API_VERSION, checkVersion, compareVersions, MINIMUM_API_VERSION } from './version.ts'

export type ApiServerOptions = {
  readonly routes: readonly Route[]
  readonly logger: Logger
  /** `Server` header: `Tare/0.1.0 (linux)`. */
  readonly product: string
  readonly experimental?: boolean
}

/** Registry credentials travel in headers; Go's servers take 1 MiB. */
const HEADER_LIMIT = 1024 * 1024

/**
 * The Docker Engine API over HTTP/1.1. The life of a request:
 * target parsed (400) → route found (404) → version checked (400) → handler → its answer, or the error it threw.
 * One instance may listen on several sockets.
 */
export class ApiServer implements AsyncDisposable {
  readonly #router: Router
  readonly #logger: Logger
  readonly #product: string
  readonly #experimental: string
  readonly #servers = new Set<Server>()
  readonly #connections = new Set<Duplex>()
  /** Those with a request under way. Node counts one that has never sent any as such too. */
  readonly #busy = new Set<Duplex>()
  /** Those that were taken over: the HTTP server forgets them. */
  readonly #hijacked = new Set<Duplex>()
  readonly #stopping = new AbortController()

  constructor(options: ApiServerOptions) {
    this.#router = new Router(options.routes)
    this.#logger = options.logger
    this.#product = options.product
    this.#experimental = String(options.experimental ?? false)
    // As many listen as requests wait.
    setMaxListeners(0, this.#stopping.signal)
  }

  /** Resolves when connections are taken. Rejects with the system's error. */
  listen(options: ListenOptions, secure?: import('node:tls').TlsOptions): Promise<Server> {
    return this.#serve(server => server.listen(options), secure)
  }

  async #serve(bind: (server: Server) => void, secure: import('node:tls').TlsOptions | undefined): Promise<Server> {
    const shared = {
      // Clients keep connections for minutes between requests, and a build's context may take long to come.
      keepAliveTimeout: 0,
      requestTimeout: 0,
      maxHeaderSize: HEADER_LIMIT,
      // The end of a client's input must not end the output of a process, under TLS neither.
      allowHalfOpen: true,
      shouldUpgradeCallback: (request: IncomingMessage) => this.#hijacks(request),
    }
    const server =
      secure === undefined ? createServer(shared) : (await import('node:https')).createServer({ ...shared, ...secure })
    server.on(secure === undefined ? 'connection' : 'secureConnection', socket => this.#track(socket))
    server.on('request', (request, response) => void this.#handle(request, response))
    server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head))
    server.on('clientError', (_error, socket) => {
      if (socket.writable)
        socket.end(
          'HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request',
        )
      else socket.destroy()
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.once('listening', () => {
        server.off('error', reject)
        server.on('error', error => this.#logger.error({ err: error }, 'the API server failed'))
        resolve()
      })
      bind(server)
    })
    this.#servers.add(server)
    return server
  }

  /** Takes no more connections, ends what would go on for ever and gives the other requests `grace` milliseconds. */
  async close(grace: number): Promise<void> {
    this.#stopping.abort()
    const servers = [...this.#servers]
    this.#servers.clear()
    const closed = servers.map(server => new Promise<void>(resolve => server.close(() => resolve())))
    for (const socket of this.#connections) if (!this.#busy.has(socket)) socket.destroy()
    const timer = setTimeout(() => {
      for (const server of servers) server.closeAllConnections()
    }, grace)
    for (const socket of this.#hijacked) socket.destroy()
    await Promise.all(closed)
    clearTimeout(timer)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close(0)
  }

  #track(socket: Duplex): void {
    this.#connections.add(socket)
    socket.once('close', () => this.#connections.delete(socket))
  }

  #hijacks(request: IncomingMessage): boolean {
    const target = parseTarget(request.url ?? '/')
    return target !== undefined && this.#router.find(request.method ?? '', target.path)?.route.hijacks === true
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#hijacked.add(socket)
    socket.once('close', () => this.#hijacked.delete(socket))
    // A client that resets its connection is its own affair; the handler sees the close.
    socket.on('error', () => {})
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    response.assignSocket(socket as import('node:net').Socket)
    response.once('finish', () => socket.end())
    if (head.length > 0) socket.unshift(head)
    void this.#handle(request, response, true)
  }

  async #handle(request: IncomingMessage, response: ServerResponse, upgrade = false): Promise<void> {
    const target = parseTarget(request.url ?? '/')
    if (target === undefined) return sendText(response, 400, '400 Bad Request')
    const match = this.#router.find(request.method ?? '', target.path)
    if (match === undefined) return sendJson(response, 404, { message: 'page not found' })
    response.setHeader('Api-Version', API_VERSION)
    response.setHeader('Ostype', 'linux')
    response.setHeader('Server', this.#product)
    try {
      if (target.version !== undefined) checkVersion(target.version)
    } catch (error) {
      // Before 1.24 errors were plain text, and such a client is what reads this.
      if (compareVersions(target.version as string, MINIMUM_API_VERSION) < 0)
        return sendText(response, 400, messageOf(error))
      return sendJson(response, 400, errorBody(error))
    }
    response.setHeader('Docker-Experimental', this.#experimental)
    const context = new RequestContext({
      request,
      response,
      params: match.params,
      query: target.query,
      version: target.version,
      upgrade,
      stopping: this.#stopping.signal,
    })
    this.#busy.add(request.socket)
    try {
      await match.route.handler(context)
    } catch (error) {
      this.#fail(context, error)
    } finally {
      this.#busy.delete(request.socket)
    }
    // Its client would keep the connection for a next request, and the server waits for it to go.
    if (this.#stopping.signal.aborted && !context.hijacked) whenFinished(response, () => request.socket.end())
  }

  #fail({ request, response, hijacked }: RequestContext, error: unknown): void {
    const status = statusOf(error)
    if (request.socket.destroyed || this.#stopping.signal.aborted) {
      this.#logger.debug(
        { method: request.method, url: request.url, error: messageOf(error) },
        'the request was abandoned',
      )
      response.destroy()
      return
    }
    if (status === 500) this.#logger.error({ method: request.method, url: request.url, err: error }, 'request failed')
    else
      this.#logger.debug(
        { method: request.method, url: request.url, status, error: messageOf(error) },
        'request refused',
      )
    if (hijacked) return
    if (response.headersSent) {
      // The status has left already; all that is still true is that the answer is not whole.
      response.destroy()
      return
    }
    const body = errorBody(error)
    if (body === undefined) {
      response.writeHead(status).end()
      return
    }
    sendJson(response, status, body)
  }
}

const whenFinished = (response: ServerResponse, act: () => void): void => {
  if (response.writableFinished) act()
  else response.once('finish', act)
}

const sendJson = (response: ServerResponse, status: number, value: unknown): void => {
  const body = `${JSON.stringify(value)}\n`
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) })
  response.end(body)
}

const sendText = (response: ServerResponse, status: number, text: string): void => {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' })
  response.end(`${text}\n`)
}
