import { SyntaxProblem } from './dockerfile-error.ts'

/** Words as a shell would split them, with quotes and escapes left in place. */
export const splitWords = (text: string, escape: string): string[] => {
  const words: string[] = []
  let word = ''
  let quote = ''
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string
    if (quote === '' && /\s/.test(char)) {
      if (word !== '') words.push(word)
      word = ''
      continue
    }
    word += char
    if (char === escape && quote !== "'") {
      const next = text[++at]
      // The last character of all escapes nothing and is dropped.
      word = next === undefined ? word.slice(0, -1) : word + next
    } else if (quote === '' && (char === '"' || char === "'")) {
      quote = char
    } else if (char === quote) {
      quote = ''
    }
  }
  if (word !== '') words.push(word)
  return words
}

/** Words between white space, nothing else looked at. */
export const splitBlanks = (text: string): string[] => {
  const trimmed = text.trim()
  return trimmed === '' ? [] : trimmed.split(/[\t\v\f\r ]+/)
}

/** The strings of a JSON array, or undefined when the text is not one. */
export const parseJsonStrings = (text: string): string[] | undefined => {
  if (!text.startsWith('[')) return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!Array.isArray(value)) return undefined
  for (const item of value) {
    if (typeof item !== 'string') {
      throw new SyntaxProblem('when using JSON array syntax, arrays must be comprised of strings only', {
        located: false,
      })
    }
  }
  return value as string[]
}

export type Pair = { readonly name: string; readonly value: string }

/** `name=value …`, or the old (`legacy`) `name value`, which takes the rest of the line. */
export const parsePairs = (
  text: string,
  keyword: string,
  escape: string,
): { readonly pairs: readonly Pair[]; readonly legacy?: true } => {
  const words = splitWords(text, escape)
  const first = words[0]
  if (first === undefined) return { pairs: [] }
  if (!first.includes('=')) {
    const match = /^([^\t\v\f\r ]+)[\t\v\f\r ]+([^]*)$/.exec(text.trim())
    if (match === null) throw new SyntaxProblem(`${keyword} must have two arguments`, { located: false })
    return { pairs: [{ name: match[1] as string, value: match[2] as string }], legacy: true }
  }
  const pairs = words.map(word => {
    const equals = word.indexOf('=')
    if (equals < 0) {
      throw new SyntaxProblem(
        `Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`,
        {
          located: false,
        },
      )
    }
    return { name: word.slice(0, equals), value: word.slice(equals + 1) }
  })
  return { pairs }
}
