import { parseDirectives } from './directives.ts'
import type { Dockerfile, Stage } from './dockerfile.ts'
import { DockerfileError, SyntaxProblem } from './dockerfile-error.ts'
import type { ArgInstruction, FromInstruction, Instruction } from './instruction.ts'
import { type LogicalLine, splitLogicalLines } from './logical-lines.ts'
import { parseInstruction } from './parse-instruction.ts'
import type { SourceRange } from './source-range.ts'

/**
 * Reads a whole Dockerfile. `file` is the name that errors give.
 * @throws DockerfileError
 */
export const parseDockerfile = (text: string, file = 'Dockerfile'): Dockerfile => {
  const source = text.replace(/^\uFEFF/, '')
  const lines = splitLines(source)
  const fail = (error: unknown, range?: SourceRange): never => {
    if (!(error instanceof SyntaxProblem)) throw error
    const place = error.range ?? range
    const reason = !error.located
      ? `failed to parse Dockerfile: ${error.message}`
      : place === undefined
        ? error.message
        : `dockerfile parse error on line ${place.start}: ${error.message}`
    throw new DockerfileError(reason, file, source, place)
  }
  if (source === '') throw new DockerfileError(`the Dockerfile (${file}) cannot be empty`, file, source, undefined)
  const directives = attempt(() => parseDirectives(lines), fail)
  const logical = attempt(() => splitLogicalLines(lines, directives.escape), fail)
  if (logical.length === 0) {
    throw new DockerfileError('failed to parse Dockerfile: file with no instructions', file, source, undefined)
  }
  const globalArgs: ArgInstruction[] = []
  const stages: (Stage & { instructions: Instruction[] })[] = []
  for (const line of logical) {
    const instruction = attempt(
      () => parseInstruction(line, directives.escape),
      error => fail(error, line.range),
    )
    const stage = stages.at(-1)
    if (instruction.keyword === 'FROM') {
      stages.push(newStage(stages.length, instruction))
    } else if (stage !== undefined) stage.instructions.push(instruction)
    else if (instruction.keyword === 'ARG') globalArgs.push(instruction)
    else throw new DockerfileError('no build stage in current context', file, source, line.range)
  }
  if (stages.length === 0)
    throw new DockerfileError('no build stage in current context', file, source, logical.at(-1)?.range)
  return { file, source, directives, globalArgs, stages, warnings: warn(logical) }
}

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
