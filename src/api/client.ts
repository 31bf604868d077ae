/** The client of the Docker Engine API: requests, streams and hijacked connections over one small pool of sockets. */
import { connect, type Socket } from 'node:net'
import { codeOf, type ErrorKind, TareError } from '../errdefs.ts'
import type { Endpoint } from './endpoint.ts'
import { HttpConnection, type RequestBody, type ResponseHead } from './http-connection.ts'
import { jsonLines } from './json-lines.ts'

export type QueryValue = string | number | boolean | readonly string[] | undefined
export type Query = Readonly<Record<string, QueryValue>>
export type RequestOptions = {
  readonly query?: Query
  /** Sent as JSON. */
  readonly json?: unknown
  /** Sent as it is, chunked. */
  readonly body?: AsyncIterable<Uint8Array>
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** The daemon answered, and it was a refusal. */
export class DaemonError extends TareError {
  readonly status: number

  constructor(status: number, message: string) {
    super(KINDS[status] ?? (status >= 500 ? 'Internal' : 'InvalidArgument'), message)
    this.name = 'DaemonError'
    this.status = status
  }
}
const KINDS: Readonly<Record<number, ErrorKind>> = {
  304: 'NotModified',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  501: 'NotImplemented',
  503: 'Unavailable',
}

/** No daemon answered. */
export class ConnectionError extends TareError {
  readonly endpoint: Endpoint

  constructor(endpoint: Endpoint, message: string, cause: unknown) {
    super('Unavailable', message, { cause })
    this.name = 'ConnectionError'
    this.endpoint = endpoint
  }
}

export class Response {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: AsyncGenerator<Buffer>

  constructor(head: ResponseHead, body: AsyncGenerator<Buffer>) {
    this.status = head.status
    this.headers = head.headers
    this.body = body
  }

  async text(): Promise<string> {
    const chunks: Buffer[] = []
    for await (const chunk of this.body) chunks.push(chunk)
    return Buffer.concat(chunks).toString()
  }

  async json<T>(): Promise<T> {
    const text = await this.text()
    return (text === '' ? undefined : JSON.parse(text)) as T
  }

  /** The objects of a JSON stream, as they come. */
  async *messages<T>(): AsyncGenerator<T> {
    for await (const line of jsonLines(this.body)) yield JSON.parse(line) as T
  }
}

/** What `hijack` gives: the raw connection; `multiplexed` tells frames (stdcopy) from a TTY's plain bytes where the daemon says it. */
export type Hijacked = { readonly socket: Socket; readonly multiplexed: boolean | undefined }

export class Client implements Disposable {
  readonly endpoint: Endpoint
  readonly #version: string
  readonly #headers: Readonly<Record<string, string>>
  readonly #idle: HttpConnection[] = []
  readonly #warming: Promise<HttpConnection>[] = []
  readonly #open = new Set<Socket>()
  readonly #onUnreachable: ((error: ConnectionError) => Promise<void>) | undefined
  #mending: Promise<void> | undefined

  /** `version`: the API version to insist on (`1.51`); by default the daemon's newest. `headers` go with each request. */
  constructor(
    endpoint: Endpoint,
    options: {
      version?: string | undefined
      headers?: Readonly<Record<string, string>> | undefined
      /** Asked once when nobody answers; when it resolves, the connection is tried again. */
      onUnreachable?: ((error: ConnectionError) => Promise<void>) | undefined
    } = {},
  ) {
    this.#onUnreachable = options.onUnreachable
    this.endpoint = endpoint
    this.#version = options.version ? `/v${options.version.replace(/^v/, '')}` : ''
    this.#headers = options.headers ?? {}
  }

  /** Opens connections ahead of requests that are sure to come. Failures show when they are used. */
  warm(count: number): void {
    for (let i = 0; i < count; i++) {
      const connecting = this.#connect()
      connecting.catch(() => undefined)
      this.#warming.push(connecting)
    }
  }

  /** Throws DaemonError for a status of 400 and over, ConnectionError when nobody answers. */
  async request(method: string, path: string, options: RequestOptions = {}): Promise<Response> {
    const body = options.json === undefined ? options.body : Buffer.from(JSON.stringify(options.json))
    const head = this.#head(method, path, options, body, {})
    const { connection, response } = await this.#exchange(head, body, options.signal)
    const result = new Response(
      response,
      connection.body(response, method, () => this.#giveBack(connection)),
    )
    if (response.status >= 400) throw await refusal(result)
    return result
  }

  async json<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
    return await (await this.request(method, path, options)).json<T>()
  }

  async get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
    return await this.json<T>('GET', path, { query, signal })
  }

  async post<T = undefined>(path: string, options: RequestOptions = {}): Promise<T> {
    return await this.json<T>('POST', path, options)
  }

  async delete<T = undefined>(path: string, query: Query = {}): Promise<T> {
    return await this.json<T>('DELETE', path, { query })
  }

  /** Upgrades the connection (`attach`, `exec/start`) and gives the socket; half-open, so ending it leaves the output open. */
  async hijack(path: string, options: RequestOptions = {}): Promise<Hijacked> {
    const body = options.json === undefined ? undefined : Buffer.from(JSON.stringify(options.json))
    const head = this.#head('POST', path, options, body, { Connection: 'Upgrade', Upgrade: 'tcp' })
    const { connection, response } = await this.#exchange(head, body, options.signal)
    if (response.status !== 101 && response.status !== 200)
      throw await refusal(
        new Response(
          response,
          connection.body(response, 'POST', () => this.#giveBack(connection)),
        ),
      )
    const type = response.headers.get('content-type')
    const multiplexed =
      type === 'application/vnd.docker.multiplexed-stream'
        ? true
        : type === 'application/vnd.docker.raw-stream' && response.status === 101
          ? false
          : undefined
    return { socket: connection.release(), multiplexed }
  }

  [Symbol.dispose](): void {
    for (const socket of this.#open) socket.destroy()
  }

  #head(
    method: string,
    path: string,
    options: RequestOptions,
    body: RequestBody | undefined,
    extra: Readonly<Record<string, string>>,
  ): string {
    const host = this.endpoint.kind === 'unix' ? 'localhost' : `${this.endpoint.host}:${this.endpoint.port}`
    const headers: Record<string, string> = { Host: host, ...this.#headers, ...extra, ...options.headers }
    if (options.json !== undefined) headers['Content-Type'] = 'application/json'
    if (Buffer.isBuffer(body)) headers['Content-Length'] = String(body.length)
    else if (body !== undefined) headers['Transfer-Encoding'] = 'chunked'
    else if (method === 'POST') headers['Content-Length'] = '0'
    let head = `${method} ${this.#version}${path}${queryString(options.query)} HTTP/1.1\r\n`
    for (const [name, value] of Object.entries(headers)) head += `${name}: ${value.replace(/[\r\n]/g, ' ')}\r\n`
    return `${head}\r\n`
  }

  async #exchange(
    head: string,
    body: RequestBody | undefined,
    signal: AbortSignal | undefined,
  ): Promise<{ connection: HttpConnection; response: ResponseHead }> {
    signal?.throwIfAborted()
    const connection = this.#takeIdle() ?? (await (this.#warming.shift() ?? this.#connect()))
    if (signal?.aborted) connection.socket.destroy()
    else if (signal) {
      const abort = (): void =>
        void connection.socket.destroy(signal.reason instanceof Error ? signal.reason : undefined)
      signal.addEventListener('abort', abort, { once: true })
      connection.socket.once('close', () => signal.removeEventListener('abort', abort))
    }
    try {
      return { connection, response: await connection.request(head, body) }
    } catch (error) {
      connection.socket.destroy()
      signal?.throwIfAborted()
      throw error
    }
  }

  async #connect(): Promise<HttpConnection> {
    try {
      return await this.#dial()
    } catch (error) {
      if (!this.#onUnreachable || !(error instanceof ConnectionError)) throw error
      this.#mending ??= this.#onUnreachable(error)
      await this.#mending
      return await this.#dial()
    }
  }

  #dial(): Promise<HttpConnection> {
    const { promise, resolve, reject } = Promise.withResolvers<HttpConnection>()
    const { endpoint } = this
    const socket =
      endpoint.kind === 'unix'
        ? connect({ path: endpoint.path, allowHalfOpen: true })
        : connect({ host: endpoint.host, port: endpoint.port, allowHalfOpen: true, noDelay: true })
    this.#open.add(socket)
    socket.once('close', () => this.#open.delete(socket))
    const failed = (error: Error): void => reject(connectionError(endpoint, error))
    socket.once('error', failed)
    socket.once('connect', () => {
      socket.off('error', failed)
      resolve(new HttpConnection(socket))
    })
    return promise
  }

  #takeIdle(): HttpConnection | undefined {
    for (let connection = this.#idle.pop(); connection; connection = this.#idle.pop()) {
      if (connection.reusable) return connection
      connection.socket.destroy()
    }
    return undefined
  }

  #giveBack(connection: HttpConnection): void {
    connection.idle = connection.reusable
    if (connection.reusable) this.#idle.push(connection)
    else connection.socket.destroy()
  }
}

