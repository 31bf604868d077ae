import { type Command, PROGRAM } from './command.ts'
import { type CommandEntry, entryOf, type Found, GROUPS, listGroup, listRoot, summaryOf } from './commands.ts'
import { type Flag, parseFlagTable } from './flags/flag-table.ts'
import { GLOBAL_FLAGS } from './global-flags.ts'
import type { Output } from './output.ts'

/** What is shown for words that name no command: help for a group, an error for the unknown. Gives the exit code. */
export const helpFor = async (found: Found, wanted: boolean, stdout: Output, stderr: Output): Promise<number> => {
  const word = found.rest.find(arg => !arg.startsWith('-'))
  if (found.path === 'help') return await helpTopic(found.rest, stdout, stderr)
  const group = found.path !== ''
  if (word === undefined && !wanted && !found.rest.every(arg => arg === '--help' || arg === '-h')) {
    const flag = found.rest[0] as string
    const name = flag.startsWith('--')
      ? `unknown flag: ${flag.split('=')[0]}`
      : `unknown shorthand flag: '${flag[1]}' in ${flag}`
    const shown = `${PROGRAM} ${found.path}`
    stderr.write(`${name}\n\nUsage:  ${shown}\n\nRun '${shown} --help' for more information\n`)
    return 125
  }
  if (word === undefined || wanted) {
    // Asked for, help is output; given instead of a command that was not named, it is a complaint.
    return group ? printGroupHelp(found.path, wanted || found.rest.length > 0 ? stdout : stderr) : printRootHelp(stdout)
  }
  const shown = [PROGRAM, found.path].filter(Boolean).join(' ')
  const usage = group ? `Usage:  ${shown}\n\n` : ''
  stderr.write(`${PROGRAM}: unknown command: ${shown} ${word}\n\n${usage}Run '${shown} --help' for more information\n`)
  return 1
}

const helpTopic = async (words: readonly string[], stdout: Output, stderr: Output): Promise<number> => {
  if (words.length === 0) return printRootHelp(stdout)
  const path = words.join(' ')
  const entry = entryOf(path)
  if (entry) {
    const { command } = await entry.load()
    if ('raw' in command) return (await command.raw(['--help'])) ?? 0
    printCommandHelp(path, command, stdout)
    return 0
  }
  if (GROUPS[path] !== undefined) return printGroupHelp(path, stdout)
  stderr.line(`unknown help topic: ${path}`)
  return 1
}

export const printCommandHelp = (path: string, command: Command, stdout: Output): void => {
  const entry = entryOf(path) as CommandEntry
  let text = `Usage:  ${PROGRAM} ${path}${command.usage ? ` ${command.usage}` : ''}\n\n${command.description ?? entry.summary}\n`
  const aliases = entry.paths.filter(name => !entry.hidden?.includes(name))
  if (aliases.length > 1) text += `\nAliases:\n  ${aliases.map(name => `${PROGRAM} ${name}`).join(', ')}\n`
  const flags = parseFlagTable(command.flags ?? '')
  if (flags.length > 0) text += `\nOptions:\n${flagHelp(flags, columnsOf(stdout))}`
  stdout.write(text)
}

const printGroupHelp = (group: string, stdout: Output): number => {
  let text = `Usage:  ${PROGRAM} ${group} COMMAND\n\n${GROUPS[group]}\n\nCommands:\n`
  const names = listGroup(group)
  const width = Math.max(11, ...names.map(name => name.length))
  for (const name of names)
    text += `  ${name.padEnd(width)} ${GROUPS[`${group} ${name}`] ?? summaryOf(`${group} ${name}`)}\n`
  stdout.write(`${text}\nRun '${PROGRAM} ${group} COMMAND --help' for more information on a command.\n`)
  return 0
}

export const printRootHelp = (stdout: Output): number => {
  const { common, plain } = listRoot()
  const line = (name: string): string => `  ${name.padEnd(11)} ${GROUPS[name] ?? summaryOf(name)}\n`
  stdout.write(
    `Usage:  ${PROGRAM} [OPTIONS] COMMAND\n\nA container engine behind the Docker Engine API\n\nCommon Commands:\n${common.map(line).join('')}\n` +
      `Management Commands:\n${Object.keys(GROUPS)
        .filter(name => !name.includes(' '))
        .sort()
        .map(line)
        .join('')}\nCommands:\n${plain.map(line).join('')}\n` +
      `Global Options:\n${flagHelp(parseFlagTable(GLOBAL_FLAGS), columnsOf(stdout))}\nRun '${PROGRAM} COMMAND --help' for more information on a command.\n`,
  )
  return 0
}

const columnsOf = (stdout: Output): number => (stdout.size()?.columns ?? 80) - 1

/** Flags in columns, wrapped as Go's pflag wraps them. */
export const flagHelp = (flags: readonly Flag[], columns: number): string => {
  const heads = flags.map(
    flag => `  ${flag.short ? `-${flag.short}, ` : '    '}--${flag.name}${flag.type === 'bool' ? '' : ` ${flag.type}`}`,
  )
  const indent = Math.max(...heads.map(head => head.length)) + 3
  return flags
    .map(
      (flag, i) =>
        `${(heads[i] as string).padEnd(indent)}${wrap(flag.usage, indent, columns).join(`\n${' '.repeat(indent)}`)}\n`,
    )
    .join('')
}

/** pflag gives the first line the full width, lets a word of up to five columns hang over, and cuts at blanks or newlines. */
const wrap = (text: string, indent: number, columns: number): string[] => {
  const width = columns - indent
  if (width < 24) return text.split('\n')
  const slop = 5
  const lines: string[] = []
  let rest = text
  while (true) {
    const [line, next] = cut(rest, width - slop, slop)
    lines.push(line)
    if (next === '') return lines
    rest = next
  }
}

const cut = (text: string, width: number, slop: number): [string, string] => {
  if (width + slop > text.length) {
    const newline = text.indexOf('\n')
    return newline > 0 ? [text.slice(0, newline), text.slice(newline + 1)] : [text, '']
  }
  const head = text.slice(0, width)
  const blank = Math.max(head.lastIndexOf(' '), head.lastIndexOf('\t'), head.lastIndexOf('\n'))
  if (blank <= 0) return [text, '']
  const newline = head.indexOf('\n')
  if (newline > 0 && newline < blank) return [text.slice(0, newline), text.slice(newline + 1)]
  return [text.slice(0, blank), text.slice(blank + 1)]
}
