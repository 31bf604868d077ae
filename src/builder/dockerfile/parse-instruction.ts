import { SyntaxProblem } from './dockerfile-error.ts'
import {
  type FlagKind,
  type Flags,
  flagBoolean,
  flagIsSet,
  flagValue,
  flagValues,
  parseFlags,
  splitFlags,
} from './flags.ts'
import { parseHealthcheck } from './healthcheck.ts'
import { parseOpening } from './heredoc.ts'
import type {
  ArgDefault,
  CommandForm,
  CopyInstruction,
  FromInstruction,
  Instruction,
  Keyword,
  RunInstruction,
} from './instruction.ts'
import type { LogicalLine } from './logical-lines.ts'
import { parseDevice } from './run-device.ts'
import { parseMountSpec } from './run-mount.ts'
import { suggestion } from './suggestion.ts'
import { parseJsonStrings, parsePairs, splitBlanks, splitWords } from './words.ts'

const FLAGS: Readonly<Record<Keyword, Readonly<Record<string, FlagKind>>>> = {
  FROM: { platform: 'string' },
  RUN: { mount: 'strings', network: 'string', security: 'string', device: 'strings' },
  COPY: { from: 'string', chown: 'string', chmod: 'string', link: 'boolean', parents: 'boolean', exclude: 'strings' },
  ADD: {
    chown: 'string',
    chmod: 'string',
    link: 'boolean',
    'keep-git-dir': 'boolean',
    checksum: 'string',
    exclude: 'strings',
    unpack: 'boolean',
  },
  HEALTHCHECK: {
    interval: 'string',
    timeout: 'string',
    'start-period': 'string',
    'start-interval': 'string',
    retries: 'string',
  },
  ENV: {},
  ARG: {},
  LABEL: {},
  WORKDIR: {},
  USER: {},
  STOPSIGNAL: {},
  EXPOSE: {},
  VOLUME: {},
  CMD: {},
  ENTRYPOINT: {},
  SHELL: {},
  ONBUILD: {},
  MAINTAINER: {},
}

const TAKES_JSON: ReadonlySet<string> = new Set(['ADD', 'CMD', 'COPY', 'ENTRYPOINT', 'RUN', 'SHELL', 'VOLUME'])

const STAGE_NAME = /^[a-z][a-z0-9-_.]*$/
const isKeyword = (word: string): word is Keyword => Object.hasOwn(FLAGS, word)

/** Reads one instruction. @throws SyntaxProblem in Docker's words */
export const parseInstruction = (line: LogicalLine, escape: string): Instruction | FromInstruction => {
  const { text, range, heredocs, comments } = line
  const [word, args] = splitKeyword(text)
  const keyword = word.toUpperCase()
  if (!isKeyword(keyword))
    throw new SyntaxProblem(`unknown instruction: ${word}${suggestion(word, Object.keys(FLAGS), false)}`)
  const { words, rest } = splitFlags(args, escape)
  const readFlags = (): Flags => parseFlags(words, FLAGS[keyword])
  const base = { original: text, range, ...(comments.length === 0 ? {} : { comments }) }
  switch (keyword) {
    case 'FROM': {
      const from = parseFrom(rest)
      return { ...base, keyword, ...from, platform: flagValue(readFlags(), 'platform') }
    }
    case 'ARG':
      return { ...base, keyword, args: parseArgs(rest, escape) }
    case 'RUN':
      return { ...base, keyword, command: parseCommand(rest), heredocs, ...parseRunFlags(readFlags()) }
    case 'COPY':
    case 'ADD': {
      const copy = parseCopy(keyword, rest, heredocs)
      return { ...base, keyword, ...copy.files(), ...parseCopyFlags(readFlags()) }
    }
    case 'ENV':
    case 'LABEL': {
      const read = parsePairs(rest, keyword, escape)
      readFlags()
      if (read.pairs.length === 0) throw atLeastOne(keyword)
      if (read.pairs.some(pair => pair.name === '')) throw new SyntaxProblem(`${keyword} names can not be blank`)
      return { ...base, keyword, ...read }
    }
    case 'WORKDIR':
    case 'USER':
    case 'MAINTAINER': {
      const argument = exactlyOne(keyword, rest)
      readFlags()
      if (keyword === 'WORKDIR') return { ...base, keyword, path: argument }
      return keyword === 'USER' ? { ...base, keyword, user: argument } : { ...base, keyword, author: argument }
    }
    case 'STOPSIGNAL':
      return { ...base, keyword, signal: exactlyOne(keyword, rest) }
    case 'EXPOSE': {
      const ports = splitBlanks(rest)
      if (ports.length === 0) throw atLeastOne(keyword)
      readFlags()
      return { ...base, keyword, ports }
    }
    case 'VOLUME': {
      const paths = (parseJsonStrings(rest) ?? splitBlanks(rest)).map(path => path.trim())
      if (paths.length === 0) throw atLeastOne(keyword)
      readFlags()
      if (paths.includes('')) throw new SyntaxProblem('VOLUME specified can not be an empty string')
      return { ...base, keyword, paths }
    }
    case 'CMD':
    case 'ENTRYPOINT': {
      const command = parseCommand(rest)
      readFlags()
      return { ...base, keyword, command }
    }
    case 'SHELL': {
      const shell = parseJsonStrings(rest)
      readFlags()
      if (rest === '' || shell?.length === 0) throw atLeastOne(keyword)
      if (shell === undefined) throw new SyntaxProblem('SHELL requires the arguments to be in JSON form')
      return { ...base, keyword, shell }
    }
    case 'HEALTHCHECK':
      return { ...base, keyword, health: parseHealthcheck(rest, readFlags) }
    case 'ONBUILD': {
      checkTrigger(rest, escape)
      readFlags()
      const documents = heredocs.map(({ raw, name }) => `\n${raw}${name}`).join('')
      return { ...base, keyword, trigger: text.replace(/^onbuild[\t\v\f\r ]*/i, '') + documents }
    }
  }
}

