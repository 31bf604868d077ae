import { SyntaxProblem } from './dockerfile-error.ts'
import type { SourceRange } from './source-range.ts'

/** https://docs.docker.com/reference/dockerfile/#parser-directives */
export type Directives = {
  readonly escape: '\\' | '`'
  /** The image of a frontend; only the first word counts. */
  readonly syntax: string | undefined
  readonly syntaxRange: SourceRange | undefined
  /** `skip=A,B;error=true;experimental=all` */
  readonly check: string | undefined
}

const DIRECTIVE = /^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(\S(?:.*\S)?)\s*$/
const KNOWN = ['escape', 'syntax', 'check']

/** Docker's own frontends; what they read is what this parser reads. */
const BUILT_IN = /^(?:docker\.io\/|index\.docker\.io\/)?docker\/dockerfile(?:-upstream)?(?:[:@].*)?$/

/** Reads the directives, which stand before everything else: the first line that is none ends them. */
export const parseDirectives = (lines: readonly string[]): Directives => {
  // A line for the kernel may come first; then there is no escape directive.
  const shebang = lines[0]?.startsWith('#!') === true
  const found = readDirectives(lines, shebang ? 1 : 0)
  const escape = shebang ? undefined : found.get('escape')
  if (escape !== undefined && escape.value !== '\\' && escape.value !== '`') {
    throw new SyntaxProblem(`invalid escape token '${escape.value}' does not match \` or \\`, {
      range: escape.range,
      located: false,
    })
  }
  return {
    escape: escape?.value === '`' ? '`' : '\\',
    syntax: firstWord(found.get('syntax')?.value),
    syntaxRange: found.get('syntax')?.range,
    check: firstWord(found.get('check')?.value),
  }
}

/** Refuses a frontend that is not built in. @throws SyntaxProblem */
export const checkSyntax = (syntax: string, range?: SourceRange): void => {
  if (BUILT_IN.test(syntax)) return
  throw new SyntaxProblem(
    `unsupported syntax ${JSON.stringify(syntax)}: frontends other than docker/dockerfile cannot be used`,
    { located: false, ...(range === undefined ? {} : { range }) },
  )
}

type Found = { readonly value: string; readonly range: SourceRange }

const readDirectives = (lines: readonly string[], first: number): ReadonlyMap<string, Found> => {
  const found = new Map<string, Found>()
  for (const [index, line] of lines.entries()) {
    if (index < first) continue
    const match = DIRECTIVE.exec(line.trim())
    const name = match?.[1]?.toLowerCase()
    if (name === undefined || !KNOWN.includes(name)) break
    const range = { start: index + 1, end: index + 1 }
    if (found.has(name))
      throw new SyntaxProblem(`only one ${name} parser directive can be used`, { range, located: false })
    found.set(name, { value: match?.[2] ?? '', range })
  }
  return found
}

const firstWord = (text: string | undefined): string | undefined => text?.split(' ', 1)[0]
