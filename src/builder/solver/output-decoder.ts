import { StringDecoder } from 'node:string_decoder'
import type { OutputStream } from './engine-parts.ts'

/** Makes text of a step's output; a character that two chunks share waits for its second half. */
export class OutputDecoder {
  readonly #decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') }
  readonly #onText: (stream: OutputStream, text: string) => void

  constructor(onText: (stream: OutputStream, text: string) => void) {
    this.#onText = onText
  }

  write(stream: OutputStream, chunk: Buffer): void {
    this.#tell(stream, this.#decoders[stream].write(chunk))
  }

  end(): void {
    for (const stream of ['stdout', 'stderr'] as const) this.#tell(stream, this.#decoders[stream].end())
  }

  #tell(stream: OutputStream, text: string): void {
    if (text !== '') this.#onText(stream, text)
  }
}
