import { codeOf, type ErrorKind, messageOf, TareError } from '../../errdefs.ts'

/** An error with what survives the way between threads. */
export type PackedError = {
  readonly message: string
  readonly kind: ErrorKind | undefined
  readonly code: string | undefined
  readonly stack: string | undefined
}

export const packError = (error: unknown): PackedError => ({
  message: messageOf(error),
  kind: error instanceof TareError ? error.kind : undefined,
  code: codeOf(error),
  stack: error instanceof Error ? error.stack : undefined,
})

export const unpackError = ({ message, kind, code, stack }: PackedError): Error => {
  const error: Error & { code?: string } = kind ? new TareError(kind, message) : new Error(message)
  if (code !== undefined) error.code = code
  if (stack !== undefined) error.stack = stack
  return error
}
