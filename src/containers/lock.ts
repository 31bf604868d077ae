/** Lets one at a time through, in the order of asking. */
export class Lock {
  #tail: Promise<void> = Promise.resolve()

  /** Resolves when it is this caller's turn; dispose to let the next one through. */
  async acquire(): Promise<Disposable> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const before = this.#tail
    this.#tail = before.then(() => promise)
    await before
    return { [Symbol.dispose]: resolve }
  }
}
