import { checkSyntax, type Directives, parseDirectives } from './directives.ts'
import type { Dockerfile, Stage } from './dockerfile.ts'
import { DockerfileError, SyntaxProblem } from './dockerfile-error.ts'
import type { ArgInstruction, FromInstruction, Instruction } from './instruction.ts'
import { type LogicalLine, splitLogicalLines } from './logical-lines.ts'
import { parseInstruction } from './parse-instruction.ts'
import type { SourceRange } from './source-range.ts'

export type ParseOptions = {
  /** BUILDKIT_SYNTAX: comes before the file's own `# syntax=`. */
  readonly syntax?: string
}

/**
 * Reads a whole Dockerfile. `file` is the name that errors give.
 * @throws DockerfileError
 */
export const parseDockerfile = (text: string, file = 'Dockerfile', options: ParseOptions = {}): Dockerfile => {
  const { dockerfile, error } = readDockerfile(text, file, options)
  if (dockerfile === undefined) throw error
  return dockerfile
}

/** As much of a Dockerfile as can be read: the Dockerfile, or what is wrong with it. */
export type ReadDockerfile = {
  readonly source: string
  /** Undefined when not even the lines could be told apart. */
  readonly directives: Directives | undefined
  /** Those before the first that is wrong. */
  readonly instructions: readonly (Instruction | FromInstruction)[]
  /** Where instructions end in which an empty line stood. */
  readonly emptyContinuations: readonly number[]
} & (
  | { readonly dockerfile: Dockerfile; readonly error: undefined }
  | { readonly dockerfile: undefined; readonly error: DockerfileError }
)

export const readDockerfile = (text: string, file: string, { syntax }: ParseOptions = {}): ReadDockerfile => {
  const source = text.replace(/^\uFEFF/, '')
  const outside = (range: SourceRange): DockerfileError =>
    new DockerfileError('no build stage in current context', file, source, range)
  const instructions: (Instruction | FromInstruction)[] = []
  let directives: Directives | undefined
  let logical: readonly LogicalLine[] = []
  let current: SourceRange | undefined
  try {
    if (source === '') throw new SyntaxProblem(`the Dockerfile (${file}) cannot be empty`)
    const lines = splitLines(source)
    const read = parseDirectives(lines)
    if (syntax !== undefined) checkSyntax(syntax)
    else if (read.syntax !== undefined) checkSyntax(read.syntax, read.syntaxRange)
    logical = splitLogicalLines(lines, read.escape)
    const last = logical.at(-1)
    if (last === undefined) {
      const range = { start: lines.length, end: lines.length }
      throw new SyntaxProblem('file with no instructions', { range, located: false })
    }
    directives = read
    let inStage = false
    for (const line of logical) {
      current = line.range
      const instruction = parseInstruction(line, read.escape)
      inStage ||= instruction.keyword === 'FROM'
      if (!inStage && instruction.keyword !== 'ARG') throw outside(instruction.range)
      instructions.push(instruction)
    }
    if (!inStage) throw outside(last.range)
    const emptyContinuations = emptyContinuationLines(logical)
    const known = { file, source, directives: read, warnings: warn(logical) }
    const dockerfile = { ...known, ...intoStages(instructions) }
    return { source, directives, instructions, emptyContinuations, dockerfile, error: undefined }
  } catch (problem) {
    const error = asError(problem, file, source, current)
    // The parser of lines goes through all of them before the first instruction is looked at.
    const unreadable = problem instanceof SyntaxProblem && !problem.located
    return {
      source,
      directives: unreadable ? undefined : directives,
      instructions: unreadable ? [] : instructions,
      emptyContinuations: unreadable ? [] : emptyContinuationLines(logical),
      dockerfile: undefined,
      error,
    }
  }
}

const asError = (problem: unknown, file: string, source: string, current: SourceRange | undefined): DockerfileError => {
  if (problem instanceof DockerfileError) return problem
  if (!(problem instanceof SyntaxProblem)) throw problem
  const place = problem.range ?? current
  const reason = !problem.located
    ? `failed to parse Dockerfile: ${problem.message}`
    : place === undefined
      ? problem.message
      : `dockerfile parse error on line ${place.start}: ${problem.message}`
  return new DockerfileError(reason, file, source, place)
}

const intoStages = (
  instructions: readonly (Instruction | FromInstruction)[],
): Pick<Dockerfile, 'globalArgs' | 'stages'> => {
  const globalArgs: ArgInstruction[] = []
  const stages: (Stage & { instructions: Instruction[] })[] = []
  for (const instruction of instructions) {
    const stage = stages.at(-1)
    if (instruction.keyword === 'FROM') stages.push(newStage(stages.length, instruction))
    else if (stage !== undefined) stage.instructions.push(instruction)
    else if (instruction.keyword === 'ARG') globalArgs.push(instruction)
  }
  return { globalArgs, stages }
}

const emptyContinuationLines = (logical: readonly LogicalLine[]): number[] =>
  logical.filter(line => line.emptyContinuation).map(({ textEnd }) => textEnd)

/** Reads what an ONBUILD of a base image left. */
export const parseTrigger = (trigger: string, range: SourceRange): Instruction => {
  const reject = (reason: string): never => {
    throw new DockerfileError(
      `failed to process ONBUILD trigger ${JSON.stringify(trigger)}: ${reason}`,
      'ONBUILD',
      trigger,
      undefined,
    )
  }
  return attempt(
    () => {
      const [line, more] = splitLogicalLines(splitLines(trigger), '\\')
      if (line === undefined || more !== undefined) return reject('not one instruction')
      const instruction = parseInstruction({ ...line, range }, '\\')
      return instruction.keyword === 'FROM' ? reject("FROM isn't allowed as an ONBUILD trigger") : instruction
    },
    error => {
      if (error instanceof SyntaxProblem) return reject(error.message)
      throw error
    },
  )
}

/** Without an empty line behind the last line end. */
const splitLines = (text: string): string[] => {
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines
}

const newStage = (index: number, from: FromInstruction): Stage & { instructions: Instruction[] } => ({
  index,
  name: from.name,
  from,
  instructions: [],
})

const attempt = <Result>(work: () => Result, fail: (error: unknown) => never): Result => {
  try {
    return work()
  } catch (error) {
    return fail(error)
  }
}

const warn = (logical: readonly LogicalLine[]): Dockerfile['warnings'] =>
  logical
    .filter(line => line.emptyContinuation)
    .map(({ text, range }) => ({
      message: `Empty continuation line found in: ${text}`,
      range,
    }))
