/** What is known of a registry's user: the body of `POST /auth`, and of X-Registry-Auth. */
export type AuthConfig = {
  readonly username?: string
  readonly password?: string
  readonly email?: string
  readonly serveraddress?: string
  /** Stands for the user's password at the token server. */
  readonly identitytoken?: string
  /** Sent to the registry as it is. */
  readonly registrytoken?: string
}

/** What Docker Hub is called where credentials are kept. */
export const HUB_ADDRESS = 'https://index.docker.io/v1/'

/** The name under which the credentials for a reference's domain are kept: the host, but for Docker Hub. */
export const authKey = (domain: string): string =>
  domain === 'docker.io' || domain === 'index.docker.io' ? HUB_ADDRESS : domain

/** `https://host:port/v1/` → `host:port`; what is no URL loses its path. */
export const hostOf = (address: string): string => {
  if (address.includes('://') && URL.canParse(address)) {
    // The port is taken from the text: URL leaves out the usual one.
    const { hostname } = new URL(address)
    const port = /^[a-z]+:\/\/(?:[^/@]*@)?(?:\[[^\]]*\]|[^/:]*):(\d+)/i.exec(address)?.[1]
    if (hostname !== '') return port === undefined ? hostname : `${hostname}:${port}`
  }
  return address.split('/', 1)[0] as string
}

/** base64url with padding, as Go reads it. */
export const encodeHeader = (value: object): string =>
  Buffer.from(JSON.stringify(value)).toString('base64').replaceAll('+', '-').replaceAll('/', '_')
