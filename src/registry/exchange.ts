import { type Agent, type ClientRequest, type IncomingMessage, request as plainRequest } from 'node:http'
import { request as secureRequest } from 'node:https'
import type { Socket } from 'node:net'
import { type Phase, SilenceError } from './connection-words.ts'

/** A body whose length is known and whose bytes come piece by piece. */
export type StreamedBody = { readonly length: number; readonly chunks: AsyncIterable<Uint8Array> }

export type Exchange = {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array | StreamedBody | undefined
  readonly agent: Agent
  /** Where a proxy is asked for the whole URL. */
  readonly proxy?: URL | undefined
  /** Milliseconds of silence that are borne. */
  readonly silence: { readonly connect: number; readonly header: number; readonly idle: number }
  readonly signal?: AbortSignal | undefined
}

const isStreamed = (body: Exchange['body']): body is StreamedBody => body !== undefined && 'chunks' in body

/** Asking twice is asking once. What changes something may have been done although the answer was lost. */
const isRepeatable = ({ method }: Exchange): boolean => method === 'GET' || method === 'HEAD'

const lengthOf = (body: Uint8Array | StreamedBody): number => (isStreamed(body) ? body.length : body.byteLength)

const open = ({ method, url, headers, body, agent, proxy }: Exchange): ClientRequest => {
  const { hostname, port, protocol } = proxy ?? url
  return (protocol === 'https:' ? secureRequest : plainRequest)({
    method,
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port || (protocol === 'https:' ? 443 : 80),
    path: proxy === undefined ? `${url.pathname}${url.search}` : url.href,
    agent,
    headers: {
      Host: url.host,
      ...headers,
      ...(body !== undefined && { 'Content-Length': String(lengthOf(body)) }),
    },
  })
}

/** Times the silence of the other side on whichever socket the request has. A reader who takes his time is not silence. */
const watchSilence = (sent: ClientRequest, silence: Exchange['silence']): void => {
  let phase: Phase = 'connect'
  let socket: Socket | undefined
  let answer: IncomingMessage | undefined
  const limit = (): number =>
    phase === 'connect' ? silence.connect : phase === 'header' ? silence.header : silence.idle
  const expired = (): void => {
    if (answer !== undefined && answer.readableLength > 0) socket?.setTimeout(limit())
    else (answer ?? sent).destroy(new SilenceError(phase))
  }
  const enter = (next: Phase): void => {
    phase = next
    socket?.setTimeout(limit())
  }
  const connected = (): void => enter('header')
  sent.once('socket', found => {
    socket = found
    found.on('timeout', expired)
    const event = 'encrypted' in found ? 'secureConnect' : 'connect'
    if (sent.reusedSocket) connected()
    else {
      enter('connect')
      found.once(event, connected)
    }
    sent.once('close', () => {
      found.off('timeout', expired)
      found.off(event, connected)
    })
  })
  sent.once('response', found => {
    answer = found
    enter('body')
  })
}

const sendBody = async (sent: ClientRequest, body: StreamedBody, isOver: () => boolean): Promise<void> => {
  let rest = body.length
  for await (const chunk of body.chunks) {
    if (isOver()) return
    rest -= chunk.byteLength
    if (!sent.write(chunk)) {
      await new Promise<void>(resolve => {
        const done = (): void => {
          sent.off('drain', done)
          sent.off('close', done)
          resolve()
        }
        sent.on('drain', done)
        sent.on('close', done)
      })
    }
  }
  if (!isOver()) {
    if (rest === 0) sent.end()
    else sent.destroy(new Error(`the body is ${rest} bytes short`))
  }
}

/**
 * One request and the header of its answer, without any policy. The body is the caller's to read or to destroy. Throws what
 * the network threw, or the signal's reason; the body's stream breaks with the same.
 */
export const exchange = (wanted: Exchange): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const { signal, body } = wanted
    if (signal?.aborted) {
      reject(signal.reason)
      return
    }
    const sent = open(wanted)
    let answered = false
    let closed = false
    watchSilence(sent, wanted.silence)
    let answer: IncomingMessage | undefined
    const abort = (): void => {
      // The body's reader hears the reason too, not merely that the connection is gone.
      answer?.destroy(signal?.reason as Error)
      sent.destroy(signal?.reason as Error)
    }
    signal?.addEventListener('abort', abort, { once: true })
    sent.once('close', () => {
      closed = true
      signal?.removeEventListener('abort', abort)
    })
    sent.on('error', error => {
      // A socket that was kept open may be closed by the other side as we begin to use it.
      if (
        sent.reusedSocket &&
        !answered &&
        isRepeatable(wanted) &&
        !signal?.aborted &&
        !(error instanceof SilenceError)
      ) {
        exchange(wanted).then(resolve, reject)
      } else if (answer !== undefined) answer.destroy(error)
      else reject(error)
    })
    sent.once('response', found => {
      answered = true
      answer = found
      // Answered before all of the body was sent: nobody waits for the rest, and the connection is of no more use.
      found.once('close', () => {
        if (!sent.writableEnded) sent.destroy()
      })
      resolve(found)
    })
    if (isStreamed(body)) sendBody(sent, body, () => closed || answered).catch(error => sent.destroy(error))
    else sent.end(body)
  })
