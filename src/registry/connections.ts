import { abortable } from './abortable.ts'
import { connectTo, type Endpoint } from './endpoint.ts'
import { InsecureRegistries } from './insecure.ts'
import { HUB_DOMAIN, homesOf, mirrorsOf, type Place } from './mirrors.ts'
import { type RegistryConfig, timeoutsOf } from './registry-config.ts'
import { RegistryError } from './registry-error.ts'
import { retry } from './retry.ts'
import { Transport } from './transport.ts'
import { readTrust } from './trust.ts'

/** One of the places where a registry's content may be had. */
export type Source = { readonly isMirror: boolean; connect(signal?: AbortSignal): Promise<Endpoint> }

/** Milliseconds for which a registry is taken to be as it was when it answered last. */
const TRUSTED_FOR = 60_000
const MOST_TRANSPORTS = 32

const brokeOff = (error: unknown): boolean =>
  error instanceof RegistryError &&
  error.status === undefined &&
  (error.code === 'ECONNRESET' || error.code === 'EPIPE')

/** Finds out how registries are reached, and keeps the connections to them. */
export class Connections implements Disposable {
  readonly #config: RegistryConfig
  readonly #insecure: InsecureRegistries
  readonly #transports = new Map<string, Transport>()
  readonly #endpoints = new Map<string, { readonly endpoint: Endpoint; readonly until: number }>()

  constructor(config: RegistryConfig) {
    this.#config = config
    this.#insecure = new InsecureRegistries(config.insecure)
  }

  /** Mirrors first, the registry itself last. */
  sources(domain: string): Source[] {
    return [
      ...mirrorsOf(domain, this.#config.mirrors).map(place => ({
        isMirror: true,
        connect: (signal?: AbortSignal) => this.#connect([place], signal),
      })),
      this.home(domain),
    ]
  }

  /** The registry itself. */
  home(domain: string): Source {
    return {
      isMirror: false,
      connect: async signal => this.#connect(homesOf(domain, await this.isInsecure(domain, signal)), signal),
    }
  }

  async isInsecure(host: string, signal?: AbortSignal): Promise<boolean> {
    return host !== HUB_DOMAIN && (await abortable(this.#insecure.has(host), signal))
  }

  /** What was found out about a registry may not hold any more. */
  forget(endpoint: Endpoint): void {
    this.#endpoints.delete(endpoint.base)
  }

  /** The first of the places that answers; the last one's error when none does. */
  async #connect(places: readonly Place[], signal: AbortSignal | undefined): Promise<Endpoint> {
    signal?.throwIfAborted()
    for (const { url } of places) {
      const known = this.#endpoints.get(url)
      if (known !== undefined && performance.now() < known.until) return known.endpoint
    }
    return await retry(async () => await this.#firstOf(places, signal), {
      maxAttempts: this.#config.maxAttempts,
      signal,
      isWorthwhile: brokeOff,
    })
  }

  async #firstOf(places: readonly Place[], signal: AbortSignal | undefined): Promise<Endpoint> {
    let last: unknown
    for (const place of places) {
      const transport = await this.transport(new URL(place.url), signal)
      try {
        const endpoint = await connectTo(place, transport, signal)
        this.#endpoints.set(place.url, { endpoint, until: performance.now() + TRUSTED_FOR })
        return endpoint
      } catch (error) {
        signal?.throwIfAborted()
        // Who speaks TLS and answers nonsense is not asked in clear.
        if (!(error instanceof RegistryError) || error.status !== undefined) throw error
        last = error
      }
    }
    throw last
  }

  /** Connections with the certificates that are in the folders now. */
  async transport(origin: URL, signal?: AbortSignal): Promise<Transport> {
    const { certsDirectories, httpProxy, httpsProxy, noProxy, timeout } = this.#config
    const trust = readTrust(origin.host, certsDirectories, await this.isInsecure(origin.host, signal))
    const key = `${origin.origin} ${JSON.stringify(trust)}`
    const found = this.#transports.get(key)
    if (found !== undefined) return found
    this.#sweep()
    const proxy = { httpProxy, httpsProxy, noProxy }
    const transport = new Transport(origin, trust, proxy, timeoutsOf(timeout))
    this.#transports.set(key, transport)
    return transport
  }

  #sweep(): void {
    for (const [url, { until }] of this.#endpoints) if (performance.now() > until) this.#endpoints.delete(url)
    if (this.#transports.size < MOST_TRANSPORTS) return
    for (const [key, transport] of this.#transports) {
      if (transport.isInUse) continue
      transport[Symbol.dispose]()
      this.#transports.delete(key)
    }
  }

  [Symbol.dispose](): void {
    for (const transport of this.#transports.values()) transport[Symbol.dispose]()
    this.#transports.clear()
    this.#endpoints.clear()
  }
}
