import { OPTIONS, type Option, type OptionValue } from './config-options.ts'
import { invalidArgument, messageOf } from './errdefs.ts'

export type ParsedFlags = {
  readonly action: 'run' | 'validate' | 'help' | 'version'
  readonly values: Partial<Record<string, OptionValue>>
}

const BY_FLAG = new Map(OPTIONS.map(option => [option.flag, option]))
const BY_SHORT = new Map(
  OPTIONS.flatMap(option => (option.short === undefined ? [] : [[option.short, option] as const])),
)

/**
 * Reads flags in the forms that dockerd takes: `--mtu 9000`, `--mtu=9000`, `-l debug`, `-ldebug`, `-D`, `--icc=false`.
 * Throws InvalidArgument in dockerd's words.
 */
export const parseFlags = (argv: readonly string[]): ParsedFlags => {
  const values: Partial<Record<string, OptionValue>> = {}
  let action: ParsedFlags['action'] = 'run'
  const rest = [...argv]
  const take = (option: Option, shown: string, attached: string | undefined) => {
    let text = attached
    if (text === undefined) text = option.label === '' ? 'true' : rest.shift()
    if (text === undefined) throw invalidArgument(`flag needs an argument: ${shown}`)
    try {
      values[option.name] = option.fromText(text, values[option.name])
      if (option.label !== 'list') option.check?.(values[option.name] as OptionValue)
    } catch (error) {
      const names = option.short === undefined ? `--${option.flag}` : `-${option.short}, --${option.flag}`
      throw invalidArgument(`invalid argument ${JSON.stringify(text)} for "${names}" flag: ${messageOf(error)}`, {
        cause: error,
      })
    }
  }
  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    if (argument === '--help' || argument === '-h') return { action: 'help', values: {} }
    if (argument === '--version' || argument === '-v') return { action: 'version', values: {} }
    if (argument === '--validate') action = 'validate'
    else if (argument.startsWith('--')) {
      const equals = argument.indexOf('=')
      const flag = argument.slice(2, equals < 0 ? undefined : equals)
      const option = BY_FLAG.get(flag)
      if (option === undefined) throw invalidArgument(`unknown flag: --${flag}`)
      take(option, `--${flag}`, equals < 0 ? undefined : argument.slice(equals + 1))
    } else if (argument.startsWith('-') && argument.length > 1) takeShort(argument.slice(1), take)
    else throw invalidArgument(`"tare daemon" accepts no arguments.`)
  }
  return { action, values }
}

/** `-D`, `-lwarn`, `-l=warn`, `-Dl warn`: switches may stand together, a value ends the group. */
const takeShort = (
  group: string,
  take: (option: Option, shown: string, attached: string | undefined) => void,
): void => {
  for (let at = 0; at < group.length; at++) {
    const letter = group.charAt(at)
    const option = BY_SHORT.get(letter)
    if (option === undefined) throw invalidArgument(`unknown shorthand flag: '${letter}' in -${group}`)
    const after = group.slice(at + 1)
    if (option.label !== '')
      return take(option, `'${letter}' in -${group}`, after === '' ? undefined : after.replace(/^=/, ''))
    if (after.startsWith('=')) return take(option, `-${letter}`, after.slice(1))
    take(option, `-${letter}`, undefined)
  }
}

const COLUMN = 38
const WIDTH = 100

/** What `--help` prints. */
export const helpText = (): string => {
  const own = [
    { flag: 'help', short: undefined, label: '', text: 'Print usage' },
    { flag: 'validate', short: undefined, label: '', text: 'Validate daemon configuration and exit' },
    { flag: 'version', short: 'v', label: '', text: 'Print version information and quit' },
  ]
  const rows = [
    ...OPTIONS.map(({ flag, short, label, help, otherwise }) => ({
      flag,
      short,
      label,
      text: help + shownDefault(otherwise),
    })),
    ...own,
  ]
    .sort((a, b) => (a.flag < b.flag ? -1 : 1))
    .map(({ flag, short, label, text }) => {
      const name = `  ${short === undefined ? '    ' : `-${short}, `}--${flag}${label === '' ? '' : ` ${label}`}`
      return `${name.padEnd(COLUMN)} ${wrap(text)}`
    })
  return `
Usage:	tare daemon [OPTIONS]

The container engine: it answers the Docker Engine API on its sockets until it is stopped.
Containers run on when it stops, and it takes them up again when it starts.

Options:
${rows.join('\n')}
`
}

const shownDefault = (value: OptionValue | undefined): string => {
  if (value === undefined || value === false || value === '') return ''
  if (typeof value === 'object')
    return Array.isArray(value) && value.length > 0 ? ` (default [${value.join(',')}])` : ''
  return ` (default ${typeof value === 'string' ? JSON.stringify(value) : value})`
}

const wrap = (text: string): string => {
  const lines: string[] = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1) as string
    if (line !== '' && line.length + word.length + 1 > WIDTH - COLUMN) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines.join(`\n${' '.repeat(COLUMN + 1)}`)
}
