/** So many may work at a time; the others wait their turn. */
export class Slots {
  #working = 0
  readonly #limit: () => number
  readonly #waiting: (() => void)[] = []

  /** The limit may change; whoever works goes on. */
  constructor(limit: () => number) {
    this.#limit = limit
  }

  /** Whether the next one need not wait. */
  get free(): boolean {
    return this.#working < this.#limit()
  }

  /** Waits for a turn; disposing of it gives it to the next. Throws the signal's reason. */
  async take(signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted()
    if (this.free) this.#working++
    else await this.#wait(signal)
    return { [Symbol.dispose]: () => this.#give() }
  }

  #wait(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const turn = (): void => {
      signal.removeEventListener('abort', abort)
      resolve()
    }
    const abort = (): void => {
      this.#waiting.splice(this.#waiting.indexOf(turn), 1)
      reject(signal.reason)
    }
    signal.addEventListener('abort', abort, { once: true })
    this.#waiting.push(turn)
    return promise
  }

  #give(): void {
    this.#working--
    while (this.free && this.#waiting.length > 0) {
      this.#working++
      this.#waiting.shift()?.()
    }
  }
}
