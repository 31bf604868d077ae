import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { JsonMessage } from '../api/image.ts'
import { messageOf } from '../errdefs.ts'

/**
 * A response of JSON objects, one a line, each sent as it comes (`/build`, `/images/create`, `/events`).
 * Writing to a client that has gone away does nothing: the request's signal tells the work to stop.
 */
export class JsonStream {
  readonly #response: ServerResponse
  readonly #separator: string

  constructor(response: ServerResponse, separator = '\r\n') {
    this.#separator = separator
    this.#response = response
    response.statusCode = 200
    response.setHeader('Content-Type', 'application/json')
  }

  /** Sends the headers now, so that the client knows that its request was taken. */
  flush(): void {
    this.#response.flushHeaders()
  }

  /** True until the client's buffer is full: then await `drain()` before the next one. */
  write(message: object): boolean {
    return this.writeText(JSON.stringify(message))
  }

  /** As `write`, for JSON that `JSON.stringify` cannot make. `text` is one object without a line break. */
  writeText(text: string): boolean {
    const response = this.#response
    if (response.destroyed || response.writableEnded) return true
    return response.write(text + this.#separator)
  }

  /** Resolves when the client has taken what was written, or is gone. */
  async drain(signal?: AbortSignal): Promise<void> {
    const response = this.#response
    if (!response.writableNeedDrain || response.destroyed) return
    const settled = new AbortController()
    const { signal: stop } = settled
    const either = signal === undefined ? stop : AbortSignal.any([stop, signal])
    try {
      await Promise.race([once(response, 'drain', { signal: either }), once(response, 'close', { signal: either })])
    } catch (error) {
      if (signal?.aborted !== true) throw error
    } finally {
      settled.abort()
    }
  }

  /** The failure of work whose headers have left already: told inside the stream. */
  fail(error: unknown, code?: number): void {
    const message = messageOf(error)
    const failure: JsonMessage = { errorDetail: code === undefined ? { message } : { code, message }, error: message }
    this.write(failure)
  }

  end(): void {
    if (!this.#response.writableEnded) this.#response.end()
  }
}
