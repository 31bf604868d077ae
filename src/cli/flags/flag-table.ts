/**
 * A command's flags are written once, as its `--help` shows them, and read from there:
 * `  -f, --file string   Name of the Dockerfile (default "x")`. No type word means a boolean.
 */
export type Flag = {
  readonly name: string
  readonly short: string | undefined
  /** The word shown after the name: `string`, `list`, `bytes` …; `bool` shows none. */
  readonly type: string
  /** Lines of explanation, the default included. */
  readonly usage: string
  readonly initial: string | undefined
}

const LINE = /^ {1,6}(?:-(\w), )? *--([\w-]+)(?: (\S+))?(?: {2,}(.*))?$/

export const parseFlagTable = (table: string): Flag[] => {
  const flags: { name: string; short: string | undefined; type: string; usage: string }[] = []
  let column = 0
  for (const line of table.split('\n')) {
    if (line.trim() === '') continue
    const match = LINE.exec(line)
    const last = flags.at(-1)
    if (match) {
      const usage = match[4] ?? ''
      column = line.length - usage.length
      flags.push({ short: match[1], name: match[2] as string, type: match[3] ?? 'bool', usage })
    } else if (last) last.usage += `\n${line.slice(column)}`
  }
  return flags.map(flag => ({ ...flag, initial: defaultOf(flag.usage) }))
}

const defaultOf = (usage: string): string | undefined => {
  const text = /\(default ("[^"]*"|\S+)\)$/.exec(usage)?.[1]
  if (text === undefined || text === '[]' || text === 'map[]') return undefined
  return text.startsWith('"') ? text.slice(1, -1) : text
}
