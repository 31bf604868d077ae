import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

/** What would be answered by a registry that is well. */
export type Reply = {
  readonly status: number
  readonly headers: Readonly<Record<string, string | number>>
  readonly body: Buffer
}

export type Fault =
  /** This instead. */
  | { readonly kind: 'reply'; readonly status: number; readonly headers?: Reply['headers']; readonly body?: string }
  /** The right head, other bytes, and a Content-Length of what is sent. */
  | { readonly kind: 'replace'; readonly body: Uint8Array }
  /** The head is changed after everything else: headers that are undefined go. */
  | { readonly kind: 'head'; readonly headers: Readonly<Record<string, string | undefined>> }
  /** The connection is reset after so many bytes of the body; -1: before the head. */
  | { readonly kind: 'cut'; readonly after: number }
  /** The body ends as if it were whole, without a Content-Length that would tell. */
  | { readonly kind: 'short'; readonly after: number }
  /** Nothing comes any more after so many bytes of the body; -1: not even the head. */
  | { readonly kind: 'hang'; readonly after: number }
  /** So many bytes at a time, with a pause of milliseconds. */
  | { readonly kind: 'drip'; readonly bytes: number; readonly every: number }
  /** So many bytes at once; the rest when the promise is fulfilled. */
  | { readonly kind: 'hold'; readonly after: number; readonly until: Promise<unknown> }
  /** The whole body, whatever range was asked for. */
  | { readonly kind: 'no-range' }
  /** The connection is reset when so many bytes of the request's body have come. */
  | { readonly kind: 'cut-upload'; readonly after: number }

/** The body, or as much of it as came before the connection broke. */
export const readBody = async (
  request: IncomingMessage,
  fault: Fault | undefined,
): Promise<{ readonly body: Buffer; readonly isWhole: boolean }> => {
  const limit = fault?.kind === 'cut-upload' ? fault.after : Number.POSITIVE_INFINITY
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of request) {
      chunks.push(chunk as Buffer)
      size += (chunk as Buffer).length
      if (size < limit) continue
      request.socket.resetAndDestroy()
      return { body: Buffer.concat(chunks).subarray(0, limit), isWhole: false }
    }
  } catch {
    return { body: Buffer.concat(chunks), isWhole: false }
  }
  return { body: Buffer.concat(chunks), isWhole: true }
}

const write = (response: ServerResponse, bytes: Buffer): Promise<void> =>
  new Promise(resolve => {
    const done = (): void => {
      response.off('close', done)
      resolve()
    }
    response.once('close', done)
    response.write(bytes, done)
  })

const isGone = (response: ServerResponse): boolean => response.destroyed || response.socket?.destroyed === true

/** Sends the reply, spoilt as the fault says. Resolves when all is done that ever will be. */
export const sendReply = async (response: ServerResponse, reply: Reply, fault?: Fault): Promise<void> => {
  const { status, body } = reply
  const headers: Record<string, string | number> = { 'Content-Length': body.length, ...reply.headers }
  const head = (): void => void response.writeHead(status, headers)
  switch (fault?.kind) {
    case 'reply':
      response.writeHead(fault.status, { ...fault.headers }).end(fault.body ?? '')
      return
    case 'replace':
      headers['Content-Length'] = fault.body.length
      head()
      response.end(fault.body)
      return
    case 'head':
      for (const [name, value] of Object.entries(fault.headers)) {
        if (value === undefined) delete headers[name]
        else headers[name] = value
      }
      head()
      response.end(body)
      return
    case 'cut':
      if (fault.after >= 0) {
        head()
        await write(response, body.subarray(0, fault.after))
      }
      // The bytes are to arrive before the end does: a reset would overtake them.
      if (fault.after > 0) response.socket?.destroySoon()
      else response.socket?.resetAndDestroy()
      return
    case 'short':
      delete headers['Content-Length']
      head()
      response.end(body.subarray(0, fault.after))
      return
    case 'hang':
      if (fault.after < 0) return
      head()
      response.flushHeaders()
      if (fault.after > 0) await write(response, body.subarray(0, fault.after))
      return
    case 'drip':
      head()
      for (let at = 0; at < body.length && !isGone(response); at += fault.bytes) {
        await write(response, body.subarray(at, at + fault.bytes))
        await delay(fault.every)
      }
      response.end()
      return
    case 'hold':
      head()
      response.flushHeaders()
      if (fault.after > 0) await write(response, body.subarray(0, fault.after))
      await fault.until
      response.end(body.subarray(fault.after))
      return
    default:
      head()
      response.end(body)
  }
}