const splitKeyword = (text: string): [word: string, rest: string] => {
  const match = /^([^\t\v\f\r ]*)[\t\v\f\r ]*([^]*)$/.exec(text.trim())
  return [match?.[1] ?? '', match?.[2] ?? '']
}

const atLeastOne = (keyword: string): SyntaxProblem => new SyntaxProblem(`${keyword} requires at least one argument`)

const exactlyOne = (keyword: string, rest: string): string => {
  if (rest === '') throw new SyntaxProblem(`${keyword} requires exactly one argument`)
  return rest
}

const parseCommand = (rest: string): CommandForm => {
  const args = parseJsonStrings(rest)
  return args === undefined ? { form: 'shell', text: rest } : { form: 'exec', args }
}

const parseFrom = (rest: string): { image: string; name: string | undefined } => {
  const words = splitBlanks(rest)
  const [image, as, name] = words
  if (image === undefined || (words.length !== 1 && (words.length !== 3 || as?.toUpperCase() !== 'AS'))) {
    throw new SyntaxProblem('FROM requires either one or three arguments')
  }
  if (name !== undefined && !STAGE_NAME.test(name.toLowerCase())) {
    throw new SyntaxProblem(
      `invalid name for build stage: ${JSON.stringify(name)}, name can't start with a number or contain symbols`,
    )
  }
  return { image, name: name?.toLowerCase() }
}

const parseArgs = (rest: string, escape: string): ArgDefault[] => {
  const words = splitWords(rest, escape)
  if (words.length === 0) throw atLeastOne('ARG')
  return words.map(word => {
    const equals = word.indexOf('=')
    if (equals === 0) throw new SyntaxProblem('ARG names can not be blank')
    return equals < 0
      ? { name: word, value: undefined }
      : { name: word.slice(0, equals), value: word.slice(equals + 1) }
  })
}

type CopyFiles = Pick<CopyInstruction, 'sources' | 'destination' | 'heredocs'>

/** The number of words is checked at once, what they are only when the flags are known to be right. */
const parseCopy = (
  keyword: 'COPY' | 'ADD',
  rest: string,
  heredocs: LogicalLine['heredocs'],
): { readonly files: () => CopyFiles } => {
  const words = parseJsonStrings(rest) ?? splitBlanks(rest)
  const destination = words.at(-1)
  if (words.length < 2 || destination === undefined) {
    throw new SyntaxProblem(
      `${keyword} requires at least two arguments, but only one was provided. Destination could not be determined`,
    )
  }
  const files = (): CopyFiles => {
    if (parseOpening(destination) !== undefined)
      throw new SyntaxProblem(`${keyword} cannot accept a heredoc as a destination`)
    return {
      sources: words.slice(0, -1).filter(word => parseOpening(word) === undefined),
      destination,
      heredocs,
    }
  }
  return { files }
}

const parseCopyFlags = (flags: Flags): Omit<CopyInstruction, keyof CopyFiles | 'keyword' | 'original' | 'range'> => ({
  from: flagValue(flags, 'from') || undefined,
  chown: flagValue(flags, 'chown') || undefined,
  chmod: flagValue(flags, 'chmod') || undefined,
  link: flagIsSet(flags, 'link'),
  parents: flagIsSet(flags, 'parents'),
  exclude: flagValues(flags, 'exclude'),
  checksum: flagValue(flags, 'checksum') || undefined,
  keepGitDir: flagBoolean(flags, 'keep-git-dir'),
  unpack: flagBoolean(flags, 'unpack'),
})

const parseRunFlags = (flags: Flags): Pick<RunInstruction, 'network' | 'security' | 'mounts' | 'devices'> => {
  const devices = flagValues(flags, 'device').map(parseDevice)
  const mounts = flagValues(flags, 'mount').map(parseMountSpec)
  const network = flagValue(flags, 'network')
  if (network !== undefined && network !== 'default' && network !== 'none' && network !== 'host')
    throw new SyntaxProblem(`invalid network mode ${JSON.stringify(network)}`)
  const security = flagValue(flags, 'security') ?? 'sandbox'
  if (security !== 'sandbox' && security !== 'insecure')
    throw new SyntaxProblem(`security ${JSON.stringify(security)} is not valid`)
  return { network, security, mounts, devices }
}

/** A trigger is read when it fires; what can be seen to be wrong without knowing its instruction is said at once. */
const checkTrigger = (rest: string, escape: string): void => {
  if (rest === '') throw atLeastOne('ONBUILD')
  const [word, args] = splitKeyword(rest)
  const keyword = word.toUpperCase()
  const { rest: argument } = splitFlags(args, escape)
  if (keyword === 'ENV' || keyword === 'LABEL') parsePairs(argument, keyword, escape)
  else if (TAKES_JSON.has(keyword)) parseJsonStrings(argument)
  if (keyword === 'ONBUILD') throw new SyntaxProblem("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
  if (keyword === 'FROM' || keyword === 'MAINTAINER') {
    throw new SyntaxProblem(`${keyword} isn't allowed as an ONBUILD trigger`)
  }
}
