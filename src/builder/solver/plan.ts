import { invalidArgument } from '../../errdefs.ts'
import type { Dockerfile, Stage } from '../dockerfile/dockerfile.ts'
import { DockerfileError, SyntaxProblem } from '../dockerfile/dockerfile-error.ts'
import { expandWord } from '../dockerfile/expand.ts'
import type { CopyInstruction, Instruction } from '../dockerfile/instruction.ts'
import { contextOrigin, type NamedContexts, type Origin } from './named-context.ts'
import { type Args, type BuildInput, globalScope, predefinedValue } from './step-environment.ts'
import { refuseUnsupported } from './unsupported.ts'

export type PlannedStep = {
  /** The number of its vertex, in the order of the Dockerfile. */
  readonly vertex: number
  readonly instruction: Instruction
  /** Of COPY --from. */
  readonly from: Origin | undefined
  /** Of RUN's mounts, one each. */
  readonly mountsFrom: readonly (Origin | undefined)[]
}

export type PlannedStage = {
  readonly index: number
  readonly vertex: number
  readonly stage: Stage
  readonly base: Origin
  readonly platform: string | undefined
  readonly steps: readonly PlannedStep[]
}

export type Vertex = { readonly name: string; readonly instruction: string; readonly line: number }

/** What a build will do: the stages that the target needs, and nothing else. */
export type Plan = {
  readonly dockerfile: Dockerfile
  readonly globals: Args
  /** In the order of the Dockerfile; the target is the last. */
  readonly stages: readonly PlannedStage[]
  readonly target: number
  readonly contexts: NamedContexts
  readonly vertices: readonly Vertex[]
}

/** Decides without touching anything. Throws DockerfileError, or InvalidArgument for an unknown target. */
export const planBuild = (
  dockerfile: Dockerfile,
  input: BuildInput,
  targetName: string,
  labels: Readonly<Record<string, string>>,
  contexts: NamedContexts = {},
): Plan => {
  const { stages } = dockerfile
  const globals = globalScope(dockerfile.globalArgs, input)
  const lookup = (name: string): string | undefined => globals.get(name) ?? predefinedValue(name, input)
  const target = targetName === '' ? stages.length - 1 : findStage(stages, targetName, stages.length)
  if (target === undefined) throw invalidArgument(`target stage ${JSON.stringify(targetName)} could not be found`)

  const bases = stages.map((stage): { base: Origin; platform: string | undefined } => {
    const { from } = stage
    const fail = (reason: string): never => failAt(dockerfile, reason, from)
    const expand = (text: string): string => {
      try {
        return expandWord(text, lookup, input.escape)
      } catch (error) {
        if (error instanceof SyntaxProblem) return fail(error.message)
        throw error
      }
    }
    const image = expand(from.image)
    if (image === '') return fail(`base name (${from.image}) should not be blank`)
    const platform = from.platform === undefined ? undefined : expand(from.platform)
    if (image === 'scratch') return { base: 'scratch', platform }
    const named = contextOrigin(image, contexts)
    if (named !== undefined) return { base: named, platform }
    // A name means the nearest stage before this one; numbers name images here.
    const earlier = stages.findLast(
      ({ index, name }) => index < stage.index && name !== undefined && name === image.toLowerCase(),
    )
    return { base: earlier === undefined ? { image } : { stage: earlier.index }, platform }
  })
  const copies = stages.map(stage => copyOrigins(dockerfile, stage, contexts))

  const needed = new Set<number>()
  const need = (index: number): void => {
    if (needed.has(index)) return
    needed.add(index)
    for (const origin of [bases[index]?.base, ...[...(copies[index]?.values() ?? [])].flat()]) {
      if (typeof origin === 'object' && 'stage' in origin) need(origin.stage)
    }
  }
  need(target)

  const vertices: Vertex[] = dockerfile.globalArgs.map(({ original, range }) => ({
    name: original,
    instruction: original,
    line: range.start,
  }))
  const planned = [...needed]
    .sort((a, b) => a - b)
    .map((index): PlannedStage => {
      const stage = stages[index] as Stage
      const { base, platform } = bases[index] as { base: Origin; platform: string | undefined }
      const instructions =
        index === target ? [...stage.instructions, ...labelInstructions(stage, labels)] : stage.instructions
      const label = needed.size === 1 && stage.name === undefined ? '' : `${stage.name ?? `stage-${index}`} `
      const add = ({ original, range }: Pick<Instruction, 'original' | 'range'>, position: number): number => {
        const name = `[${label}${position}/${instructions.length + 1}] ${original}`
        return vertices.push({ name, instruction: original, line: range.start }) - 1
      }
      return {
        index,
        vertex: add(stage.from, 1),
        stage,
        base,
        platform,
        steps: instructions.map((instruction, at) => ({
          vertex: add(instruction, at + 2),
          instruction,
          from: copies[index]?.get(instruction)?.[0],
          mountsFrom: instruction.keyword === 'RUN' ? (copies[index]?.get(instruction) ?? []) : [],
        })),
      }
    })
  return { dockerfile, globals, stages: planned, target, contexts, vertices }
}

