import type { Authorizer } from './authorizer.ts'
import type { Endpoint } from './endpoint.ts'
import { RegistryError } from './registry-error.ts'
import { responseError } from './response-error.ts'
import { retry } from './retry.ts'
import type { HttpRequest, HttpResponse } from './transport.ts'

export type SessionRequest = Omit<HttpRequest, 'url' | 'authorization'> & {
  /** A path below the registry's address (`/v2/…`), or a whole URL that it gave. */
  readonly target: string | URL
  readonly scopes: readonly string[]
  /** Which statuses are answers; others are errors. */
  readonly expected: (status: number) => boolean
  /** How often it is tried; 1 for what can not be asked twice. */
  readonly attempts: number
  /** Which failures are worth another try: those that are transient, when left out. */
  readonly isWorthwhile?: ((error: unknown) => boolean) | undefined
}

const isStreamed = (request: SessionRequest): boolean => request.body !== undefined && 'chunks' in request.body

/** One user at one registry: requests carry what the registry asks for, and are repeated where that may help. */
export class Session {
  readonly endpoint: Endpoint
  readonly #authorizer: Authorizer

  constructor(endpoint: Endpoint, authorizer: Authorizer) {
    this.endpoint = endpoint
    this.#authorizer = authorizer
  }

  urlOf(target: string | URL): URL {
    return typeof target === 'string' ? new URL(`${this.endpoint.base}${target}`) : target
  }

  /** An answer with an expected status. RegistryError in dockerd's words otherwise; the signal's reason when aborted. */
  async request(request: SessionRequest): Promise<HttpResponse> {
    const { attempts, signal, isWorthwhile } = request
    return await retry(
      async () => {
        const response = await this.#authorized(request)
        if (request.expected(response.status)) return response
        throw await responseError(response)
      },
      { maxAttempts: isStreamed(request) ? 1 : attempts, signal, isWorthwhile },
    )
  }

  async #authorized(request: SessionRequest): Promise<HttpResponse> {
    const { method, scopes, signal } = request
    const url = this.urlOf(request.target)
    const send = async (authorization: string | undefined): Promise<HttpResponse> =>
      this.endpoint.transport.send({ ...request, url, authorization })
    const isHome = url.origin === new URL(this.endpoint.base).origin
    const authorization = async (): Promise<string | undefined> => {
      if (!isHome) return undefined
      try {
        return await this.#authorizer.header(scopes, signal)
      } catch (error) {
        signal?.throwIfAborted()
        throw error instanceof RegistryError ? error.during(method, url) : error
      }
    }
    const shown = await authorization()
    const response = await send(shown)
    if (response.status !== 401 || !isHome || isStreamed(request)) {
      if (response.status === 401 && isHome) await this.#authorizer.refused(response, shown, scopes)
      return response
    }
    if (!(await this.#authorizer.refused(response, shown, scopes))) return response
    let fresh: string | undefined
    try {
      fresh = await authorization()
    } catch (error) {
      await response[Symbol.asyncDispose]()
      throw error
    }
    await response[Symbol.asyncDispose]()
    return await send(fresh)
  }
}
