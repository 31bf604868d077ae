/** Gathers text into words. White space ends one, except in text that is added whole. */
export class WordCollector {
  readonly #words: string[] = []
  #word = ''

  add(text: string): void {
    for (const part of text.split(/(\s+)/)) {
      if (/^\s/.test(part)) this.#close()
      else this.#word += part
    }
  }

  addWhole(text: string): void {
    this.#word += text
  }

  end(): readonly string[] {
    this.#close()
    return this.#words
  }

  /** Two quotes with nothing between them make no word. */
  #close(): void {
    if (this.#word !== '') this.#words.push(this.#word)
    this.#word = ''
  }
}
