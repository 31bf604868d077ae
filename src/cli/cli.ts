import { Client, type ConnectionError } from '../api/client.ts'
import { DEFAULT_HOST, type Endpoint, parseEndpoint } from '../api/endpoint.ts'
import { type Command, type Context, PROGRAM } from './command.ts'
import { findCommand } from './commands.ts'
import { ConfigFile } from './config-file.ts'
import { describe, Failure } from './failure.ts'
import { parseFlagTable } from './flags/flag-table.ts'
import { type Parsed, parseFlags } from './flags/parse-flags.ts'
import { GLOBAL_FLAGS } from './global-flags.ts'
import { Output } from './output.ts'

/** Runs one command line (without the program's name) and gives its exit code; undefined: the daemon runs on. */
export const runCli = async (argv: readonly string[]): Promise<number | undefined> => {
  const stdout = new Output(1)
  const stderr = new Output(2)
  let globals: Parsed
  try {
    globals = parseFlags(argv, { table: parseFlagTable(GLOBAL_FLAGS), interspersed: false })
  } catch (error) {
    stderr.write(
      `${describe(error)}\n\nUsage:  ${PROGRAM} [OPTIONS] COMMAND [ARG...]\n\nRun '${PROGRAM} --help' for more information\n`,
    )
    return 125
  }
  const { flags, args } = globals
  if (flags.bool('version')) {
    const { printVersionLine } = await import('./commands/version.ts')
    return printVersionLine(stdout)
  }
  const found = findCommand(args)
  if (found.command === undefined) {
    const { helpFor } = await import('./help.ts')
    return await helpFor(found, globals.help, stdout, stderr)
  }
  if (globals.help) {
    const { printRootHelp } = await import('./help.ts')
    return printRootHelp(stdout)
  }
  const loaded = await found.command.load()
  if ('raw' in loaded.command)
    return await guarded(stderr, found.path, () => (loaded.command as { raw: RawAction }).raw(found.rest))
  const command = loaded.command
  return await guarded(stderr, found.path, async () => {
    const parsed = await parseOrExplain(command, found.path, found.rest, stdout)
    if (parsed === undefined) return 0
    const config = new ConfigFile(flags.changed('config') ? flags.string('config') : undefined, text =>
      stderr.line(text),
    )
    using client = openClient(flags.list('host').at(-1), config, stderr)
    const context: Context = { path: found.path, client, stdout, stderr, config }
    return await command.action(context, parsed.flags, parsed.args)
  })
}
type RawAction = (args: readonly string[]) => Promise<number | undefined>

/** Runs the command; what it throws is shown and becomes an exit code. */
const guarded = async (
  stderr: Output,
  path: string,
  action: () => Promise<number | undefined>,
): Promise<number | undefined> => {
  try {
    return await action()
  } catch (error) {
    const message = describe(error)
    if (message !== '') stderr.line(message)
    // A fault of ours, not of the request: the stack is what a report needs.
    if (!(error instanceof Failure) && process.env.TARE_DEBUG) stderr.line(`(${path}) ${(error as Error).stack}`)
    return error instanceof Failure ? error.exitCode : 1
  }
}

/** Undefined when help was asked for, and shown. */
const parseOrExplain = async (
  command: Command,
  path: string,
  rest: readonly string[],
  stdout: Output,
): Promise<Parsed | undefined> => {
  const usage = `Usage:  ${PROGRAM} ${path}${command.usage ? ` ${command.usage}` : ''}`
  const more = `'${PROGRAM} ${path} --help' for more information`
  let parsed: Parsed
  try {
    parsed = parseFlags(rest, {
      table: parseFlagTable(command.flags ?? ''),
      aliases: command.aliases,
      check: command.check,
      interspersed: command.interspersed,
    })
  } catch (error) {
    throw new Failure(125, `${describe(error)}\n\n${usage}\n\nRun ${more}`, { cause: error })
  }
  if (parsed.help) {
    const { printCommandHelp } = await import('./help.ts')
    printCommandHelp(path, command, stdout)
    return undefined
  }
  const wrong = argumentFault(command, parsed.args.length)
  if (wrong === undefined) return parsed
  const see = command.args.max === Number.POSITIVE_INFINITY ? 'See' : 'Run'
  throw new Failure(1, `${PROGRAM}: '${PROGRAM} ${path}' ${wrong}\n\n${usage}\n\n${see} ${more}`)
}

const argumentFault = ({ args: { min, max } }: Command, count: number): string | undefined => {
  const plural = (n: number): string => `${n} argument${n === 1 ? '' : 's'}`
  if (count >= min && count <= max) return undefined
  if (max === 0) return 'accepts no arguments'
  if (min === max) return `requires ${plural(min)}`
  if (max === Number.POSITIVE_INFINITY) return `requires at least ${plural(min)}`
  if (min === 0) return `requires at most ${plural(max)}`
  return `requires at least ${min} and at most ${plural(max)}`
}

const openClient = (host: string | undefined, config: ConfigFile, stderr: Output): Client => {
  const chosen = host || process.env.TARE_HOST || process.env.DOCKER_HOST
  const endpoint: Endpoint = parseEndpoint(chosen || DEFAULT_HOST)
  return new Client(endpoint, {
    version: process.env.DOCKER_API_VERSION,
    headers: config.settings.HttpHeaders,
    // Nobody said which daemon, and none runs on the usual socket: ours may be started.
    onUnreachable:
      chosen || process.getuid?.() !== 0
        ? undefined
        : async (error: ConnectionError) => {
            const { startDaemon } = await import('./start-daemon.ts')
            await startDaemon(endpoint, stderr, error)
          },
  })
}
