/**
 * The kinds of failure that cross rooms. A kind says what the failure means to the caller;
 * it knows nothing of HTTP (`server/status.ts` holds the one table to status codes).
 */
export type ErrorKind =
  | 'InvalidArgument'
  | 'NotFound'
  | 'Conflict'
  | 'NotModified'
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotImplemented'
  | 'Unavailable'
  | 'Internal'

/** A failure with a kind. The message is what the user reads, in Docker's wording; `cause` keeps the edge error. */
export class TareError extends Error {
  readonly kind: ErrorKind

  constructor(kind: ErrorKind, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'TareError'
    this.kind = kind
  }
}

type Options = { cause?: unknown }

export const invalidArgument = (message: string, options?: Options): TareError =>
  new TareError('InvalidArgument', message, options)
export const notFound = (message: string, options?: Options): TareError => new TareError('NotFound', message, options)
export const conflict = (message: string, options?: Options): TareError => new TareError('Conflict', message, options)
/** Not a failure to the user: what was asked for is so already (304). */
export const notModified = (message: string, options?: Options): TareError =>
  new TareError('NotModified', message, options)
export const unauthorized = (message: string, options?: Options): TareError =>
  new TareError('Unauthorized', message, options)
export const forbidden = (message: string, options?: Options): TareError => new TareError('Forbidden', message, options)
export const notImplemented = (message: string, options?: Options): TareError =>
  new TareError('NotImplemented', message, options)
export const unavailable = (message: string, options?: Options): TareError =>
  new TareError('Unavailable', message, options)
export const internal = (message: string, options?: Options): TareError => new TareError('Internal', message, options)

/** Told by its kind and not by its class: in the bundle, what the CLI loads from beside itself has the class a second time. */
export const isKind = (error: unknown, kind: ErrorKind): boolean =>
  error instanceof Error && (error as Partial<TareError>).kind === kind

/** The same failure with what was being done before its message; what has no kind stays as it is. */
export const prefixed = (prefix: string, error: unknown): unknown =>
  error instanceof TareError ? new TareError(error.kind, `${prefix}${error.message}`, { cause: error }) : error

/** The text of anything thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** The errno name (`ENOENT`) of a system error, or undefined. */
export const codeOf = (error: unknown): string | undefined => {
  const code = (error as { code?: unknown } | null | undefined)?.code
  return typeof code === 'string' ? code : undefined
}
