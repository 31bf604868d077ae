/**
 * One HTTP/1.1 connection to the daemon. Written over the plain socket because `node:http` costs a command line as much
 * again as all of Node's own start (docs/dependencies.md), and because half of what we ask for is hijacked streams.
 * RFC 9112; no pipelining, no compression.
 */
import type { Socket } from 'node:net'
import { unavailable } from '../errdefs.ts'

export type ResponseHead = { readonly status: number; readonly headers: ReadonlyMap<string, string> }
export type RequestBody = Buffer | AsyncIterable<Uint8Array>

const HEAD_LIMIT = 256 * 1024

export class HttpConnection {
  readonly socket: Socket
  #ended = false
  #error: Error | undefined
  #wake: (() => void) | undefined
  /** False once the connection cannot carry another request. */
  reusable = true
  /** True between requests. */
  idle = false

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('readable', this.#notify)
    socket.on('end', this.#onEnd)
    socket.on('close', this.#onEnd)
    socket.on('error', this.#onError)
  }

  readonly #notify = (): void => {
    if (this.#wake) this.#wake()
    else if (this.idle) this.socket.read() // Nothing is due here but the end, which shows only to who reads.
  }
  readonly #onEnd = (): void => {
    this.#ended = true
    this.reusable = false
    this.#wake?.()
  }
  readonly #onError = (error: Error): void => {
    this.#error = error
    this.reusable = false
    this.#wake?.()
  }

  /** Sends a request and reads the head of its response. The body is then read with `body()`. */
  async request(head: string, body?: RequestBody): Promise<ResponseHead> {
    this.idle = false
    if (Buffer.isBuffer(body)) this.socket.write(Buffer.concat([Buffer.from(head), body]))
    else this.socket.write(head)
    if (body === undefined || Buffer.isBuffer(body)) return await this.#readHead()
    // The daemon may refuse before it has read everything: whoever is first, sender or answer, decides.
    const sending = this.#send(body)
    const response = this.#readHead()
    sending.catch(() => undefined)
    const first = await Promise.race([
      response,
      sending.then(
        () => undefined,
        (error: unknown) => {
          // A broken pipe while sending is not the story when the daemon has said why it hung up.
          if (this.#ended || this.#error !== undefined) return undefined
          this.socket.destroy()
          throw error
        },
      ),
    ])
    if (first !== undefined) {
      this.reusable = false
      return first
    }
    return await response
  }

  async #send(body: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of body) {
      if (chunk.length === 0) continue
      if (this.#error !== undefined || this.socket.destroyed) throw this.#error ?? unavailable('connection closed')
      this.socket.write(`${chunk.length.toString(16)}\r\n`)
      this.socket.write(chunk)
      if (!this.socket.write('\r\n')) await this.#drained()
    }
    this.socket.write('0\r\n\r\n')
  }

  #drained(): Promise<void> {
    return new Promise(resolve => {
      const done = (): void => {
        this.socket.off('drain', done)
        this.socket.off('close', done)
        resolve()
      }
      this.socket.on('drain', done)
      this.socket.on('close', done)
    })
  }

  /** The next bytes, as many as are there; undefined at the end. */
  async #read(): Promise<Buffer | undefined> {
    for (;;) {
      const chunk = this.socket.read() as Buffer | null
      if (chunk !== null) return chunk
      if (this.#error !== undefined) throw this.#error
      if (this.#ended) return undefined
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
      this.#wake = undefined
    }
  }

  async #readHead(): Promise<ResponseHead> {
    for (;;) {
      const text = await this.#readUntil('\r\n\r\n', HEAD_LIMIT)
      if (text === undefined) throw unavailable('EOF')
      const [statusLine = '', ...lines] = text.split('\r\n')
      const status = Number(statusLine.split(' ')[1])
      const headers = new Map<string, string>()
      for (const line of lines) {
        const colon = line.indexOf(':')
        if (colon > 0) headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim())
      }
      if (headers.get('connection')?.toLowerCase() === 'close') this.reusable = false
      // 1xx are notes on the way; 101 is the last word of HTTP on this connection.
      if (status === 101 || status >= 200) return { status, headers }
    }
  }

  /** Reads up to and with `mark`, gives what is before it, leaves what is after it in the socket. */
  async #readUntil(mark: string, limit: number): Promise<string | undefined> {
    let got: Buffer = Buffer.alloc(0)
    for (;;) {
      const at = got.indexOf(mark)
      if (at >= 0) {
        const rest = got.subarray(at + mark.length)
        if (rest.length > 0) this.socket.unshift(rest)
        return got.toString('latin1', 0, at)
      }
      if (got.length > limit) throw unavailable('malformed HTTP response')
      const chunk = await this.#read()
      if (chunk === undefined) return undefined
      got = got.length === 0 ? chunk : Buffer.concat([got, chunk])
    }
  }

  /** The response's body. `onEnd` is called once it was read whole. */
  async *body(head: ResponseHead, method: string, onEnd: () => void): AsyncGenerator<Buffer> {
    if (method === 'HEAD' || head.status === 204 || head.status === 304) return onEnd()
    if (head.headers.get('transfer-encoding')?.toLowerCase() === 'chunked') yield* this.#chunked()
    else if (head.headers.has('content-length')) yield* this.#exactly(Number(head.headers.get('content-length')))
    else {
      this.reusable = false
      for (let chunk = await this.#read(); chunk !== undefined; chunk = await this.#read()) yield chunk
    }
    onEnd()
  }

  async *#exactly(length: number): AsyncGenerator<Buffer> {
    let left = length
    while (left > 0) {
      const chunk = await this.#read()
      if (chunk === undefined) throw unavailable('unexpected EOF')
      const take = chunk.subarray(0, left)
      if (take.length < chunk.length) this.socket.unshift(chunk.subarray(take.length))
      left -= take.length
      yield take
    }
  }

  async *#chunked(): AsyncGenerator<Buffer> {
    for (;;) {
      const line = await this.#readUntil('\r\n', 4096)
      if (line === undefined) throw unavailable('unexpected EOF')
      const size = Number.parseInt(line, 16)
      if (!Number.isInteger(size)) throw unavailable('malformed chunked encoding')
      if (size === 0) {
        for (let trailer = await this.#readUntil('\r\n', HEAD_LIMIT); trailer; )
          trailer = await this.#readUntil('\r\n', HEAD_LIMIT)
        return
      }
      yield* this.#exactly(size)
      await this.#readUntil('\r\n', 4096)
    }
  }

  /** Gives the socket away, with whatever of the stream has arrived already. */
  release(): Socket {
    this.reusable = false
    this.socket.off('readable', this.#notify)
    this.socket.off('end', this.#onEnd)
    this.socket.off('close', this.#onEnd)
    this.socket.off('error', this.#onError)
    return this.socket
  }
}
