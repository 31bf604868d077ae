import { SyntaxProblem } from './dockerfile-error.ts'
import { cutPrefix, cutSuffix, replaceMatches } from './shell-pattern.ts'
import { WordCollector } from './word-collector.ts'

/** What a variable holds; undefined when it is not set. */
export type Lookup = (name: string) => string | undefined

export type LexerOptions = {
  readonly escape: string
  /** Quotes stay in the result. */
  readonly rawQuotes?: boolean
  /** Escapes stay in the result. */
  readonly rawEscapes?: boolean
  /** Quotes are characters like any other. */
  readonly plainQuotes?: boolean
  /** Variables that are not set stay as they are written. */
  readonly keepUnset?: boolean
}

/** Substitutions inside one another. */
const DEEPEST = 500
/** Characters. `ENV A=$A$A`, often enough, would else take all memory. */
const LONGEST = 16 * 1024 * 1024

const SPECIAL = '@*#?-$!0'
const LETTER = /^[\p{L}\p{Nd}_]$/u
const DIGIT = /^\p{Nd}$/u

/** Reads a text once as a shell reads a word: quotes, escapes, variables. In the way of BuildKit's, whose words the errors have. */
export class ShellLexer {
  readonly #chars: readonly string[]
  readonly #lookup: Lookup
  readonly #options: LexerOptions
  #rawEscapes: boolean
  #depth = 0
  #at = 0

  constructor(text: string, lookup: Lookup, options: LexerOptions) {
    this.#chars = Array.from(text)
    this.#lookup = lookup
    this.#options = options
    this.#rawEscapes = options.rawEscapes ?? false
  }

  word(): string {
    return this.#until(undefined, this.#rawEscapes)
  }

  /** White space outside quotes, also in a variable's value, separates words. */
  words(): readonly string[] {
    const words = new WordCollector()
    this.#until(undefined, this.#rawEscapes, words)
    return words.end()
  }

  /** Up to `stop`, which is taken away, or to the end. */
  #until(stop: string | undefined, rawEscapes: boolean, words?: WordCollector): string {
    const before = this.#rawEscapes
    this.#rawEscapes = rawEscapes
    if (++this.#depth > DEEPEST) throw new SyntaxProblem('syntax error: substitutions are nested too deeply')
    const { escape, plainQuotes } = this.#options
    let result = ''
    for (;;) {
      const char = this.#chars[this.#at]
      if (char === stop) {
        this.#at++
        break
      }
      if (char === undefined)
        throw new SyntaxProblem(`unexpected end of statement while looking for matching ${stop ?? ''}`)
      let piece: string
      if (char === '$') {
        piece = this.#dollar()
        words?.add(piece)
      } else if (char === '<') {
        piece = this.#lessThan()
        words?.addWhole(piece)
      } else if ((char === "'" || char === '"') && !plainQuotes) {
        piece = char === "'" ? this.#single() : this.#double()
        words?.addWhole(piece)
      } else if (char === escape) {
        const next = this.#chars[this.#at + 1] ?? ''
        this.#at += 2
        piece = (this.#rawEscapes ? char : '') + next
        if (piece !== '') words?.addWhole(piece)
      } else {
        this.#at++
        piece = char
        words?.add(piece)
      }
      result += piece
      if (result.length > LONGEST) throw new SyntaxProblem(`the result is longer than ${LONGEST} characters`)
    }
    this.#depth--
    this.#rawEscapes = before
    return result
  }

  #single(): string {
    const close = this.#chars.indexOf("'", this.#at + 1)
    if (close < 0) throw new SyntaxProblem('unexpected end of statement while looking for matching single-quote')
    const raw = this.#options.rawQuotes ? 0 : 1
    const text = this.#chars.slice(this.#at + raw, close + 1 - raw).join('')
    this.#at = close + 1
    return text
  }

  #double(): string {
    const { escape, rawQuotes } = this.#options
    let result = rawQuotes ? '"' : ''
    this.#at++
    for (;;) {
      const char = this.#chars[this.#at]
      if (char === undefined)
        throw new SyntaxProblem('unexpected end of statement while looking for matching double-quote')
      if (char === '"') {
        this.#at++
        return rawQuotes ? `${result}"` : result
      }
      if (char === '$') {
        result += this.#dollar()
        continue
      }
      this.#at++
      if (char === escape) {
        if (this.#rawEscapes) result += char
        const next = this.#chars[this.#at]
        // In double quotes an escape is one only before what it can protect.
        if (next === '"' || next === '$' || next === escape) {
          result += next
          this.#at++
          continue
        }
      }
      result += char
    }
  }