const refusal = async (response: Response): Promise<DaemonError> => {
  const text = await response.text().catch(() => '')
  let message = text.trim()
  try {
    message = (JSON.parse(text) as { message?: string }).message ?? message
  } catch {
    // Not JSON: the text itself is all there is to say.
  }
  return new DaemonError(response.status, message || `request returned ${response.status}`)
}

const connectionError = (endpoint: Endpoint, error: Error): ConnectionError => {
  const code = codeOf(error)
  if (endpoint.kind === 'unix' && code === 'EACCES')
    return new ConnectionError(
      endpoint,
      `permission denied while trying to connect to the Tare daemon socket at ${endpoint.text}: dial unix ${endpoint.path}: connect: permission denied`,
      error,
    )
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return new ConnectionError(
      endpoint,
      `error during connect: lookup ${(endpoint as { host: string }).host}: no such host`,
      error,
    )
  return new ConnectionError(
    endpoint,
    `Cannot connect to the Tare daemon at ${endpoint.text}. Is the tare daemon running?`,
    error,
  )
}

const queryString = (query: Query | undefined): string => {
  const parts: string[] = []
  for (const [key, value] of Object.entries(query ?? {})) {
    if (value === undefined) continue
    for (const item of Array.isArray(value) ? (value as readonly string[]) : [value])
      parts.push(
        `${encodeURIComponent(key)}=${encodeURIComponent(item === true ? '1' : item === false ? '0' : String(item))}`,
      )
  }
  return parts.length === 0 ? '' : `?${parts.join('&')}`
}
