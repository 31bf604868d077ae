import { createInterface, type Interface } from 'node:readline'
import { Writable } from 'node:stream'
import { Failure } from './failure.ts'
import type { Output } from './output.ts'

/** Questions on a terminal, one after the other; answers to secret ones are not shown. Dispose to give the terminal back. */
export class Prompt implements Disposable {
  readonly #output: Output
  readonly #lines: Interface
  readonly #answers: AsyncIterator<string>
  readonly #interrupted: Promise<never>
  #secret = false

  constructor(output: Output) {
    this.#output = output
    const shown = new Writable({
      write: (chunk: Buffer, _, done) => {
        if (!this.#secret) output.write(chunk)
        done()
      },
    })
    // As a terminal, so that it takes each key itself: what is typed is shown by us, or not at all.
    this.#lines = createInterface({ input: process.stdin, output: shown, terminal: true, historySize: 0 })
    this.#answers = this.#lines[Symbol.asyncIterator]() as AsyncIterator<string>
    const { promise, reject } = Promise.withResolvers<never>()
    promise.catch(() => undefined)
    this.#interrupted = promise
    this.#lines.once('SIGINT', () => {
      output.write('\n')
      reject(new Failure(130, ''))
    })
  }

  /** The answer without blanks around it; '' when there is none. Throws Failure with 130 on Ctrl+C. */
  async ask(question: string): Promise<string> {
    this.#lines.setPrompt(question)
    this.#lines.prompt()
    return await this.#answer()
  }

  async askSecret(question: string): Promise<string> {
    this.#output.write(question)
    this.#secret = true
    try {
      return await this.#answer()
    } finally {
      this.#secret = false
      this.#output.write('\n')
    }
  }

  async #answer(): Promise<string> {
    const { value, done } = await Promise.race([this.#answers.next(), this.#interrupted])
    return done ? '' : (value as string).trim()
  }

  [Symbol.dispose](): void {
    this.#lines.close()
  }
}
