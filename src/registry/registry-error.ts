type Facts = {
  /** The registry's status; undefined where no answer came. */
  readonly status?: number | undefined
  /** The registry's own code (`MANIFEST_UNKNOWN`), or Node's of a broken connection (`ECONNREFUSED`). */
  readonly code?: string | undefined
  /** Milliseconds that the registry asked to wait before the next try. */
  readonly retryAfter?: number | undefined
  /** Without user, password and query: they hold secrets. */
  readonly url?: string | undefined
  readonly cause?: unknown
}

/** A registry that refused, or was not reached. The message is dockerd's; `translate.ts` gives it a kind. */
export class RegistryError extends Error {
  readonly status: number | undefined
  readonly code: string | undefined
  readonly retryAfter: number | undefined
  readonly url: string | undefined

  constructor(message: string, facts: Facts = {}) {
    super(message, { cause: facts.cause })
    this.name = 'RegistryError'
    this.status = facts.status
    this.code = facts.code
    this.retryAfter = facts.retryAfter
    this.url = facts.url
  }

  /** The same with what was being asked before its message, as Go's `url.Error` has it: `Get "https://…": `. */
  during(method: string, url: URL): RegistryError {
    const verb = `${method.charAt(0)}${method.slice(1).toLowerCase()}`
    return new RegistryError(`${verb} ${JSON.stringify(redacted(url))}: ${this.message}`, {
      ...{ status: this.status, code: this.code, retryAfter: this.retryAfter },
      url: redacted(url),
      cause: this,
    })
  }
}

/** A URL that may be shown: signatures and passwords stay out of errors and logs. */
export const redacted = (url: URL): string => `${url.protocol}//${url.host}${url.pathname}`
