import { setTimeout as wait } from 'node:timers/promises'
import { RegistryError } from './registry-error.ts'

/** Nobody waits longer than this for one more try; a registry that asks for more is refused at once. */
export const LONGEST_WAIT = 60_000
const FIRST_WAIT = 250
/** Each silence has cost a whole timeout already. */
const MOST_SILENCES = 2
const LONGEST_BACKOFF = 8_000

/** What may go otherwise next time: a broken connection, too many requests, a server in trouble. */
export const isTransient = (error: unknown): error is RegistryError => {
  if (!(error instanceof RegistryError)) return false
  const { status, code } = error
  if (status === undefined) return isBroken(code)
  return status === 429 || (status >= 500 && status !== 501 && status !== 505)
}

const LASTING = /^(ENOTFOUND|EPROTO|EPROXY|ERR_TLS|ERR_SSL|CERT_|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|HPE_|ERR_INVALID)/

const isBroken = (code: string | undefined): boolean =>
  code !== undefined && /^(E[A-Z]|ERR_)/.test(code) && !LASTING.test(code)

/** A registry that is busy, and says until when. */
export const isPostponed = (error: unknown): boolean => isTransient(error) && error.retryAfter !== undefined

/** Milliseconds before try number `attempt + 1`, or undefined when it is not worth it. */
export const delayBefore = (attempt: number, error: RegistryError, random = Math.random()): number | undefined => {
  if (error.retryAfter !== undefined) return error.retryAfter > LONGEST_WAIT ? undefined : error.retryAfter
  const backoff = Math.min(LONGEST_BACKOFF, FIRST_WAIT * 2 ** (attempt - 1))
  // Spread, so that many clients of one registry do not come back together.
  return backoff * (0.75 + random / 2)
}

export type RetryOptions = {
  readonly maxAttempts: number
  readonly signal?: AbortSignal | undefined
  /** Which failures are worth another try: those that are transient, when left out. */
  readonly isWorthwhile?: ((error: unknown) => boolean) | undefined
  /** Told before each wait. */
  readonly onRetry?: ((error: RegistryError, milliseconds: number) => void) | undefined
}

/** Waits for the next try after `attempt` failed; throws the error where there is none. */
export const pauseAfter = async (attempt: number, error: unknown, options: RetryOptions): Promise<void> => {
  options.signal?.throwIfAborted()
  const isWorthwhile = (options.isWorthwhile ?? isTransient)(error) && error instanceof RegistryError
  const isSilence = error instanceof RegistryError && error.code === 'ETIMEDOUT'
  const most = isSilence ? Math.min(options.maxAttempts, MOST_SILENCES) : options.maxAttempts
  const delay = attempt < most && isWorthwhile ? delayBefore(attempt, error) : undefined
  if (delay === undefined) throw error
  options.onRetry?.(error as RegistryError, delay)
  try {
    await wait(delay, undefined, { signal: options.signal })
  } catch {
    options.signal?.throwIfAborted()
    throw error
  }
}

export const retry = async <T>(attemptOnce: () => Promise<T>, options: RetryOptions): Promise<T> => {
  for (let attempt = 1; ; attempt++) {
    try {
      return await attemptOnce()
    } catch (error) {
      await pauseAfter(attempt, error, options)
    }
  }
}
