/** How far a step came: bytes of the input, and of the output. Less than all of the input: the output is full. */
export type DecoderStep = { readonly read: number; readonly written: number }

/** Decompresses, synchronously and step by step: for a thread of its own. */
export interface Decoder extends Disposable {
  /** Decodes as much as fits. Throws InvalidArgument. */
  step(input: Buffer, output: Buffer): DecoderStep
  /** Nothing more comes, and all that was decoded is out. Throws InvalidArgument when something is missing. */
  finish(): void
}
