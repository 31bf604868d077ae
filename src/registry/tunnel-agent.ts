import { type ClientRequestArgs, request } from 'node:http'
import { Agent, type AgentOptions, request as secureRequest } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type ConnectionOptions, connect } from 'node:tls'
import { SilenceError } from './connection-words.ts'
import { proxyAuthorization } from './proxy.ts'
import { RegistryError } from './registry-error.ts'

type Done = (error: Error | null, stream: Duplex) => void

/** TLS through an HTTP proxy: CONNECT first, the handshake with the registry inside. */
export class TunnelAgent extends Agent {
  readonly #proxy: URL
  readonly #timeout: number

  /** `timeout`: ms for the proxy to open the way. */
  constructor(proxy: URL, timeout: number, options: AgentOptions) {
    super(options)
    this.#proxy = proxy
    this.#timeout = timeout
  }

  override createConnection(options: ClientRequestArgs, done?: Done): undefined {
    const failed = (error: Error): void => done?.(error, undefined as unknown as Duplex)
    const host = String(options.host ?? '')
    const target = `${host.includes(':') ? `[${host}]` : host}:${options.port}`
    const authorization = proxyAuthorization(this.#proxy)
    const asked = (this.#proxy.protocol === 'https:' ? secureRequest : request)({
      host: this.#proxy.hostname.replace(/^\[|\]$/g, ''),
      port: this.#proxy.port || (this.#proxy.protocol === 'https:' ? 443 : 80),
      method: 'CONNECT',
      path: target,
      agent: false,
      headers: { Host: target, ...(authorization && { 'Proxy-Authorization': authorization }) },
      timeout: this.#timeout,
    })
    asked.once('timeout', () => asked.destroy(new SilenceError('connect')))
    asked.once('error', failed)
    asked.once('response', answer => {
      answer.resume()
      asked.destroy()
      failed(new RegistryError(`proxyconnect tcp: ${answer.statusCode} ${answer.statusMessage}`, { code: 'EPROXY' }))
    })
    asked.once('connect', (answer, socket: Socket) => {
      asked.off('error', failed)
      if (answer.statusCode !== 200) {
        socket.destroy()
        failed(new RegistryError(`${answer.statusMessage}`, { code: 'EPROXY' }))
        return
      }
      socket.setTimeout(0)
      done?.(null, connect({ ...(options as ConnectionOptions), socket }))
    })
    asked.end()
  }
}
