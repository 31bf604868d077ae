import { createHash } from 'node:crypto'
import { messageOf } from '../errdefs.ts'
import { fieldsOf, parseJson, textOf } from './json-body.ts'
import type { Credentials } from './registry-config.ts'
import { RegistryError } from './registry-error.ts'
import { responseError } from './response-error.ts'
import type { HttpResponse, Transport } from './transport.ts'

export type TokenRequest = {
  readonly realm: string
  readonly service: string
  /** `repository:library/debian:pull` */
  readonly scopes: readonly string[]
  readonly credentials: Credentials
  /** Ask for a refresh token too, as login does. */
  readonly offline?: boolean
}

export type Token = { readonly value: string; readonly expires: number; readonly refreshToken: string }

const CLIENT = 'docker'
/** Seconds; a registry that says less means this, by the specification. */
const SHORTEST_LIFE = 60
/** Milliseconds before its end at which a token is not used any more. */
const MARGIN = 5_000
const MOST_TOKENS = 128
const ANSWER_LIMIT = 1024 * 1024

const parseToken = async (response: HttpResponse, now: number): Promise<Token> => {
  if (response.status < 200 || response.status >= 400) throw await responseError(response)
  const text = (await response.bytes(ANSWER_LIMIT)).toString()
  let body: Readonly<Record<string, unknown>>
  try {
    body = fieldsOf(parseJson(text))
  } catch (error) {
    throw new RegistryError(`unable to decode token response: ${messageOf(error)}`, { cause: error })
  }
  const value = textOf(body.access_token) || textOf(body.token)
  if (value === '') throw new RegistryError('authorization server did not include a token in the response')
  const seconds = typeof body.expires_in === 'number' ? body.expires_in : 0
  // The server's clock may be wrong; what counts is how long the token lives from now.
  return {
    value,
    expires: now + Math.max(seconds, SHORTEST_LIFE) * 1000 - MARGIN,
    refreshToken: textOf(body.refresh_token),
  }
}

/** Asks a token server. https://distribution.github.io/distribution/spec/auth/token/ and …/oauth/ */
export const fetchToken = async (transport: Transport, request: TokenRequest, signal?: AbortSignal): Promise<Token> => {
  const { realm, service, scopes, credentials, offline } = request
  if (realm === '') throw new RegistryError('no realm specified for token auth challenge')
  if (!URL.canParse(realm)) throw new RegistryError('invalid token auth challenge realm')
  const url = new URL(realm)
  const timeout = transport.timeouts.ping
  const now = Date.now()
  if (credentials.identityToken) {
    const form = new URLSearchParams({
      scope: scopes.join(' '),
      service,
      client_id: CLIENT,
      grant_type: 'refresh_token',
      refresh_token: credentials.identityToken,
    })
    await using response = await transport.send({
      ...{ method: 'POST', url, signal, timeout },
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      body: Buffer.from(form.toString()),
    })
    return await parseToken(response, now)
  }
  if (service !== '') url.searchParams.append('service', service)
  for (const scope of scopes) url.searchParams.append('scope', scope)
  if (offline) {
    url.searchParams.append('offline_token', 'true')
    url.searchParams.append('client_id', CLIENT)
  }
  const { username = '', password = '' } = credentials
  const authorization = basicAuthorization(credentials)
  if (username !== '' && password !== '') url.searchParams.append('account', username)
  await using response = await transport.send({ method: 'GET', url, authorization, signal, timeout })
  return await parseToken(response, now)
}

/** The value of an Authorization header; undefined without both name and password, as in dockerd. */
export const basicAuthorization = ({ username, password }: Credentials): string | undefined =>
  username && password ? `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` : undefined

/** Tokens while they live, by what they are for and whom they were given to. */
export class TokenCache {
  readonly #tokens = new Map<string, Promise<Token>>()
  readonly #ends = new Map<string, number>()

  static key({ realm, service, scopes, credentials }: TokenRequest): string {
    const { username, password, identityToken } = credentials
    // Not the password itself: keys outlive their use.
    const owner = createHash('sha256')
      .update(JSON.stringify([username, password, identityToken]))
      .digest('base64')
    return JSON.stringify([realm, service, [...scopes].sort(), owner])
  }

  /** A living token, or the one that `fetch` brings; those who ask at once share one question. */
  async get(key: string, fetch: () => Promise<Token>): Promise<string> {
    const found = this.#tokens.get(key)
    if (found !== undefined && Date.now() < (this.#ends.get(key) ?? Number.POSITIVE_INFINITY))
      return (await found).value
    this.#forget(key)
    const asked = fetch()
    this.#tokens.set(key, asked)
    for (const oldest of this.#tokens.keys()) {
      if (this.#tokens.size <= MOST_TOKENS) break
      this.#forget(oldest)
    }
    try {
      const token = await asked
      if (this.#tokens.get(key) === asked) this.#ends.set(key, token.expires)
      return token.value
    } catch (error) {
      if (this.#tokens.get(key) === asked) this.#forget(key)
      throw error
    }
  }

  /** Forgets a token that was refused; not one that has come since. */
  async drop(key: string, value: string): Promise<void> {
    const found = this.#tokens.get(key)
    const token = await found?.catch(() => undefined)
    if (token?.value === value && this.#tokens.get(key) === found) this.#forget(key)
  }

  #forget(key: string): void {
    this.#tokens.delete(key)
    this.#ends.delete(key)
  }
}
