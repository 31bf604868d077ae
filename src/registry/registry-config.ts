/** What proves who asks: a password, or a token that a registry's own token service gave. */
export type Credentials = {
  readonly username?: string
  readonly password?: string
  /** OAuth2 refresh token that `login` brought home. */
  readonly identityToken?: string
  /** A bearer token that is sent as it is. */
  readonly registryToken?: string
}

/** Milliseconds that a registry may be silent. */
export type Timeouts = {
  /** Name resolution, TCP and TLS. */
  readonly connect: number
  /** The first request to a registry, whole. */
  readonly ping: number
  /** Until the header of an answer to a question. */
  readonly header: number
  /** Until the header of the answer to something stored: the registry may move the bytes to their place first. */
  readonly store: number
  /** Between two pieces of a body. */
  readonly idle: number
}

export type RegistryConfig = {
  /** `https://m` is one of docker.io, `HOST=https://m` one of any registry. Asked first, in this order. */
  readonly mirrors: readonly string[]
  /** `host`, `host:port` or a range `10.0.0.0/8`. Loopback always is. */
  readonly insecure: readonly string[]
  /** Folders with one folder a `host[:port]`: `*.crt` authorities, `*.cert` and `*.key` of the client. */
  readonly certsDirectories: readonly string[]
  readonly httpProxy?: string | undefined
  readonly httpsProxy?: string | undefined
  readonly noProxy?: string | undefined
  /** How often one thing is tried before its error is told. */
  readonly maxAttempts: number
  /** Milliseconds for which a registry may say nothing; 30 s when left out. */
  readonly timeout?: number | undefined
  /** Bytes that one request of an upload carries at most; 64 MiB when left out. */
  readonly chunkSize?: number | undefined
}

/** With the usual 30 s, connecting and the first request take as long as dockerd lets them. */
export const timeoutsOf = (timeout = 30_000): Timeouts => ({
  connect: timeout,
  ping: timeout / 2,
  header: timeout,
  store: timeout * 20,
  idle: timeout,
})
