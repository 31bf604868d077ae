import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Everything on a host that a container engine makes and may forget, as lines of text. */
export type HostState = {
  readonly mounts: readonly string[]
  readonly namespaces: readonly string[]
  readonly links: readonly string[]
  readonly tables: readonly string[]
  readonly cgroups: readonly string[]
  readonly processes: readonly string[]
}

const output = (file: string, ...args: string[]): string =>
  execFileSync(file, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
  })

const lines = (text: string): string[] => text.split('\n').filter(Boolean)

const entries = (directory: string): string[] => {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

const cgroupsBelow = (directory: string, depth = 6): string[] => {
  const found: string[] = []
  let children: string[] = []
  try {
    children = readdirSync(directory, { withFileTypes: true }).flatMap(entry =>
      entry.isDirectory() ? [entry.name] : [],
    )
  } catch {
    // It went while it was read.
  }
  for (const name of children) {
    found.push(join(directory, name), ...(depth > 1 ? cgroupsBelow(join(directory, name), depth - 1) : []))
  }
  return found
}

const processes = (): string[] =>
  entries('/proc').flatMap(pid => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return []
    try {
      const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim()
      const state = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '')[0]
      return argv === '' || state === 'Z' ? [] : [`${pid} ${argv}`]
    } catch {
      return []
    }
  })

export const readHostState = (): HostState => ({
  mounts: lines(readFileSync('/proc/self/mountinfo', 'utf8')).map(line => line.split(' ')[4] ?? ''),
  namespaces: ['/run/netns', '/var/run/docker/netns'].flatMap(folder =>
    entries(folder).map(name => join(folder, name)),
  ),
  links: entries('/sys/class/net'),
  tables: lines(output('nft', 'list', 'tables')),
  cgroups: cgroupsBelow('/sys/fs/cgroup'),
  processes: processes(),
})

const KINDS = ['mounts', 'namespaces', 'links', 'tables', 'cgroups', 'processes'] as const

/**
 * What in a host's state speaks of one of these words (paths, container ids, names of links): `link tare0`.
 * An nft table has its rules as its text, since its name alone may say nothing.
 */
export const remainsOf = (words: readonly string[], state: HostState = readHostState()): string[] => {
  const speaksOf = (text: string) => words.some(word => word !== '' && text.includes(word))
  const found: string[] = []
  const rules = rulesByTable()
  for (const kind of KINDS) {
    for (const item of state[kind]) {
      const text = kind === 'tables' ? `${item} ${rules.get(item) ?? ''}` : item
      if (speaksOf(text)) found.push(`${kind.replace(/sses$/, 'ss').replace(/s$/, '')} ${item}`)
    }
  }
  return found
}

/** The rules of each table. In one question that names none: another test would take the question for something left behind. */
const rulesByTable = (): Map<string, string> => {
  const blocks = output('nft', 'list', 'ruleset').split(/^(?=table )/m)
  return new Map(blocks.map(block => [block.slice(0, block.indexOf('{')).trim(), block]))
}

/** What is there now and was not before. Processes are left out: on a host of many others they come and go. */
export const difference = (before: HostState, after: HostState): string[] =>
  KINDS.filter(kind => kind !== 'processes').flatMap(kind => {
    const known = new Set(before[kind])
    return after[kind].filter(item => !known.has(item)).map(item => `${kind.replace(/s$/, '')} ${item}`)
  })