  /** `<<` may stand apart from the name of the here-document that it opens. */
  #lessThan(): string {
    this.#at++
    if (this.#chars[this.#at] !== '<') return '<'
    let text = '<<'
    for (this.#at++; /^[\t\r ]$/.test(this.#chars[this.#at] ?? ''); this.#at++) text += this.#chars[this.#at]
    return text
  }

  #dollar(): string {
    this.#at++
    if (this.#chars[this.#at] === '{') {
      this.#at++
      return this.#braces()
    }
    const name = this.#name()
    if (name === '') return '$'
    return this.#lookup(name) ?? (this.#options.keepUnset ? `$${name}` : '')
  }

  #name(): string {
    const first = this.#chars[this.#at]
    if (first === undefined) return ''
    const start = this.#at
    if (DIGIT.test(first)) while (DIGIT.test(this.#chars[this.#at] ?? '')) this.#at++
    else if (SPECIAL.includes(first)) this.#at++
    else while (LETTER.test(this.#chars[this.#at] ?? '')) this.#at++
    return this.#chars.slice(start, this.#at).join('')
  }

  #braces(): string {
    const first = this.#chars[this.#at]
    if (first === undefined) throw missing('}')
    if (first === '{' || first === '}' || first === ':') throw new SyntaxProblem('syntax error: bad substitution')
    const name = this.#name()
    const value = this.#lookup(name)
    const unset = value === undefined && (this.#options.keepUnset ?? false)
    const operator = this.#chars[this.#at++]
    switch (operator) {
      case undefined:
        throw missing('}')
      case '}':
        return unset ? `\${${name}}` : (value ?? '')
      case ':':
      case '+':
      case '-':
      case '?':
      case '#':
      case '%':
        return this.#modify(name, value, operator, unset)
      case '/':
        return this.#replace(name, value, unset)
      default:
        throw new SyntaxProblem(`unsupported modifier (${operator}) in substitution`)
    }
  }

  #modify(name: string, value: string | undefined, operator: string, unset: boolean): string {
    const colon = operator === ':'
    const modifier = colon ? (this.#chars[this.#at++] ?? '') : operator
    const pattern = modifier === '#' || modifier === '%'
    const unsupported = new SyntaxProblem(`unsupported modifier (:${modifier}) in substitution`)
    if (colon && pattern) throw unsupported
    const word = this.#closed('}', pattern)
    if (colon && !'-+?'.includes(modifier)) throw unsupported
    if (unset) return `\${${name}${colon ? ':' : ''}${modifier}${word}}`
    if (pattern) {
      const reach = word.startsWith(modifier) ? 'longest' : 'shortest'
      const cut = modifier === '#' ? cutPrefix : cutSuffix
      return cut(value ?? '', reach === 'longest' ? word.slice(1) : word, reach)
    }
    const present = value !== undefined && !(colon && value === '')
    if (modifier === '+') return present ? word : ''
    if (present) return value
    if (modifier === '-') return word
    const problem = value === undefined ? 'is not allowed to be unset' : 'is not allowed to be empty'
    throw new SyntaxProblem(`${name}: ${word === '' ? problem : word}`)
  }

  #replace(name: string, value: string | undefined, unset: boolean): string {
    const all = this.#chars[this.#at] === '/'
    if (all) this.#at++
    const pattern = this.#closed('/', true)
    const replacement = this.#closed('}', true)
    if (unset) return `\${${name}/${pattern}/${replacement}}`
    return replaceMatches(value ?? '', pattern, replacement, all)
  }

  #closed(stop: '}' | '/', rawEscapes: boolean): string {
    try {
      return this.#until(stop, rawEscapes)
    } catch (error) {
      if (error instanceof SyntaxProblem && this.#at >= this.#chars.length) throw missing(stop)
      throw error
    }
  }
}

const missing = (stop: '}' | '/'): SyntaxProblem =>
  new SyntaxProblem(`syntax error: missing '${stop}'${stop === '/' ? ' in ${}' : ''}`)
