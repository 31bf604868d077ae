import { SyntaxProblem } from './dockerfile-error.ts'
import { type FlagKind, flagValue, parseFlags, splitFlags } from './flags.ts'
import { parseHealthcheck } from './healthcheck.ts'
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

/** Understood by the parser, not yet by the solver: said at once, before anything runs. */
const LATER: Readonly<Partial<Record<Keyword, readonly string[]>>> = {
  RUN: ['mount', 'security', 'device'],
  COPY: ['parents', 'exclude'],
  ADD: ['exclude', 'keep-git-dir', 'checksum', 'unpack'],
}

const STAGE_NAME = /^[a-z][a-z0-9-_.]*$/
const isKeyword = (word: string): word is Keyword => Object.hasOwn(FLAGS, word)

/** Reads one instruction. @throws SyntaxProblem in Docker's words */
export const parseInstruction = (line: LogicalLine, escape: string): Instruction | FromInstruction => {
  const { text, range, heredocs } = line
  const match = /^(\S+)\s*([^]*)$/.exec(text)
  const word = match?.[1] ?? ''
  const keyword = word.toUpperCase()
  if (!isKeyword(keyword))
    throw new SyntaxProblem(`unknown instruction: ${word}${suggestion(word, Object.keys(FLAGS))}`)
  // A trigger keeps its own flags; they are read when it fires.
  const takesFlags = keyword !== 'ONBUILD' && keyword !== 'CMD' && keyword !== 'ENTRYPOINT'
  const { words, rest } = takesFlags
    ? splitFlags(match?.[2] ?? '', escape)
    : { words: [], rest: (match?.[2] ?? '').trim() }
  const flags = parseFlags(words, FLAGS[keyword])
  for (const name of LATER[keyword] ?? []) {
    if (flags.has(name)) throw new SyntaxProblem(`the --${name} option of ${keyword} is not supported yet`)
  }
  const base = { original: text, range }
  switch (keyword) {
    case 'FROM':
      return { ...base, keyword, ...parseFrom(rest), platform: flagValue(flags, 'platform') }
    case 'ARG':
      return { ...base, keyword, args: parseArgs(rest, escape) }
    case 'RUN': {
      const network = flagValue(flags, 'network')
      if (network !== undefined && network !== 'default' && network !== 'none' && network !== 'host') {
        throw new SyntaxProblem(`invalid network mode: ${JSON.stringify(network)}`)
      }
      return { ...base, keyword, command: parseCommand(rest), heredocs, network } satisfies RunInstruction
    }
    case 'COPY':
    case 'ADD':
      return {
        ...base,
        keyword,
        ...parseCopy(keyword, rest, heredocs),
        from: flagValue(flags, 'from'),
        chown: flagValue(flags, 'chown'),
        chmod: flagValue(flags, 'chmod'),
      } satisfies CopyInstruction
    case 'ENV':
    case 'LABEL': {
      if (rest === '') throw atLeastOne(keyword)
      const pairs = parsePairs(rest, keyword, escape)
      if (pairs.some(pair => pair.name === '')) throw new SyntaxProblem(`${keyword} names can not be blank`)
      return { ...base, keyword, pairs }
    }
    case 'WORKDIR':
      return { ...base, keyword, path: exactlyOne(keyword, rest) }
    case 'USER':
      return { ...base, keyword, user: exactlyOne(keyword, rest) }
    case 'STOPSIGNAL':
      return { ...base, keyword, signal: exactlyOne(keyword, rest) }
    case 'MAINTAINER':
      return { ...base, keyword, author: exactlyOne(keyword, rest) }
    case 'EXPOSE': {
      const ports = splitBlanks(rest)
      if (ports.length === 0) throw atLeastOne(keyword)
      return { ...base, keyword, ports }
    }
    case 'VOLUME': {
      const paths = parseJsonStrings(rest) ?? splitBlanks(rest)
      if (paths.length === 0) throw atLeastOne(keyword)
      if (paths.some(path => path.trim() === '')) throw new SyntaxProblem('VOLUME specified can not be an empty string')
      return { ...base, keyword, paths }
    }
    case 'CMD':
    case 'ENTRYPOINT':
      return { ...base, keyword, command: parseCommand(rest) }
    case 'SHELL': {
      const shell = parseJsonStrings(rest)
      if (shell === undefined) throw new SyntaxProblem('SHELL requires the arguments to be in JSON form')
      if (shell.length === 0) throw atLeastOne(keyword)
      return { ...base, keyword, shell }
    }
    case 'HEALTHCHECK':
      return { ...base, keyword, health: parseHealthcheck(rest, flags) }
    case 'ONBUILD':
      return {
        ...base,
        keyword,
        trigger: parseTrigger(rest) + heredocs.map(({ raw, name }) => `\n${raw}${name}`).join(''),
      }
  }
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

const parseCopy = (
  keyword: 'COPY' | 'ADD',
  rest: string,
  heredocs: LogicalLine['heredocs'],
): Pick<CopyInstruction, 'sources' | 'destination' | 'heredocs'> => {
  const words = parseJsonStrings(rest) ?? splitBlanks(rest)
  const destination = words.at(-1)
  if (words.length < 2 || destination === undefined) {
    throw new SyntaxProblem(
      `${keyword} requires at least two arguments, but only one was provided. Destination could not be determined`,
    )
  }
  const openings = new Set(
    heredocs.flatMap(({ name, chomp }) => ['', '"', "'"].map(q => `<<${chomp ? '-' : ''}${q}${name}${q}`)),
  )
  return { sources: words.slice(0, -1).filter(word => !openings.has(word)), destination, heredocs }
}

const parseTrigger = (rest: string): string => {
  const keyword = splitBlanks(rest)[0]?.toUpperCase()
  if (keyword === undefined) throw atLeastOne('ONBUILD')
  if (keyword === 'ONBUILD') throw new SyntaxProblem("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
  if (keyword === 'FROM' || keyword === 'MAINTAINER') {
    throw new SyntaxProblem(`${keyword} isn't allowed as an ONBUILD trigger`)
  }
  return rest
}
