import { SyntaxProblem } from './dockerfile-error.ts'

/** https://docs.docker.com/reference/dockerfile/#parser-directives */
export type Directives = {
  readonly escape: '\\' | '`'
  readonly syntax: string | undefined
  readonly check: string | undefined
}

const DIRECTIVE = /^#[ \t]*([a-zA-Z][a-zA-Z0-9]*)[ \t]*=[ \t]*(.+?)[ \t]*$/
const KNOWN = ['escape', 'syntax', 'check']

/** Reads the directives, which stand before everything else: the first line that is none ends them. */
export const parseDirectives = (lines: readonly string[]): Directives => {
  const found = new Map<string, string>()
  for (const [index, line] of lines.entries()) {
    const match = DIRECTIVE.exec(line)
    const name = match?.[1]?.toLowerCase()
    if (match === null || name === undefined || !KNOWN.includes(name)) break
    const range = { start: index + 1, end: index + 1 }
    if (found.has(name)) throw new SyntaxProblem(`only one ${name} parser directive can be used`, { range })
    const value = match[2] ?? ''
    if (name === 'escape' && value !== '\\' && value !== '`') {
      throw new SyntaxProblem(`invalid ESCAPE '${value}' does not match \` or \\`, { range })
    }
    found.set(name, value)
  }
  return { escape: found.get('escape') === '`' ? '`' : '\\', syntax: found.get('syntax'), check: found.get('check') }
}
