import { SyntaxProblem } from './dockerfile-error.ts'
import { type LexerOptions, type Lookup, ShellLexer } from './shell-lexer.ts'

export type { Lookup } from './shell-lexer.ts'

/**
 * Expands `$x` and `${x…}` and takes quotes and escapes away.
 * https://docs.docker.com/reference/dockerfile/#environment-replacement
 * @throws SyntaxProblem `failed to process "…": …`
 */
export const expandWord = (word: string, lookup: Lookup, escape: string): string =>
  named(word, () => new ShellLexer(word, lookup, { escape }).word())

/** Like `expandWord`, but white space that stands outside quotes, also in a variable's value, separates words. */
export const expandWords = (text: string, lookup: Lookup, escape: string): readonly string[] =>
  named(text, () => new ShellLexer(text, lookup, { escape }).words())

/** Expands variables in a here-document, where quotes are characters like any other; the escape is always `\`. */
export const expandDocument = (text: string, lookup: Lookup): string =>
  named(text, () => new ShellLexer(text, lookup, { escape: '\\', plainQuotes: true }).word())

/** The words of a text in which no variable is known, or none when it cannot be read. */
export const wordsAsWritten = (
  text: string,
  options: Omit<LexerOptions, 'escape' | 'keepUnset'>,
): readonly string[] => {
  try {
    return new ShellLexer(text, () => undefined, { ...options, escape: '\\', keepUnset: true }).words()
  } catch (error) {
    if (error instanceof SyntaxProblem) return []
    throw error
  }
}

const named = <Result>(text: string, read: () => Result): Result => {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof SyntaxProblem)) throw error
    throw new SyntaxProblem(`failed to process ${JSON.stringify(text)}: ${error.message}`)
  }
}
