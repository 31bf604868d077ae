import { expandWord, type Lookup } from '../dockerfile/expand.ts'
import type { ArgInstruction } from '../dockerfile/instruction.ts'

export type Args = ReadonlyMap<string, string | undefined>

/** Usable in RUN without an ARG; they stay out of history and cache keys. */
const PROXIES = ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'NO_PROXY', 'ALL_PROXY'].flatMap(name => [
  name,
  name.toLowerCase(),
])

/** They speak to the builder, not to a RUN. */
const NOT_IN_RUN = ['BUILDKIT_SBOM_SCAN_CONTEXT', 'BUILDKIT_SBOM_SCAN_STAGE']

/** Given to a build without an ARG for them. https://docs.docker.com/build/building/variables/#buildkit-built-in-build-args */
const BUILT_IN = /^(?:BUILDKIT_.*|SOURCE_DATE_EPOCH)$/

/** What the whole build was given from outside. */
export type BuildInput = {
  readonly buildArgs: Readonly<Record<string, string>>
  readonly predefined: Readonly<Record<string, string>>
  readonly escape: string
}

/** A predefined argument: what the build was given comes before what is so. */
export const predefinedValue = (name: string, { buildArgs, predefined }: BuildInput): string | undefined =>
  predefined[name] === undefined ? undefined : (buildArgs[name] ?? predefined[name])

/** The ARGs before the first FROM: their defaults may name one another. */
export const globalScope = (instructions: readonly ArgInstruction[], input: BuildInput): Args => {
  const args = new Map<string, string | undefined>()
  const lookup: Lookup = name => args.get(name) ?? predefinedValue(name, input)
  for (const { args: declared } of instructions) {
    for (const { name, value } of declared) {
      args.set(
        name,
        input.buildArgs[name] ?? (value === undefined ? undefined : expandWord(value, lookup, input.escape)),
      )
    }
  }
  return args
}

/** What one more ARG instruction adds to a stage's arguments. */
export const declareArgs = (
  instruction: ArgInstruction,
  args: Args,
  env: readonly string[],
  globals: Args,
  input: BuildInput,
): Args => {
  const next = new Map(args)
  const lookup = lookupIn(env, next)
  for (const { name, value } of instruction.args) {
    const given = input.buildArgs[name]
    const fallback =
      value === undefined
        ? (globals.get(name) ?? predefinedValue(name, input))
        : expandWord(value, lookup, input.escape)
    next.set(name, given ?? fallback)
  }
  return next
}

/** A variable as an instruction sees it: ENV comes before ARG. */
export const lookupIn =
  (env: readonly string[], args: Args): Lookup =>
  name =>
    environmentValue(env, name) ?? args.get(name)

export const environmentValue = (env: readonly string[], name: string): string | undefined =>
  env.findLast(entry => entry.startsWith(`${name}=`))?.slice(name.length + 1)

/** `entries` with the variable set: in the place it had, or at the end. */
export const withVariable = (env: readonly string[], name: string, value: string): string[] => {
  const entry = `${name}=${value}`
  const at = env.findIndex(candidate => candidate.startsWith(`${name}=`))
  return at < 0 ? [...env, entry] : env.with(at, entry)
}

/** The declared arguments that reach a RUN, sorted: those that have a value and no ENV over them. */
export const effectiveArgs = (args: Args, env: readonly string[]): string[] =>
  [...args]
    .filter(
      ([name, value]) => value !== undefined && !NOT_IN_RUN.includes(name) && environmentValue(env, name) === undefined,
    )
    .map(([name, value]) => `${name}=${value}`)
    .sort()

/** The proxies given to the build that are not declared, which RUN gets silently. */
export const proxyArgs = (buildArgs: Readonly<Record<string, string>>, args: Args, env: readonly string[]): string[] =>
  PROXIES.filter(
    name => buildArgs[name] !== undefined && !args.has(name) && environmentValue(env, name) === undefined,
  ).map(name => `${name}=${buildArgs[name]}`)

/** Build arguments that nothing declares. */
export const unusedBuildArgs = (given: Readonly<Record<string, string>>, declared: ReadonlySet<string>): string[] =>
  Object.keys(given)
    .filter(name => !declared.has(name) && !PROXIES.includes(name) && !BUILT_IN.test(name))
    .sort()
