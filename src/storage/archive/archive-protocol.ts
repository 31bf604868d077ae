import { codeOf, type ErrorKind, messageOf, TareError } from '../../errdefs.ts'
import type { Expected, Received, ReceiveOptions } from './blob-receiver.ts'
import type { PackOptions } from './packer.ts'
import type { UnpackOptions } from './unpacker.ts'

/** What passes between an archive thread and everybody else. */
export type ToWorker = { readonly job: number } & (
  | { readonly type: 'unpack'; readonly directory: string; readonly options: UnpackOptions; readonly durable: boolean }
  | { readonly type: 'pack'; readonly directory: string; readonly options: PackOptions; readonly durable: boolean }
  | { readonly type: 'receive'; readonly options: ReceiveOptions }
  /** Takes the next bytes of the file that is being received. */
  | { readonly type: 'read' }
  | { readonly type: 'verify'; readonly expected: Expected }
  | { readonly type: 'chunk'; readonly data: Uint8Array<ArrayBuffer>; readonly length?: number }
  | { readonly type: 'end' }
  | { readonly type: 'pull' }
  | { readonly type: 'cancel' }
)

export type FromWorker = { readonly job: number } & (
  | { readonly type: 'more' }
  /** A chunk has been worked off; its memory comes back. */
  | { readonly type: 'taken'; readonly data: Uint8Array<ArrayBuffer> | undefined; readonly position: number }
  | { readonly type: 'received'; readonly received: Received }
  /** Nothing of the job is open any more. */
  | { readonly type: 'cancelled' }
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
