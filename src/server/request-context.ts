import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { JsonStream } from './json-stream.ts'
import { Query } from './query.ts'
import { readJsonBody } from './request-body.ts'
import { API_VERSION, compareVersions } from './version.ts'

/** One request on its way through its handler: what was asked, and the ways to answer it. */
export class RequestContext {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly params: Readonly<Record<string, string>>
  readonly query: Query
  /** As the client named it, the newest when it named none. */
  readonly version: string
  /** The client asked to leave HTTP, on a route that does so: what follows the headers lies on the socket. */
  readonly upgrade: boolean
  /** The connection has left HTTP: there is no response any more. */
  hijacked = false
  readonly #stopping: AbortSignal
  #abort: AbortController | undefined

  constructor(facts: {
    request: IncomingMessage
    response: ServerResponse
    params: Readonly<Record<string, string>>
    query: string
    version: string | undefined
    upgrade: boolean
    /** Aborts when the server stops. */
    stopping: AbortSignal
  }) {
    this.request = facts.request
    this.response = facts.response
    this.params = facts.params
    this.query = new Query(facts.query)
    this.version = facts.version ?? API_VERSION
    this.upgrade = facts.upgrade
    this.#stopping = facts.stopping
  }

  /** A parameter of the route's path. */
  param(name: string): string {
    const value = this.params[name]
    if (value === undefined) throw new TypeError(`the route has no parameter ${name}`)
    return value
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name.toLowerCase()]
    return Array.isArray(value) ? value[0] : value
  }

  /** Whether the client speaks `version` or a newer one. */
  speaks(version: string): boolean {
    return compareVersions(this.version, version) >= 0
  }

  /** Aborts when the client goes away before it has its answer, and when the server stops. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      const controller = new AbortController()
      this.#abort = controller
      const { response } = this
      const stopping = this.#stopping
      const abort = () => controller.abort()
      if (response.destroyed || response.socket?.destroyed || stopping.aborted) abort()
      stopping.addEventListener('abort', abort)
      response.once('close', () => {
        stopping.removeEventListener('abort', abort)
        if (!response.writableFinished) abort()
      })
    }
    return this.#abort.signal
  }

  /** The body's bytes, for routes that take a stream (tar, build context). The size is for the reader to limit. */
  get body(): Readable {
    return this.request
  }

  /**
   * The body as JSON. Throws InvalidArgument in dockerd's words when it is malformed, of another content type, or
   * missing (unless `optional`, then undefined). The shape is the caller's word: check what must hold.
   */
  readJson<Value>(options?: { optional?: boolean }): Promise<Value | undefined> {
    return readJsonBody<Value>(this.request, options?.optional ?? false, this.upgrade)
  }

  json(value: unknown, status = 200): void {
    const body = `${JSON.stringify(value)}\n`
    this.response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) })
    this.response.end(body)
  }

  /** An answer without a body. */
  empty(status: 200 | 204): void {
    if (status === 204) this.response.writeHead(204)
    else this.response.writeHead(200, { 'Content-Length': 0 })
    this.response.end()
  }

  /**
   * An answer of JSON objects told while `work` goes on. A failure before the first of them is an ordinary one, with
   * its status; later it is told inside the stream.
   */
  async streamJson(work: (stream: JsonStream) => Promise<void>): Promise<void> {
    const stream = this.jsonStream()
    try {
      await work(stream)
    } catch (error) {
      if (!this.response.headersSent) throw error
      stream.fail(error)
    }
    stream.end()
  }

  /** Begins a stream of JSON objects, one a line. The headers leave with the first object or `flush()`. */
  jsonStream(): JsonStream {
    return new JsonStream(this.response)
  }
}
