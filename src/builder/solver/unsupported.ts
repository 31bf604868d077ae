import { invalidArgument } from '../../errdefs.ts'
import { SyntaxProblem } from '../dockerfile/dockerfile-error.ts'
import type { Instruction } from '../dockerfile/instruction.ts'

/** Refuses what the language has and the solver cannot do yet, before anything runs. @throws SyntaxProblem */
export const refuseUnsupported = (instruction: Instruction): void => {
  const { keyword } = instruction
  for (const option of unsupportedOptions(instruction))
    throw new SyntaxProblem(`the --${option} option of ${keyword} is not supported yet`)
}

/** The same for what a base image left. @throws InvalidArgument */
export const refuseTrigger = (instruction: Instruction): void => {
  for (const option of unsupportedOptions(instruction))
    throw invalidArgument(`ONBUILD: the --${option} option of ${instruction.keyword} is not supported yet`)
}

const unsupportedOptions = (instruction: Instruction): readonly string[] => {
  switch (instruction.keyword) {
    case 'RUN': {
      return given({ device: instruction.devices.length > 0 })
    }
    default:
      return []
  }
}

const given = (options: Readonly<Record<string, boolean>>): readonly string[] =>
  Object.keys(options).filter(name => options[name])
