/** Hears of decoded bytes, which are valid only during the call. */
export type TakeBytes = (bytes: Buffer) => void

/** Decompresses what is pushed into it, synchronously: for a thread of its own. Throws InvalidArgument when it is broken. */
export interface Decoder extends Disposable {
  push(chunk: Buffer, take: TakeBytes): void
  /** Nothing more comes. Throws when it was cut off. */
  finish(take: TakeBytes): void
}
