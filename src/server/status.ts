import type { ErrorKind } from '../errdefs.ts'
import { messageOf, TareError } from '../errdefs.ts'

/** The one place where a kind of failure becomes an HTTP status. 304 has no body. */
const STATUS: Readonly<Record<ErrorKind, number>> = {
  NotModified: 304,
  InvalidArgument: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  Conflict: 409,
  Internal: 500,
  NotImplemented: 501,
  Unavailable: 503,
}

export const statusOf = (error: unknown): number => (error instanceof TareError ? STATUS[error.kind] : STATUS.Internal)

/** The body of every failed request; undefined where the status allows none. */
export const errorBody = (error: unknown): { message: string } | undefined =>
  statusOf(error) === STATUS.NotModified ? undefined : { message: messageOf(error) }
