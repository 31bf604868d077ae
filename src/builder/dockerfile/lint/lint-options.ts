import { SyntaxProblem } from '../dockerfile-error.ts'
import { parseGoBoolean } from '../go-values.ts'
import { EXPERIMENTAL, type LintRule } from './lint-rules.ts'

/** Which rules count. https://docs.docker.com/reference/dockerfile/#check */
export type CheckOptions = {
  readonly skip: ReadonlySet<string> | 'all'
  readonly experimental: ReadonlySet<string> | 'all'
  /** A lint fails the build. */
  readonly error: boolean
}

/** `skip=A,B;experimental=all;error=true` @throws SyntaxProblem */
export const parseCheckOptions = (text: string | undefined): CheckOptions => {
  const options = { skip: new Set<string>(), experimental: new Set<string>(), error: false } as {
    -readonly [Key in keyof CheckOptions]: CheckOptions[Key]
  }
  if (text === undefined || text.trim() === '') return options
  for (const part of text.split(';')) {
    const equals = part.indexOf('=')
    const key = part.slice(0, Math.max(0, equals)).trim()
    const value = part.slice(equals + 1).trim()
    if (equals < 0) throw invalid(part)
    if (key === 'skip' || key === 'experimental') options[key] = parseRules(value)
    else if (key === 'error') options.error = parseFlag(part, value)
    else throw invalid(key)
  }
  return options
}

export const isWanted = (rule: LintRule, { skip, experimental }: CheckOptions): boolean =>
  EXPERIMENTAL.has(rule) ? experimental === 'all' || experimental.has(rule) : skip !== 'all' && !skip.has(rule)

/** The options with those of a `# check=…` among the comments above an instruction, for it alone. */
export const withComments = (options: CheckOptions, comments: readonly string[] = []): CheckOptions => {
  const text = comments.map(comment => /^check\s*=\s*(\S+)/i.exec(comment)?.[1]).find(found => found !== undefined)
  if (text === undefined) return options
  try {
    const more = parseCheckOptions(text)
    return {
      skip: union(options.skip, more.skip),
      experimental: union(options.experimental, more.experimental),
      error: options.error,
    }
  } catch (error) {
    // It may be a comment like any other.
    if (error instanceof SyntaxProblem) return options
    throw error
  }
}

const parseRules = (value: string): CheckOptions['skip'] =>
  value === 'all' ? 'all' : new Set(value.split(',').map(rule => rule.trim()))

const parseFlag = (part: string, value: string): boolean => {
  try {
    return parseGoBoolean(value)
  } catch (error) {
    if (!(error instanceof SyntaxProblem)) throw error
    throw new SyntaxProblem(
      `failed to parse check options: failed to parse check option ${JSON.stringify(part)}: ${error.message}`,
      { located: false },
    )
  }
}

const invalid = (option: string): SyntaxProblem =>
  new SyntaxProblem(`failed to parse check options: invalid check option ${JSON.stringify(option)}`, { located: false })

const union = (one: CheckOptions['skip'], other: CheckOptions['skip']): CheckOptions['skip'] =>
  one === 'all' || other === 'all' ? 'all' : new Set([...one, ...other])
