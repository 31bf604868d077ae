/** What a registry asks for with its 401. https://www.rfc-editor.org/rfc/rfc9110#name-www-authenticate */
export type Challenge = {
  /** In lower case: `basic`, `bearer`. */
  readonly scheme: string
  readonly parameters: Readonly<Record<string, string>>
}

const TOKEN = /[\w!#$%&'*+.^`|~-]+/y
const QUOTED = /"((?:[^"\\]|\\.)*)"/y

/** Reads as much of the header as it understands; what is broken ends it. */
export const parseChallenges = (header: string | readonly string[] | undefined): Challenge[] =>
  (typeof header === 'string' ? [header] : (header ?? [])).flatMap(parseHeader)

const parseHeader = (text: string): Challenge[] => {
  const found: { scheme: string; parameters: Record<string, string> }[] = []
  let at = 0
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    const match = pattern.exec(text)
    if (match !== null) at = pattern.lastIndex
    return match
  }
  for (;;) {
    take(/[\s,]*/y)
    const word = take(TOKEN)?.[0]
    if (word === undefined) return found
    const current = found.at(-1)
    if (take(/\s*=\s*/y) === null) {
      found.push({ scheme: word.toLowerCase(), parameters: {} })
      continue
    }
    const quoted = take(QUOTED)
    const value = quoted === null ? take(TOKEN)?.[0] : (quoted[1] ?? '').replace(/\\(.)/g, '$1')
    if (value === undefined || current === undefined) return found
    current.parameters[word.toLowerCase()] = value
  }
}
