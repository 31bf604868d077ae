import { readHostFacts } from '../host/facts.ts'
import type { RawCommand } from './command.ts'
import { diagnose, renderFindings } from './diagnosis.ts'
import { Output } from './output.ts'

const HELP = `Usage:  tare doctor [OPTIONS]

Show what this host offers, what is missing, and what mends it

Options:
      --data-root string   Where images and containers are to lie
                           (default "/var/lib/tare")
      --format string      'text' or 'json' (default "text")
      --help               Print usage
`

type Options = { readonly dataRoot: string; readonly format: 'text' | 'json' }

const parse = (args: readonly string[]): Options | 'help' | { readonly error: string } => {
  let dataRoot = '/var/lib/tare'
  let format = 'text'
  const rest = args.flatMap(argument => {
    const [, name, value] = argument.match(/^(--[a-z-]+)=(.*)$/s) ?? []
    return name === undefined ? [argument] : [name, value ?? '']
  })
  for (let index = 0; index < rest.length; index += 1) {
    const argument = rest[index] as string
    if (argument === '--help' || argument === '-h') return 'help'
    if (argument !== '--data-root' && argument !== '--format') {
      if (argument.startsWith('-')) return { error: `unknown flag: ${argument}` }
      return { error: '"tare doctor" accepts no arguments' }
    }
    index += 1
    const value = rest[index]
    if (value === undefined) return { error: `flag needs an argument: ${argument}` }
    if (argument === '--data-root') dataRoot = value
    else format = value
  }
  if (format !== 'text' && format !== 'json') return { error: `invalid format "${format}": must be text or json` }
  return { dataRoot, format }
}

/** `tare doctor`: needs no daemon. Gives 1 when something necessary is missing. */
export const doctor: RawCommand = {
  async raw(args) {
    const stdout = new Output(1)
    const options = parse(args)
    if (options === 'help') {
      stdout.write(HELP)
      return 0
    }
    if ('error' in options) {
      new Output(2).write(
        `${options.error}\n\nUsage:  tare doctor [OPTIONS]\n\nRun 'tare doctor --help' for more information\n`,
      )
      return 125
    }
    const findings = diagnose(await readHostFacts(options.dataRoot))
    const isReady = findings.every(({ verdict }) => verdict !== 'missing')
    stdout.write(
      options.format === 'json'
        ? `${JSON.stringify({ ready: isReady, findings }, undefined, 2)}\n`
        : renderFindings(findings),
    )
    return isReady ? 0 : 1
  },
}
