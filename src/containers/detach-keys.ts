import { invalidArgument } from '../errdefs.ts'

const CONTROL: Readonly<Record<string, number>> = { '@': 0, '[': 27, '\\': 28, ']': 29, '^': 30, _: 31 }

/** Reads `ctrl-p,ctrl-q` or single characters. Empty text gives the default. Throws InvalidArgument. */
export const parseDetachKeys = (text: string): number[] =>
  (text || 'ctrl-p,ctrl-q').split(',').map(key => {
    if (key.length === 1) return key.charCodeAt(0)
    const letter = /^ctrl-(.)$/.exec(key)?.[1]
    if (letter !== undefined && /[a-z]/.test(letter)) return letter.charCodeAt(0) - 96
    const code = letter === undefined ? undefined : CONTROL[letter]
    if (code === undefined) throw invalidArgument(`Unknown character: '${key}'`)
    return code
  })

/** Finds the detach sequence in what a user types. Keys that turn out not to belong to it are passed on. */
export class DetachScanner {
  readonly #keys: readonly number[]
  #matched = 0

  constructor(keys: readonly number[]) {
    this.#keys = keys
  }

  scan(chunk: Buffer): { data: Buffer; detached: boolean } {
    if (this.#keys.length === 0) return { data: chunk, detached: false }
    const passed: number[] = []
    for (const byte of chunk) {
      // What was typed since the sequence may have begun; of that, what cannot be its beginning any more is passed on.
      const typed = [...this.#keys.slice(0, this.#matched), byte]
      while (typed.some((key, index) => key !== this.#keys[index])) passed.push(typed.shift() as number)
      this.#matched = typed.length
      if (this.#matched === this.#keys.length) return { data: Buffer.from(passed), detached: true }
    }
    return { data: Buffer.from(passed), detached: false }
  }
}
