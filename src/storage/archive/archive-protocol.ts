import { codeOf, type ErrorKind, messageOf, TareError } from '../../errdefs.ts'
import type { PackOptions } from './packer.ts'
import type { UnpackOptions } from './unpacker.ts'

/** What passes between the archive thread and everybody else. */
export type ToWorker = { readonly job: number } & (
  | { readonly type: 'unpack'; readonly directory: string; readonly options: UnpackOptions; readonly durable: boolean }
  | { readonly type: 'pack'; readonly directory: string; readonly options: PackOptions; readonly durable: boolean }
  | { readonly type: 'chunk'; readonly data: Uint8Array }
  | { readonly type: 'end' }
  | { readonly type: 'pull' }
  | { readonly type: 'cancel' }
)

export type FromWorker = { readonly job: number } & (
  | { readonly type: 'more' }
  | { readonly type: 'data'; readonly data: Uint8Array }
  | { readonly type: 'done'; readonly size: number }
  | { readonly type: 'failed'; readonly error: PackedError }
)

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
