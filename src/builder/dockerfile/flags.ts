import { SyntaxProblem } from './dockerfile-error.ts'
import { suggestion } from './suggestion.ts'

export type FlagKind = 'string' | 'strings' | 'boolean'
export type Flags = ReadonlyMap<string, readonly string[]>

/** Takes the `--name=value` words from the front of an instruction's arguments. */
export const splitFlags = (
  text: string,
  escape: string,
): { readonly words: readonly string[]; readonly rest: string } => {
  const words: string[] = []
  let at = 0
  for (;;) {
    while (at < text.length && /\s/.test(text[at] as string)) at++
    if (!text.startsWith('--', at)) break
    let word = ''
    let quote = ''
    let end = at
    for (; end < text.length; end++) {
      const char = text[end] as string
      if (quote === '' && /\s/.test(char)) break
      if (char === escape) {
        word += text[++end] ?? ''
      } else if (quote === '' && (char === '"' || char === "'")) {
        quote = char
      } else if (char === quote) {
        quote = ''
      } else {
        word += char
      }
    }
    at = end
    if (word === '--') break
    words.push(word)
  }
  return { words, rest: text.slice(at).trim() }
}

/** Checks the words of `splitFlags` against what the instruction knows. */
export const parseFlags = (words: readonly string[], known: Readonly<Record<string, FlagKind>>): Flags => {
  const flags = new Map<string, string[]>()
  for (const word of words) {
    const equals = word.indexOf('=')
    const name = word.slice(2, equals < 0 ? undefined : equals)
    const kind = Object.hasOwn(known, name) ? known[name] : undefined
    if (kind === undefined)
      throw new SyntaxProblem(`unknown flag: --${name}${suggestion(name, Object.keys(known), true)}`)
    const before = flags.get(name)
    if (before !== undefined && kind !== 'strings') throw new SyntaxProblem(`duplicate flag specified: --${name}`)
    if (kind === 'boolean') {
      const value = equals < 0 ? 'true' : word.slice(equals + 1)
      if (value === '') throw new SyntaxProblem(`missing a value on flag: --${name}`)
      if (!/^(?:true|false)$/i.test(value))
        throw new SyntaxProblem(`expecting boolean value for flag --${name}, not: ${value}`)
      flags.set(name, [value.toLowerCase()])
      continue
    }
    if (equals < 0) throw new SyntaxProblem(`missing a value on flag: --${name}`)
    flags.set(name, [...(before ?? []), word.slice(equals + 1)])
  }
  return flags
}

export const flagValue = (flags: Flags, name: string): string | undefined => flags.get(name)?.[0]
export const flagValues = (flags: Flags, name: string): readonly string[] => flags.get(name) ?? []
export const flagIsSet = (flags: Flags, name: string): boolean => flagBoolean(flags, name) ?? false
export const flagBoolean = (flags: Flags, name: string): boolean | undefined => {
  const value = flagValue(flags, name)
  return value === undefined ? undefined : value === 'true'
}
