import { abortable } from './abortable.ts'
import { type Challenge, parseChallenges } from './challenge.ts'
import type { Credentials } from './registry-config.ts'
import { RegistryError } from './registry-error.ts'
import { basicAuthorization, fetchToken, TokenCache, type TokenRequest } from './tokens.ts'
import type { HttpResponse, Transport } from './transport.ts'

/** What one user shows to one registry. What the registry asks for is known from its answers. */
export class Authorizer {
  readonly #transport: Transport
  readonly #tokens: TokenCache
  readonly #credentials: Credentials
  #challenges: readonly Challenge[]

  constructor(transport: Transport, tokens: TokenCache, credentials: Credentials, challenges: readonly Challenge[]) {
    this.#transport = transport
    this.#tokens = tokens
    this.#credentials = credentials
    this.#challenges = challenges
  }

  #tokenRequest(scopes: readonly string[]): TokenRequest | undefined {
    const bearer = this.#challenges.find(({ scheme }) => scheme === 'bearer')
    if (bearer === undefined) return undefined
    const { realm = '', service = '' } = bearer.parameters
    return { realm, service, scopes, credentials: this.#credentials }
  }

  /** The Authorization header for these scopes; undefined while the registry asks for none. */
  async header(scopes: readonly string[], signal?: AbortSignal): Promise<string | undefined> {
    const { registryToken } = this.#credentials
    const request = this.#tokenRequest(scopes)
    if (request !== undefined) {
      if (registryToken) return `Bearer ${registryToken}`
      // Shared with others who ask for the same: one who goes away must not take it from them.
      const key = TokenCache.key(request)
      return `Bearer ${await abortable(
        this.#tokens.get(key, () => fetchToken(this.#transport, request)),
        signal,
      )}`
    }
    if (!this.#challenges.some(({ scheme }) => scheme === 'basic')) return undefined
    const basic = basicAuthorization(this.#credentials)
    if (basic === undefined) throw new RegistryError('no basic auth credentials', { status: 401 })
    return basic
  }

  /** Takes note of a 401. Whether another try, with what `header` gives then, is worth it. */
  async refused(response: HttpResponse, sent: string | undefined, scopes: readonly string[]): Promise<boolean> {
    const asked = parseChallenges(response.headers['www-authenticate'])
    const known = this.#tokenRequest(scopes)
    if (asked.length > 0) this.#challenges = asked
    if (sent === undefined) return asked.some(({ scheme }) => scheme === 'bearer' || scheme === 'basic')
    if (this.#credentials.registryToken) return false
    const token = /^Bearer (.*)$/.exec(sent)?.[1]
    // The same password is refused the same way.
    if (token === undefined || known === undefined)
      return asked.some(({ scheme }) => scheme === 'bearer') && token === undefined
    await this.#tokens.drop(TokenCache.key(known), token)
    return true
  }
}
