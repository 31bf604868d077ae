import type { Flag } from './flag-table.ts'
import { checkType, MANY, parseBool } from './flag-type.ts'
import { Flags } from './flags.ts'

export type FlagRules = {
  readonly table: readonly Flag[]
  /** Hidden names: `net` for `network`. */
  readonly aliases?: Readonly<Record<string, string>> | undefined
  /** Per flag: checks a value and may rewrite it; throws an Error whose message says what is wrong. */
  readonly check?: Readonly<Record<string, (value: string) => string>> | undefined
  /** False: flags end at the first argument (`run IMAGE …`). */
  readonly interspersed?: boolean | undefined
}

const parseHelp = (value: string): boolean => {
  try {
    return parseBool(value)
  } catch (error) {
    throw new Error(`invalid argument ${JSON.stringify(value)} for "--help" flag: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

/** `help` is asked for; everything else on the line is moot. */
export type Parsed = { readonly help: boolean; readonly flags: Flags; readonly args: string[] }

/** Reads a command line by the rules of Go's pflag. Throws an Error in its words. */
export const parseFlags = (argv: readonly string[], rules: FlagRules): Parsed => {
  const byName = new Map(rules.table.map(flag => [flag.name, flag]))
  const byShort = new Map(rules.table.flatMap(flag => (flag.short ? [[flag.short, flag] as const] : [])))
  const values = new Map<string, string[]>()
  const args: string[] = []
  let help = false
  let at = 0

  const set = (flag: Flag, value: string): void => {
    try {
      checkType(flag.type, value)
      const checked = rules.check?.[flag.name]?.(value) ?? value
      if (!MANY.has(flag.type)) values.set(flag.name, [checked])
      else {
        const list = values.get(flag.name) ?? []
        list.push(...(flag.type === 'strings' ? checked.split(',') : [checked]))
        values.set(flag.name, list)
      }
    } catch (error) {
      const shown = flag.short ? `-${flag.short}, --${flag.name}` : `--${flag.name}`
      throw new Error(`invalid argument ${JSON.stringify(value)} for "${shown}" flag: ${(error as Error).message}`)
    }
  }

  const long = (word: string): void => {
    const equals = word.indexOf('=')
    const given = word.slice(2, equals < 0 ? undefined : equals)
    if (given === '' || given.startsWith('-')) throw new Error(`bad flag syntax: ${word}`)
    const flag = byName.get(rules.aliases?.[given] ?? given)
    if (!flag || given === 'help') {
      if (given !== 'help') throw new Error(`unknown flag: --${given}`)
      help = equals < 0 || parseHelp(word.slice(equals + 1))
    } else if (equals >= 0) set(flag, word.slice(equals + 1))
    else if (flag.type === 'bool') set(flag, 'true')
    else if (at < argv.length) set(flag, argv[at++] as string)
    else throw new Error(`flag needs an argument: --${given}`)
  }

  const shorts = (word: string): void => {
    for (let i = 1; i < word.length; i++) {
      const letter = word[i] as string
      const flag = byShort.get(letter)
      if (!flag) {
        if (letter !== 'h') throw new Error(`unknown shorthand flag: '${letter}' in -${word.slice(i)}`)
        help = true
        continue
      }
      const rest = word.slice(i + 1)
      if (flag.type === 'bool' && !rest.startsWith('=')) {
        set(flag, 'true')
        continue
      }
      if (rest.length > 1 && rest.startsWith('=')) set(flag, rest.slice(1))
      else if (rest.length > 0) set(flag, rest)
      else if (at < argv.length) set(flag, argv[at++] as string)
      else throw new Error(`flag needs an argument: '${letter}' in -${word.slice(i)}`)
      return
    }
  }

  while (at < argv.length && !help) {
    const word = argv[at++] as string
    if (word === '--') break
    if (word.startsWith('--')) long(word)
    else if (word.startsWith('-') && word.length > 1) shorts(word)
    else {
      args.push(word)
      if (rules.interspersed === false) break
    }
  }
  args.push(...argv.slice(at))
  return { help, flags: new Flags(byName, values), args }
}
