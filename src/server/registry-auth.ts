import { invalidArgument } from '../errdefs.ts'
import type { Credentials } from '../registry/registry-config.ts'

/** What clients send in `X-Registry-Auth` and to `/auth`: https://docs.docker.com/reference/api/engine/version/v1.51/#section/Authentication */
export type AuthConfig = {
  readonly username?: string
  readonly password?: string
  /** Base64 of `username:password`, where they do not stand alone. */
  readonly auth?: string
  readonly serveraddress?: string
  readonly identitytoken?: string
  readonly registrytoken?: string
}

/** The credentials of a request; undefined when there are none. As in dockerd what cannot be read counts as none. */
export const credentialsOfHeader = (header: string | undefined): Credentials | undefined => {
  if (!header) return undefined
  try {
    return credentialsOf(JSON.parse(Buffer.from(header, 'base64url').toString()) as AuthConfig)
  } catch {
    return undefined
  }
}

/** Undefined when nothing is said. InvalidArgument for fields that are no text. */
export const credentialsOf = (config: AuthConfig): Credentials | undefined => {
  for (const [field, value] of Object.entries(config)) {
    if (typeof value !== 'string' && value !== null && value !== undefined)
      throw invalidArgument(`invalid ${field}: must be a string`)
  }
  const [username, ...password] = config.auth ? Buffer.from(config.auth, 'base64').toString().split(':') : []
  const found: Credentials = {
    ...text('username', config.username || username),
    ...text('password', config.password || password.join(':')),
    ...text('identityToken', config.identitytoken),
    ...text('registryToken', config.registrytoken),
  }
  return Object.keys(found).length > 0 ? found : undefined
}

const text = (name: keyof Credentials, value: string | undefined): Credentials => (value ? { [name]: value } : {})

/** The credentials that a build may use, by registry (`X-Registry-Config`). */
export const credentialsByRegistry = (header: string | undefined): ReadonlyMap<string, Credentials> => {
  const found = new Map<string, Credentials>()
  if (!header) return found
  try {
    const configs = JSON.parse(Buffer.from(header, 'base64url').toString()) as Record<string, AuthConfig>
    for (const [registry, config] of Object.entries(configs)) {
      const credentials = credentialsOf(config)
      if (credentials) found.set(registry, credentials)
    }
  } catch {
    return new Map()
  }
  return found
}

/** The key under which clients keep what is for Docker Hub. */
const HUB = 'https://index.docker.io/v1/'

/**
 * Those for the registry of this name (`docker.io`, `localhost:5000`). Clients of old wrote whole addresses for names: as in
 * dockerd the host alone counts, where nothing stands under the very name.
 */
export const credentialsOfRegistry = (
  configs: ReadonlyMap<string, Credentials>,
  domain: string,
): Credentials | undefined => {
  const exact = configs.get(domain === 'docker.io' ? HUB : domain)
  if (exact) return exact
  const name = domain === 'docker.io' ? 'index.docker.io' : domain
  return [...configs].find(([key]) => hostOf(key) === name)?.[1]
}

const hostOf = (address: string): string => address.replace(/^https?:\/\//, '').replace(/\/.*$/, '')
