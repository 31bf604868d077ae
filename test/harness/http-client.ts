import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'
import type { Duplex } from 'node:stream'

export type Answer<Body = unknown> = {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** Parsed where it is JSON, else the text. */
  readonly body: Body
  readonly text: string
}

export type RequestOptions = {
  readonly query?: Readonly<Record<string, string | number | boolean | object | undefined>>
  readonly headers?: Readonly<Record<string, string>>
  /** An object is sent as JSON, bytes as they are. */
  readonly body?: object | Uint8Array | string
}

const pathOf = (path: string, query: RequestOptions['query'] = {}): string => {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.set(name, typeof value === 'object' ? JSON.stringify(value) : String(value))
  }
  return parameters.size > 0 ? `${path}?${parameters}` : path
}

/** Docker's API over a unix socket, as bare as a test wants it: nothing is retried and no status is an exception. */
export class HttpClient {
  readonly socketPath: string

  constructor(socketPath: string) {
    this.socketPath = socketPath
  }

  #open(method: string, path: string, options: RequestOptions): ClientRequest {
    const { body, headers = {} } = options
    const isBytes = typeof body === 'string' || body instanceof Uint8Array
    const bytes =
      body === undefined ? undefined : isBytes ? Buffer.from(body as string) : Buffer.from(JSON.stringify(body))
    const sent = request({
      socketPath: this.socketPath,
      method,
      path: pathOf(path, options.query),
      agent: false,
      headers: {
        Host: 'tare',
        ...(bytes && {
          'Content-Type': isBytes ? 'application/x-tar' : 'application/json',
          'Content-Length': bytes.length,
        }),
        ...headers,
      },
    })
    if (bytes) sent.write(bytes)
    return sent
  }

  /** The answer while its body still comes. Destroy it when done. */
  stream(method: string, path: string, options: RequestOptions = {}): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const sent = this.#open(method, path, options)
      sent.once('response', resolve)
      sent.once('error', reject)
      sent.end()
    })
  }

  async request<Body = unknown>(method: string, path: string, options: RequestOptions = {}): Promise<Answer<Body>> {
    const answer = await this.stream(method, path, options)
    const chunks: Buffer[] = []
    for await (const chunk of answer) chunks.push(chunk as Buffer)
    const text = Buffer.concat(chunks).toString()
    const isJson = /^application\/json/.test(answer.headers['content-type'] ?? '') && text !== ''
    let body: unknown = text
    try {
      if (isJson) body = JSON.parse(text)
    } catch {
      // Progress is many JSON values in one body: those stay text.
    }
    return { status: answer.statusCode ?? 0, headers: answer.headers, body: body as Body, text }
  }

  get<Body = unknown>(path: string, query?: RequestOptions['query']): Promise<Answer<Body>> {
    return this.request('GET', path, { query })
  }

  post<Body = unknown>(
    path: string,
    body?: RequestOptions['body'],
    query?: RequestOptions['query'],
  ): Promise<Answer<Body>> {
    return this.request('POST', path, { body, query })
  }

  delete<Body = unknown>(path: string, query?: RequestOptions['query']): Promise<Answer<Body>> {
    return this.request('DELETE', path, { query })
  }

  /** Takes the connection over, as attach and exec do. `status` is 101 where it was asked for, else 200. */
  hijack(path: string, options: RequestOptions = {}): Promise<{ status: number; socket: Duplex; head: Buffer }> {
    return new Promise((resolve, reject) => {
      const sent = this.#open('POST', path, {
        ...options,
        headers: { Connection: 'Upgrade', Upgrade: 'tcp', ...options.headers },
      })
      sent.once('upgrade', (answer, socket, head) => resolve({ status: answer.statusCode ?? 0, socket, head }))
      sent.once('response', async answer => {
        const chunks: Buffer[] = []
        for await (const chunk of answer) chunks.push(chunk as Buffer)
        reject(new Error(`${path} answered ${answer.statusCode}: ${Buffer.concat(chunks)}`))
      })
      sent.once('error', reject)
      sent.end()
    })
  }
}

/** The answer's body; throws unless it has the status. */
export const expectStatus = <Body>(answer: Answer<Body>, status: number): Body => {
  if (answer.status !== status) throw new Error(`expected status ${status}, got ${answer.status}: ${answer.text}`)
  return answer.body
}
