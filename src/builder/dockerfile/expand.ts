import { SyntaxProblem } from './dockerfile-error.ts'
import { patternRegExp } from './shell-pattern.ts'

/** What a variable holds; undefined when it is not set. */
export type Lookup = (name: string) => string | undefined

const NAME = /[A-Za-z0-9_]/
const SPECIAL = /[@*#?\-$!0-9]/

/**
 * Expands `$x` and `${x…}` and takes quotes and escapes away, as BuildKit's shell lexer does.
 * https://docs.docker.com/reference/dockerfile/#environment-replacement
 * @throws SyntaxProblem `failed to process "…": …`
 */
export const expandWord = (word: string, lookup: Lookup, escape: string): string =>
  expand(word, lookup, escape).join('')

/** Like `expandWord`, but white space that stands outside quotes, also in a variable's value, separates words. */
export const expandWords = (text: string, lookup: Lookup, escape: string): string[] => {
  const words: string[] = []
  let current: string | undefined
  for (const piece of expand(text, lookup, escape)) {
    if (piece instanceof Literal) {
      current = (current ?? '') + piece.text
      continue
    }
    for (const part of piece.split(/(\s+)/)) {
      if (part === '') continue
      if (/^\s/.test(part)) {
        if (current !== undefined) words.push(current)
        current = undefined
      } else current = (current ?? '') + part
    }
  }
  if (current !== undefined) words.push(current)
  return words
}

/** Expands variables in a here-document, where quotes are characters like any other. */
export const expandDocument = (text: string, lookup: Lookup, escape: string): string => {
  try {
    return new Lexer(text, lookup, escape).document()
  } catch (error) {
    if (!(error instanceof SyntaxProblem)) throw error
    throw new SyntaxProblem(`failed to process here-document: ${error.message}`)
  }
}

/** Text that stood in quotes or behind an escape: never split. */
class Literal {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
  toString(): string {
    return this.text
  }
}

type Piece = string | Literal

const expand = (text: string, lookup: Lookup, escape: string): Piece[] => {
  try {
    return new Lexer(text, lookup, escape).run('')
  } catch (error) {
    if (!(error instanceof SyntaxProblem)) throw error
    throw new SyntaxProblem(`failed to process ${JSON.stringify(text)}: ${error.message}`)
  }
}

class Lexer {
  readonly #text: string
  readonly #lookup: Lookup
  readonly #escape: string
  #at = 0

  constructor(text: string, lookup: Lookup, escape: string) {
    this.#text = text
    this.#lookup = lookup
    this.#escape = escape
  }

  /** Reads up to `end` (taken away), or to the end of the text when `end` is empty. */
  run(end: '' | '}' | '/'): Piece[] {
    const pieces: Piece[] = []
    while (this.#at < this.#text.length) {
      const char = this.#text[this.#at] as string
      if (char === end) {
        this.#at++
        return pieces
      }
      if (end === '/' && char === '}') return pieces
      if (char === "'") pieces.push(this.#single())
      else if (char === '"') pieces.push(this.#double())
      else if (char === '$') pieces.push(this.#dollar())
      else if (char === this.#escape) {
        const next = this.#text[this.#at + 1]
        this.#at += 2
        if (next !== undefined) pieces.push(new Literal(next))
      } else {
        pieces.push(char)
        this.#at++
      }
    }
    if (end !== '') throw new SyntaxProblem("syntax error: missing '}'")
    return pieces
  }

  document(): string {
    let result = ''
    while (this.#at < this.#text.length) {
      const char = this.#text[this.#at] as string
      const next = this.#text[this.#at + 1]
      if (char === '$') result += this.#dollar()
      else if (char === this.#escape && (next === '$' || next === this.#escape)) {
        result += next
        this.#at += 2
      } else {
        result += char
        this.#at++
      }
    }
    return result
  }

  #single(): Literal {
    const close = this.#text.indexOf("'", this.#at + 1)
    if (close < 0) throw new SyntaxProblem('unexpected end of statement while looking for matching single-quote')
    const literal = new Literal(this.#text.slice(this.#at + 1, close))
    this.#at = close + 1
    return literal
  }

  #double(): Literal {
    let result = ''
    this.#at++
    while (this.#at < this.#text.length) {
      const char = this.#text[this.#at] as string
      if (char === '"') {
        this.#at++
        return new Literal(result)
      }
      if (char === '$') {
        result += this.#dollar()
        continue
      }
      const next = this.#text[this.#at + 1]
      if (char === this.#escape && next !== undefined) {
        // In double quotes an escape is one only before what it can protect.
        result += next === '"' || next === '$' || next === this.#escape ? next : char + next
        this.#at += 2
        continue
      }
      result += char
      this.#at++
    }
    throw new SyntaxProblem('unexpected end of statement while looking for matching double-quote')
  }

  #dollar(): string {
    this.#at++
    if (this.#text[this.#at] === '{') {
      this.#at++
      return this.#braces()
    }
    const name = this.#name()
    return name === '' ? '$' : (this.#lookup(name) ?? '')
  }

  #name(): string {
    const first = this.#text[this.#at]
    if (first !== undefined && SPECIAL.test(first)) {
      this.#at++
      return first
    }
    const start = this.#at
    while (this.#at < this.#text.length && NAME.test(this.#text[this.#at] as string)) this.#at++
    return this.#text.slice(start, this.#at)
  }

  #braces(): string {
    const name = this.#name()
    if (name === '') {
      throw new SyntaxProblem(
        this.#at < this.#text.length ? 'syntax error: bad substitution' : "syntax error: missing '}'",
      )
    }
    const value = this.#lookup(name)
    const operator = this.#text[this.#at]
    if (operator === undefined) throw new SyntaxProblem("syntax error: missing '}'")
    this.#at++
    switch (operator) {
      case '}':
        return value ?? ''
      case ':': {
        const modifier = this.#text[this.#at]
        if (modifier === undefined) throw new SyntaxProblem("syntax error: missing '}'")
        this.#at++
        return this.#fallback(name, value === '' ? undefined : value, modifier, ':')
      }
      case '+':
      case '-':
      case '?':
        return this.#fallback(name, value, operator, '')
      case '#':
      case '%': {
        const greedy = this.#text[this.#at] === operator
        if (greedy) this.#at++
        const pattern = this.run('}').join('')
        return operator === '#' ? cutPrefix(value ?? '', pattern, greedy) : cutSuffix(value ?? '', pattern, greedy)
      }
      case '/': {
        const all = this.#text[this.#at] === '/'
        if (all) this.#at++
        const pattern = this.run('/').join('')
        const replacement = this.run('}').join('')
        return (value ?? '').replace(new RegExp(patternRegExp(pattern, true), all ? 'gs' : 's'), () => replacement)
      }
      default:
        throw new SyntaxProblem(`unsupported modifier (${operator}) in substitution`)
    }
  }

  #fallback(name: string, value: string | undefined, modifier: string, prefix: string): string {
    if (modifier !== '+' && modifier !== '-' && modifier !== '?') {
      throw new SyntaxProblem(`unsupported modifier (${prefix}${modifier}) in substitution`)
    }
    const word = this.run('}').join('')
    if (modifier === '+') return value === undefined ? '' : word
    if (value !== undefined) return value
    if (modifier === '-') return word
    throw new SyntaxProblem(`${name}: ${word === '' ? (prefix === '' ? 'not set' : 'not allowed to be empty') : word}`)
  }
}

const cutPrefix = (value: string, pattern: string, greedy: boolean): string =>
  value.replace(new RegExp(`^${patternRegExp(pattern, greedy)}`, 's'), '')

const cutSuffix = (value: string, pattern: string, greedy: boolean): string => {
  const whole = new RegExp(`^${patternRegExp(pattern, true)}$`, 's')
  const starts = Array.from({ length: value.length + 1 }, (_, index) => index)
  for (const start of greedy ? starts : starts.reverse()) {
    if (whole.test(value.slice(start))) return value.slice(0, start)
  }
  return value
}
