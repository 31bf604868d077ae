import { invalidArgument, unauthorized } from '../errdefs.ts'
import { parseChallenges } from './challenge.ts'
import type { Connections } from './connections.ts'
import type { Credentials } from './registry-config.ts'
import { RegistryError } from './registry-error.ts'
import { basicAuthorization, fetchToken } from './tokens.ts'
import { translate } from './translate.ts'

/** The host that a server's address names; Docker Hub's when it is empty. */
const hostOf = (address: string): string => {
  if (address === '') return 'index.docker.io'
  const text = /^https?:\/\//.test(address) ? address : `https://${address}`
  if (!URL.canParse(text))
    throw invalidArgument(`unable to parse server address: parse ${JSON.stringify(text)}: invalid address`)
  return new URL(text).host
}

/** Checks credentials as dockerd does: `GET /v2/` must be answered with 200. Returns a refresh token where the registry gives one. */
export const login = async (
  connections: Connections,
  serverAddress: string,
  credentials: Credentials,
  signal?: AbortSignal,
): Promise<{ status: string; identityToken: string }> => {
  const host = hostOf(serverAddress)
  const reference = { domain: host, path: '', tag: undefined, digest: undefined }
  try {
    const endpoint = await connections.home(host).connect(signal)
    const { transport } = endpoint
    const url = new URL(`${endpoint.base}/v2/`)
    // Not what the registry asked a minute ago, but what it asks now.
    await using asked = await transport.send({ method: 'GET', url, signal, timeout: transport.timeouts.ping })
    let status = asked.status
    let text = asked.statusText
    let identityToken = ''
    if (status === 401) {
      const challenges = parseChallenges(asked.headers['www-authenticate'])
      const bearer = challenges.find(({ scheme }) => scheme === 'bearer')?.parameters
      let authorization: string | undefined
      try {
        if (bearer !== undefined) {
          const { realm = '', service = '' } = bearer
          const token = await fetchToken(transport, { realm, service, scopes: [], credentials, offline: true }, signal)
          authorization = `Bearer ${token.value}`
          identityToken = token.refreshToken || (credentials.identityToken ?? '')
        } else if (challenges.some(({ scheme }) => scheme === 'basic')) {
          authorization = basicAuthorization(credentials)
          if (authorization === undefined)
            throw new RegistryError('no basic auth credentials', { status, code: 'UNAUTHORIZED' })
        }
      } catch (error) {
        signal?.throwIfAborted()
        throw error instanceof RegistryError ? error.during('GET', url) : error
      }
      if (authorization !== undefined) {
        await using answer = await transport.send({
          method: 'GET',
          url,
          authorization,
          signal,
          timeout: transport.timeouts.ping,
        })
        status = answer.status
        text = answer.statusText
      }
    }
    if (status === 200) return { status: 'Login Succeeded', identityToken }
    const message = `login attempt to ${url.href} failed with status: ${status} ${text}`
    throw status === 401 || status === 403 ? unauthorized(message) : new RegistryError(message, { status })
  } catch (error) {
    signal?.throwIfAborted()
    throw translate(error, { reference, action: 'push' })
  }
}
