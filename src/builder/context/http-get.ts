import { Agent, type IncomingHttpHeaders, request } from 'node:http'
import { Agent as SecureAgent, request as secureRequest } from 'node:https'
import type { Readable } from 'node:stream'
import { invalidArgument, messageOf, unavailable } from '../../errdefs.ts'

export type HttpAnswer = {
  /** 200 or 304. */
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** The content as it was stored: nothing is decompressed on the way. */
  readonly body: Readable
}

const MOST_REDIRECTS = 10
/** Milliseconds without a byte. */
const SILENCE = 60_000

/**
 * Asks for a file, by the proxies of the daemon's environment. InvalidArgument for another status, Unavailable when nobody
 * answers. The body must be read or destroyed; it fails when `signal` is aborted.
 */
export const httpGet = async (
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<HttpAnswer> => {
  let asked = new URL(url)
  for (let redirects = 0; ; redirects++) {
    const answer = await get(asked, headers, signal)
    const { status, body } = answer
    const { location } = answer.headers
    if ([301, 302, 303, 307, 308].includes(status) && location !== undefined) {
      body.destroy()
      if (redirects === MOST_REDIRECTS) throw invalidArgument(`${url}: stopped after ${MOST_REDIRECTS} redirects`)
      asked = new URL(location, asked)
      if (!/^https?:$/.test(asked.protocol)) throw invalidArgument(`${url}: redirected to ${asked.protocol}`)
      continue
    }
    if (status === 200 || status === 304) return answer
    body.destroy()
    throw invalidArgument(`failed to load ${shown(url)}: invalid response status ${status}`)
  }
}

/** Without a password. */
const shown = (url: string): string => {
  const parsed = new URL(url)
  if (parsed.password !== '') parsed.password = 'xxxxx'
  return parsed.href
}

const get = (url: URL, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<HttpAnswer> =>
  new Promise((resolve, reject) => {
    const secure = url.protocol === 'https:'
    const options = { proxyEnv: process.env, keepAlive: false }
    const agent = secure ? new SecureAgent(options) : new Agent(options)
    const asked = (secure ? secureRequest : request)(url, {
      agent,
      headers: { 'User-Agent': 'tare', 'Accept-Encoding': 'identity', ...headers },
      signal,
    })
    asked.setTimeout(SILENCE, () => asked.destroy(new Error(`nothing came for ${SILENCE / 1000} seconds`)))
    asked.once('response', body => resolve({ status: body.statusCode ?? 0, headers: body.headers, body }))
    asked.once('error', error => {
      if (signal.aborted) reject(signal.reason)
      else reject(unavailable(`failed to load ${shown(url.href)}: ${messageOf(error)}`, { cause: error }))
    })
    asked.end()
  })
