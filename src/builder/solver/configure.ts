import type { ExecutionConfig, HealthConfig } from '../../oci/image-config.ts'
import { SyntaxProblem } from '../dockerfile/dockerfile-error.ts'
import { expandWord, expandWords } from '../dockerfile/expand.ts'
import { formatGoDuration } from '../dockerfile/go-duration.ts'
import type {
  ArgDefault,
  CommandForm,
  CopyInstruction,
  Instruction,
  RunInstruction,
} from '../dockerfile/instruction.ts'
import { parseExposed } from './expose.ts'
import { type StageState, shellOf } from './stage-state.ts'
import { type Args, type BuildInput, declareArgs, lookupIn, withVariable } from './step-environment.ts'
import { checkStopSignal } from './stop-signal.ts'

/** An instruction that changes the configuration and no file. */
export type ConfigInstruction = Exclude<Instruction, RunInstruction | CopyInstruction | { readonly keyword: 'WORKDIR' }>

/** What such a step does, and how the classic builder tells of it in the history. */
export type Configured = { readonly comment: string } & Pick<StageState, 'config' | 'args' | 'author' | 'hasCmd'>

/** @throws SyntaxProblem */
export const configure = (
  instruction: ConfigInstruction,
  state: StageState,
  globals: Args,
  input: BuildInput,
): Configured => {
  const { config, args, author, hasCmd } = state
  const env = config.Env ?? []
  const lookup = lookupIn(env, args)
  const expand = (text: string): string => expandWord(text, lookup, input.escape)
  const same = { config, args, author, hasCmd }
  const { keyword } = instruction
  switch (keyword) {
    case 'ENV': {
      // All values are worked out before any is set: one cannot use another of the same instruction.
      const pairs = instruction.pairs.map(({ name, value }) => ({ name: expand(name), value: expand(value) }))
      if (pairs.some(({ name }) => name === '')) throw new SyntaxProblem('ENV names can not be blank')
      const Env = pairs.reduce<readonly string[]>((entries, { name, value }) => withVariable(entries, name, value), env)
      return { ...same, config: { ...config, Env }, comment: `ENV ${joinPairs(pairs)}` }
    }
    case 'LABEL': {
      const pairs = instruction.pairs.map(({ name, value }) => ({ name: expand(name), value: expand(value) }))
      if (pairs.some(({ name }) => name === '')) throw new SyntaxProblem('LABEL names can not be blank')
      const Labels = { ...config.Labels, ...Object.fromEntries(pairs.map(({ name, value }) => [name, value])) }
      return { ...same, config: { ...config, Labels }, comment: `LABEL ${joinPairs(pairs)}` }
    }
    case 'ARG':
      return {
        ...same,
        args: declareArgs(instruction, args, env, globals, input),
        comment: `ARG ${joinArgs(instruction.args)}`,
      }
    case 'USER': {
      const User = expand(instruction.user)
      return { ...same, config: { ...config, User }, comment: `USER ${User}` }
    }
    case 'STOPSIGNAL': {
      const StopSignal = checkStopSignal(expand(instruction.signal))
      return { ...same, config: { ...config, StopSignal }, comment: `STOPSIGNAL ${StopSignal}` }
    }
    case 'EXPOSE': {
      const specs = instruction.ports.flatMap(port => expandWords(port, lookup, input.escape)).sort()
      const ports = specs.flatMap(parseExposed).map(port => [port, {}] as const)
      return {
        ...same,
        config: { ...config, ExposedPorts: sorted({ ...config.ExposedPorts, ...Object.fromEntries(ports) }) },
        comment: `EXPOSE ${specs.join(' ')}`,
      }
    }
    case 'VOLUME': {
      const paths = instruction.paths.map(expand)
      if (paths.some(path => path === '')) throw new SyntaxProblem('VOLUME specified can not be an empty string')
      const volumes = paths.map(path => [path, {}] as const)
      return {
        ...same,
        config: { ...config, Volumes: { ...config.Volumes, ...Object.fromEntries(volumes) } },
        comment: `VOLUME [${paths.join(' ')}]`,
      }
    }
    case 'CMD': {
      const Cmd = commandLine(instruction.command, config)
      return { ...same, hasCmd: true, config: { ...config, Cmd }, comment: `CMD ${quoteList(Cmd)}` }
    }
    case 'ENTRYPOINT': {
      const Entrypoint = commandLine(instruction.command, config)
      const { Cmd: _, ...withoutCmd } = config
      // A base image's CMD was meant as arguments of the base image's ENTRYPOINT.
      return {
        ...same,
        config: { ...(hasCmd ? config : withoutCmd), Entrypoint },
        comment: `ENTRYPOINT ${quoteList(Entrypoint)}`,
      }
    }
    case 'SHELL':
      return {
        ...same,
        config: { ...config, Shell: instruction.shell },
        comment: `SHELL [${instruction.shell.join(' ')}]`,
      }
    case 'HEALTHCHECK':
      return {
        ...same,
        config: { ...config, Healthcheck: instruction.health },
        comment: `HEALTHCHECK ${formatHealth(instruction.health)}`,
      }
    case 'ONBUILD':
      return {
        ...same,
        config: { ...config, OnBuild: [...(config.OnBuild ?? []), instruction.trigger] },
        comment: `ONBUILD ${instruction.trigger}`,
      }
    case 'MAINTAINER':
      return { ...same, author: instruction.author, comment: `MAINTAINER ${instruction.author}` }
  }
}

/** The words of a command: those of the shell form are one argument of the shell. */
export const commandLine = (command: CommandForm, config: ExecutionConfig): readonly string[] => {
  if (command.form === 'exec') return command.args
  return command.text === '' ? shellOf(config) : [...shellOf(config), command.text]
}

const joinPairs = (pairs: readonly { readonly name: string; readonly value: string }[]): string =>
  pairs.map(({ name, value }) => `${name}=${value}`).join(' ')

const joinArgs = (args: readonly ArgDefault[]): string =>
  args.map(({ name, value }) => (value === undefined ? name : `${name}=${value}`)).join(' ')

/** As Go prints a list of quoted strings. */
const quoteList = (words: readonly string[]): string => `[${words.map(word => JSON.stringify(word)).join(' ')}]`

const formatHealth = ({
  Test = [],
  Interval = 0,
  Timeout = 0,
  StartPeriod = 0,
  StartInterval = 0,
  Retries = 0,
}: HealthConfig): string => {
  const durations = [Interval, Timeout, StartPeriod, StartInterval].map(formatGoDuration)
  return `&{[${Test.join(' ')}] ${durations.join(' ')} ${Retries}}`
}

const sorted = <Value>(record: Record<string, Value>): Record<string, Value> =>
  Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)))
