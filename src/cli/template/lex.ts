/** A token of an action; `text` tokens are what stands between actions. `at`: offset in the template. */
export type Token = {
  readonly kind:
    | 'text'
    | 'open'
    | 'close'
    | 'field'
    | 'variable'
    | 'word'
    | 'string'
    | 'char'
    | 'number'
    | 'punctuation'
    | 'space'
    | 'end'
  readonly text: string
  readonly at: number
}

/** A fault in the template's text, in Go's words without the `template: ` prefix. */
export class TemplateSyntaxError extends Error {}

export const lineOf = (source: string, at: number): number => source.slice(0, at).split('\n').length
const fail = (source: string, at: number, message: string): never => {
  throw new TemplateSyntaxError(`template: :${lineOf(source, at)}: ${message}`)
}

const PATTERNS: readonly (readonly [Token['kind'], RegExp])[] = [
  ['space', /\s+/y],
  ['field', /\.[\p{L}_][\p{L}\p{N}_]*/uy],
  ['variable', /\$[\p{L}\p{N}_]*/uy],
  [
    'number',
    /[+-]?(0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|\d[\d_]*(\.\d*)?([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?)/y,
  ],
  ['word', /[\p{L}_][\p{L}\p{N}_]*/uy],
  ['string', /"(?:[^"\\\n]|\\.)*"|`[^`]*`/y],
  ['char', /'(?:[^'\\\n]|\\.)+'/y],
  ['punctuation', /:=|[.|(),=]/y],
]

/** Splits a template into tokens. Throws TemplateSyntaxError. */
export const lex = (source: string): Token[] => {
  const tokens: Token[] = []
  let at = 0
  let trimNext = false
  while (at < source.length) {
    const open = source.indexOf('{{', at)
    let text = source.slice(at, open < 0 ? undefined : open)
    if (trimNext) text = text.replace(/^[ \t\r\n]+/, '')
    trimNext = false
    const trimBefore = open >= 0 && /^\{\{-[ \t\r\n]/.test(source.slice(open, open + 4))
    if (trimBefore) text = text.replace(/[ \t\r\n]+$/, '')
    if (text !== '') tokens.push({ kind: 'text', text, at })
    if (open < 0) break
    at = open + (trimBefore ? 3 : 2)
    const comment = /\s*\/\*/y
    comment.lastIndex = at
    if (comment.test(source)) {
      const end = source.indexOf('*/', at)
      const close = end < 0 ? null : /^\s*-?\}\}/.exec(source.slice(end + 2))
      if (!close) return fail(source, open, end < 0 ? 'unclosed comment' : 'comment ends before closing delimiter')
      trimNext = /\s-\}\}$/.test(close[0])
      at = end + 2 + close[0].length
      continue
    }
    tokens.push({ kind: 'open', text: '{{', at: open })
    at = lexAction(source, at, tokens)
    trimNext = source[at - 3] === '-' && /\s/.test(source[at - 4] ?? '')
  }
  tokens.push({ kind: 'end', text: '', at: source.length })
  return tokens
}

/** Reads one action's tokens; gives the offset after its `}}`. */
const lexAction = (source: string, start: number, tokens: Token[]): number => {
  let at = start
  let depth = 0
  for (;;) {
    if (source.startsWith('}}', at) || /^\s+-\}\}/.test(source.slice(at))) {
      if (depth > 0) fail(source, at, 'unclosed left paren')
      const end = source.indexOf('}}', at) + 2
      tokens.push({ kind: 'close', text: '}}', at })
      return end
    }
    if (at >= source.length) fail(source, at, 'unclosed action')
    let matched = false
    for (const [kind, pattern] of PATTERNS) {
      pattern.lastIndex = at
      const match = pattern.exec(source)
      if (!match) continue
      if (match[0] === '(') depth++
      if (match[0] === ')' && --depth < 0) fail(source, at, 'unexpected right paren')
      tokens.push({ kind, text: match[0], at })
      at += match[0].length
      matched = true
      break
    }
    if (matched) continue
    const character = source[at] as string
    if (character === '"') fail(source, at, 'unterminated quoted string')
    if (character === '`') fail(source, at, 'unterminated raw quoted string')
    if (character === "'") fail(source, at, 'unterminated character constant')
    if (character === '}') fail(source, at, 'unexpected "}" in operand')
    const code = (character.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0')
    const glued = /[\p{L}\p{N}_.$]/u.test(source[at - 1] ?? '')
    fail(source, at, `${glued ? 'bad character' : 'unrecognized character in action:'} U+${code} '${character}'`)
  }
}