/** What `--from` of a stage's COPYs names, and `from` of the mounts of its RUNs. */
const copyOrigins = (
  dockerfile: Dockerfile,
  stage: Stage,
  contexts: NamedContexts,
): Map<Instruction, readonly (Origin | undefined)[]> => {
  const origins = new Map<Instruction, readonly (Origin | undefined)[]>()
  for (const instruction of stage.instructions) {
    try {
      refuseUnsupported(instruction)
      const froms = namedFroms(instruction)
      if (froms.length === 0) continue
      origins.set(
        instruction,
        froms.map(from =>
          from === undefined ? undefined : copyOrigin(from, dockerfile.stages, stage.index, contexts),
        ),
      )
    } catch (error) {
      if (!(error instanceof SyntaxProblem)) throw error
      failAt(dockerfile, error.message, instruction)
    }
  }
  return origins
}

/** Whatever an instruction takes files from, as it is written; undefined: from the context, or nowhere. */
export const namedFroms = (instruction: Instruction): readonly (string | undefined)[] => {
  if (instruction.keyword === 'COPY') return [instruction.from]
  return instruction.keyword === 'RUN' ? instruction.mounts.map(({ from }) => from) : []
}

/** @throws SyntaxProblem in Docker's words */
export const copyOrigin = (
  from: string,
  stages: readonly Stage[],
  current: number,
  contexts: NamedContexts = {},
): Origin => {
  const named = contextOrigin(from, contexts)
  if (named !== undefined) return named
  if (/^\d+$/.test(from)) {
    const index = Number(from)
    if (index >= stages.length || index > current)
      throw new SyntaxProblem(`invalid from flag value ${from}: index out of bounds`)
    if (index === current) throw new SyntaxProblem(`invalid from flag value ${from}: refers to current build stage`)
    return { stage: index }
  }
  if (expandWord(from, () => undefined, '\\') !== from) {
    throw new SyntaxProblem(
      'variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround',
    )
  }
  const index = findStage(stages, from, current)
  if (index !== undefined) return { stage: index }
  if (stages[current]?.name === from.toLowerCase())
    throw new SyntaxProblem(`circular dependency detected on stage: ${from.toLowerCase()}`)
  if (stages.some(({ name }) => name === from.toLowerCase())) {
    const here = stages[current]?.name ?? `stage-${current}`
    throw new SyntaxProblem(
      `cannot copy from stage ${JSON.stringify(from)}, it needs to be defined before current stage ${JSON.stringify(here)}`,
    )
  }
  return { image: from }
}

/** A stage before `limit` by its name or number. */
const findStage = (stages: readonly Stage[], name: string, limit: number): number | undefined => {
  const found = stages.findLastIndex(stage => stage.index < limit && stage.name === name.toLowerCase())
  if (found >= 0) return found
  return /^\d+$/.test(name) && Number(name) < limit ? Number(name) : undefined
}

/** `--label`: a LABEL at the end for each, as the classic builder does. */
const labelInstructions = (stage: Stage, labels: Readonly<Record<string, string>>): Instruction[] =>
  Object.keys(labels)
    .sort()
    .map(name => ({
      keyword: 'LABEL',
      original: `LABEL ${name}=${labels[name]}`,
      range: stage.instructions.at(-1)?.range ?? stage.from.range,
      pairs: [{ name: quote(name), value: quote(labels[name] ?? '') }],
    }))

/** In single quotes nothing is expanded. */
const quote = (text: string): string =>
  text
    .split("'")
    .map(part => `'${part}'`)
    .join(`"'"`)

const failAt = (dockerfile: Dockerfile, reason: string, { range }: Pick<CopyInstruction, 'range'>): never => {
  throw new DockerfileError(reason, dockerfile.file, dockerfile.source, range)
}
