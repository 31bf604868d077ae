import { posix } from 'node:path'
import { invalidArgument } from '../errdefs.ts'
import type { ExecutionConfig } from '../oci/image-config.ts'
import { DockerfileError } from './dockerfile/dockerfile-error.ts'
import type { Instruction } from './dockerfile/instruction.ts'
import { parseDockerfile } from './dockerfile/parse-dockerfile.ts'
import { type ConfigInstruction, configure } from './solver/configure.ts'
import { scratchState } from './solver/stage-state.ts'

const ALLOWED: ReadonlySet<string> = new Set([
  'CMD', 'ENTRYPOINT', 'ENV', 'EXPOSE', 'HEALTHCHECK', 'LABEL', 'ONBUILD', 'STOPSIGNAL', 'USER', 'VOLUME', 'WORKDIR',
]) // biome-ignore format: a list

const INPUT = { buildArgs: {}, predefined: {}, escape: '\\' }

/** What `--change` of import and commit does: each is one instruction that touches no file. Throws InvalidArgument. */
export const applyChanges = (config: ExecutionConfig, changes: readonly string[]): ExecutionConfig => {
  let state = { ...scratchState(), config }
  for (const instruction of parseChanges(changes)) {
    if (!ALLOWED.has(instruction.keyword)) throw invalidArgument(`${instruction.keyword} is not a valid change command`)
    if (instruction.keyword === 'WORKDIR') {
      state = {
        ...state,
        config: { ...state.config, WorkingDir: posix.resolve(state.config.WorkingDir || '/', instruction.path) },
      }
    } else state = { ...state, ...configure(instruction as ConfigInstruction, state, new Map(), INPUT) }
  }
  return state.config
}

const parseChanges = (changes: readonly string[]): readonly Instruction[] => {
  try {
    return parseDockerfile(['FROM scratch', ...changes].join('\n'), 'changes').stages.flatMap(
      ({ index, instructions }) => {
        if (index > 0) throw invalidArgument('FROM is not a valid change command')
        return instructions
      },
    )
  } catch (error) {
    if (error instanceof DockerfileError) {
      const unknown = /unknown instruction: (\S+)/.exec(error.reason)?.[1]
      if (unknown !== undefined) throw invalidArgument(`${unknown} is not a valid change command`, { cause: error })
      throw invalidArgument(error.reason.replace(/ on line \d+/, ''), { cause: error })
    }
    throw error
  }
}
