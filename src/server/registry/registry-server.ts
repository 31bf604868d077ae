import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { codeOf, conflict, internal, invalidArgument, messageOf } from '../../errdefs.ts'
import type { Logger } from '../../log.ts'
import { RegistryAnswers, type ServedStore } from './registry-answers.ts'
import { RegistryProblem, sendProblem } from './registry-problem.ts'

/** Milliseconds that a connection may lie still, in the middle of a blob too. */
const PATIENCE = 5 * 60_000
/** Connections at once; others wait in the kernel's queue, and then are refused. */
const CONNECTIONS = 512

/** Offers a local store over the distribution protocol, read-only, on an address of its own. */
export class RegistryServer implements AsyncDisposable {
  readonly #answers: RegistryAnswers
  readonly #logger: Logger
  readonly #onRequest: (line: string) => void
  #server: Server | undefined

  /** `onRequest` hears of each request when it has been answered: `GET /v2/ 200`. */
  constructor(backend: ServedStore, logger: Logger, onRequest: (line: string) => void = () => {}) {
    this.#answers = new RegistryAnswers(backend)
    this.#logger = logger
    this.#onRequest = onRequest
  }

  /** `HOST:PORT`, `:PORT` for all interfaces. Gives the address as it is now. Throws InvalidArgument, Conflict, Internal. */
  async listen(address: string): Promise<string> {
    const { host, port } = splitAddress(address)
    const server = createServer((request, response) => void this.#handle(request, response))
    server.timeout = PATIENCE
    server.maxConnections = CONNECTIONS
    await new Promise<void>((resolve, reject) => {
      server.once('error', error => reject(listenError(address, error)))
      server.listen({ host, port }, resolve)
    })
    server.on('error', error => this.#logger.error({ err: error }, 'the registry failed'))
    this.#server = server
    const { address: ip, family, port: taken } = server.address() as AddressInfo
    return family === 'IPv6' ? `[${ip}]:${taken}` : `${ip}:${taken}`
  }

  /** Ends all connections, those with an answer under way too. */
  async [Symbol.asyncDispose](): Promise<void> {
    const server = this.#server
    if (!server) return
    this.#server = undefined
    const closed = new Promise<void>(resolve => server.close(() => resolve()))
    server.closeAllConnections()
    await closed
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '/' } = request
    response.setHeader('Docker-Distribution-Api-Version', 'registry/2.0')
    response.once('close', () => {
      const outcome = response.writableFinished ? response.statusCode : `${response.statusCode} (cut off)`
      this.#onRequest(`${method} ${url} ${outcome}`)
    })
    try {
      await this.#answer(request, response)
    } catch (error) {
      if (error instanceof RegistryProblem) sendProblem(response, error)
      // A client that stops reading is no failure.
      else if (response.destroyed || codeOf(error) === 'ERR_STREAM_PREMATURE_CLOSE') response.destroy()
      else {
        this.#logger.error({ method, url, err: error }, 'request to the registry failed')
        if (response.headersSent) response.destroy()
        else sendProblem(response, new RegistryProblem('UNKNOWN'))
      }
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // Nothing that is sent here is read.
    request.resume()
    const [path = '', query = ''] = (request.url ?? '/').split('?', 2)
    const isOurs = /^\/v2(\/|$)/.test(path)
    if (isOurs && request.method !== 'GET' && request.method !== 'HEAD') throw new RegistryProblem('UNSUPPORTED')
    const exchange = { request, response, query: new URLSearchParams(query) }
    if (isOurs && (await this.#answers.answer(decoded(path), exchange))) return
    response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' }).end('404 page not found\n')
  }
}

const decoded = (path: string): string => {
  try {
    return decodeURIComponent(path)
  } catch {
    throw new RegistryProblem('NAME_INVALID')
  }
}

const splitAddress = (address: string): { readonly host: string | undefined; readonly port: number } => {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d+)$/.exec(address.replace(/^tcp:\/\//, ''))
  const port = Number(match?.[3] ?? Number.NaN)
  if (!match || port > 65535) throw invalidArgument(`invalid address to listen on: ${address}: want HOST:PORT`)
  return { host: match[1] || match[2] || undefined, port }
}

const listenError = (address: string, error: Error): Error => {
  if (codeOf(error) === 'EADDRINUSE')
    return conflict(`listen tcp ${address}: bind: address already in use`, { cause: error })
  return internal(`listen tcp ${address}: ${messageOf(error)}`, { cause: error })
}
