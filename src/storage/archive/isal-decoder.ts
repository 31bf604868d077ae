import { invalidArgument, messageOf } from '../../errdefs.ts'
import { IsalInflate, loadIsal } from '../../host/isal.ts'
import type { Decoder, DecoderStep } from './decoder.ts'
import { skipZeros } from './zlib-decoder.ts'

/** gzip (all members, then at most zeros) through libisal. */
export class IsalDecoder implements Decoder {
  readonly #inflate: IsalInflate
  #between = false
  #padding = false

  private constructor(inflate: IsalInflate) {
    this.#inflate = inflate
  }

  /** Undefined where the library is not there. */
  static make(): IsalDecoder | undefined {
    const library = loadIsal()
    return library && new IsalDecoder(new IsalInflate(library))
  }

  step(input: Buffer, output: Buffer): DecoderStep {
    if (input.length > 0 && this.#between) {
      if (input[0] === 0) this.#padding = true
      else this.#inflate.reset()
      this.#between = false
    }
    if (this.#padding) return { read: skipZeros(input), written: 0 }
    if (this.#between) return { read: 0, written: 0 }
    try {
      const { read, written, ended } = this.#inflate.step(input, output)
      this.#between = ended
      return { read, written }
    } catch (error) {
      throw invalidArgument(`gzip: ${messageOf(error)}`, { cause: error })
    }
  }

  finish(): void {
    if (!this.#between && !this.#padding) throw invalidArgument('gzip: unexpected end of file')
  }

  [Symbol.dispose](): void {}
}
