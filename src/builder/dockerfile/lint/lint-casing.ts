import type { FromInstruction, Instruction } from '../instruction.ts'
import type { LintCollector } from './lint.ts'

type Written = Instruction | FromInstruction

const RESERVED = ['context', 'scratch']

/** What can be said of an instruction that stands alone. */
export const lintInstruction = (instruction: Written, collector: LintCollector): void => {
  switch (instruction.keyword) {
    case 'MAINTAINER':
      collector.add('MaintainerDeprecated', instruction, 'Maintainer instruction is deprecated in favor of using label')
      return
    case 'ARG':
      return lintDescription(
        instruction,
        instruction.args.map(({ name }) => name),
        collector,
      )
    case 'FROM':
      lintFrom(instruction, collector)
      return lintDescription(instruction, instruction.name === undefined ? [] : [instruction.name], collector)
  }
}

/** How the instruction's name is written. */
export const writtenKeyword = ({ original }: Written): string => /^[^\t\v\f\r ]*/.exec(original.trim())?.[0] ?? ''

const lintFrom = (instruction: FromInstruction, collector: LintCollector): void => {
  const words = instruction.original.trim().split(/[\t\v\f\r ]+/)
  const [as, name] = instruction.name === undefined ? [] : words.slice(-2)
  if (as === undefined || name === undefined) return
  if (name !== name.toLowerCase())
    collector.add('StageNameCasing', instruction, `Stage name '${name}' should be lowercase`)
  const from = writtenKeyword(instruction)
  if (caseOf(from) !== undefined && caseOf(as) !== caseOf(from))
    collector.add('FromAsCasing', instruction, `'${as}' and '${from}' keywords' casing do not match`)
}

/** A comment right above may describe the stage or argument; then it begins with its name. */
const lintDescription = (instruction: Written, names: readonly string[], collector: LintCollector): void => {
  const comment = instruction.comments?.at(-1)
  const [name, ...more] = names
  if (comment === undefined || name === undefined || names.includes(comment.split(' ', 1)[0] ?? '')) return
  const example = more.length === 0 ? name : '<arg_key>'
  collector.add(
    'InvalidDefinitionDescription',
    instruction,
    `Comment for ${instruction.keyword} should follow the format: \`# ${example} <description>\``,
  )
}

export const lintStageNames = (stages: readonly FromInstruction[], collector: LintCollector): void => {
  const seen = new Set<string>()
  for (const { name, range } of stages) {
    if (name === undefined) continue
    if (RESERVED.includes(name))
      collector.add(
        'ReservedStageName',
        { range },
        `Stage name should not use the same name as reserved stage ${JSON.stringify(name)}`,
      )
    if (seen.has(name))
      collector.add(
        'DuplicateStageName',
        { range },
        `Duplicate stage name ${JSON.stringify(name)}, stage names should be unique`,
      )
    seen.add(name)
  }
}

/** All of them in the case that most have. */
export const lintKeywordCasing = (instructions: readonly Written[], collector: LintCollector): void => {
  const cases = instructions.map(instruction => caseOf(writtenKeyword(instruction)))
  const lower = cases.filter(written => written === 'lowercase').length
  const upper = cases.filter(written => written === 'uppercase').length
  const majority = lower > upper ? 'lowercase' : 'uppercase'
  for (const [index, instruction] of instructions.entries()) {
    if (cases[index] === majority) continue
    collector.add(
      'ConsistentInstructionCasing',
      { range: instruction.range },
      `Command '${writtenKeyword(instruction)}' should match the case of the command majority (${majority})`,
    )
  }
}

const caseOf = (word: string): 'lowercase' | 'uppercase' | undefined => {
  if (word === word.toLowerCase()) return 'lowercase'
  return word === word.toUpperCase() ? 'uppercase' : undefined
}
