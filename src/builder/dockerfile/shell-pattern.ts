import { SyntaxProblem } from './dockerfile-error.ts'

/** Characters of the value times those of the pattern; more would keep the builder busy for seconds. */
const MOST_WORK = 1e8

type Token = { readonly kind: 'char' | 'any' | 'star'; readonly char?: string }
type Reach = 'longest' | 'shortest'

/** `value` without the part at its begin that `pattern` matches. @throws SyntaxProblem */
export const cutPrefix = (value: string, pattern: string, reach: Reach): string => {
  const chars = Array.from(value)
  const end = matchEnds(parsePattern(pattern), chars, reach)[0] as number
  return end < 0 ? value : chars.slice(end).join('')
}

/** `value` without the part at its end that `pattern` matches: both are read backwards. @throws SyntaxProblem */
export const cutSuffix = (value: string, pattern: string, reach: Reach): string => {
  const chars = Array.from(value).reverse()
  const end = matchEnds(parsePattern(pattern).reverse(), chars, reach)[0] as number
  return end < 0 ? value : chars.slice(end).reverse().join('')
}

/** `value` with the first match of `pattern`, or all of them, replaced; a match is as long as it can be. @throws SyntaxProblem */
export const replaceMatches = (value: string, pattern: string, replacement: string, all: boolean): string => {
  const chars = Array.from(value)
  const ends = matchEnds(parsePattern(pattern), chars, 'longest')
  const result: string[] = []
  let at = 0
  let lastEnd = -1
  while (at <= chars.length) {
    const end = ends[at] as number
    // As in Go, nothing at all is not matched again where a match has just ended.
    const matches = end > at || (end === at && at !== lastEnd)
    if (matches) {
      result.push(replacement)
      lastEnd = end
      if (!all) return [...result, ...chars.slice(end)].join('')
    }
    if (matches && end > at) at = end
    else if (at < chars.length) result.push(chars[at++] as string)
    else break
  }
  return result.join('')
}

/**
 * `*` and `?` (not over line ends), `\*`, `\?`, `\\`; `\}` and `\/` only keep the substitution open. Brackets mean nothing.
 * https://docs.docker.com/reference/dockerfile/#environment-replacement
 */
const parsePattern = (pattern: string): Token[] => {
  const chars = Array.from(pattern)
  const tokens: Token[] = []
  for (let at = 0; at < chars.length; at++) {
    let char = chars[at] as string
    if (char === '*') tokens.push({ kind: 'star' })
    else if (char === '?') tokens.push({ kind: 'any' })
    else {
      if (char === '\\') {
        char = chars[++at] ?? ''
        if (char === '' || !'*?\\}/'.includes(char))
          throw new SyntaxProblem(`invalid pattern (${pattern}) in substitution: invalid escape '\\${char}'`)
      }
      tokens.push({ kind: 'char', char })
    }
  }
  return tokens
}

/** Where a match that begins at each character ends; -1 for none. From the last character to the first: no backtracking. */
const matchEnds = (tokens: readonly Token[], chars: readonly string[], reach: Reach): Int32Array => {
  if (tokens.length * chars.length > MOST_WORK)
    throw new SyntaxProblem('invalid pattern in substitution: too long for a value of this length')
  const ends = new Int32Array(chars.length + 1)
  const better = (a: number, b: number): number =>
    reach === 'longest' || a < 0 || b < 0 ? Math.max(a, b) : Math.min(a, b)
  // One entry a token: the end of what it and those behind it match from the next character on.
  let next = new Int32Array(tokens.length + 1).fill(-1)
  for (let at = chars.length; at >= 0; at--) {
    const row = new Int32Array(tokens.length + 1)
    row[tokens.length] = at
    const char = chars[at]
    const wild = char !== undefined && char !== '\n'
    for (let index = tokens.length - 1; index >= 0; index--) {
      const token = tokens[index] as Token
      const rest = next[index + 1] as number
      if (token.kind === 'star') row[index] = better(row[index + 1] as number, wild ? (next[index] as number) : -1)
      else row[index] = (token.kind === 'any' ? wild : char === token.char) ? rest : -1
    }
    ends[at] = row[0] as number
    next = row
  }
  return ends
}
