import type { Plan } from './plan.ts'

/**
 * Paths of the main context that the steps of a plan copy, as far as that stands in the Dockerfile: what variables and wildcards
 * name is known only when it is its turn.
 */
export const wantedPaths = ({ stages }: Plan): string[] => [
  ...new Set(
    stages.flatMap(({ steps }) =>
      steps.flatMap(({ instruction }) => {
        if (instruction.keyword !== 'COPY' && instruction.keyword !== 'ADD') return []
        if (instruction.from !== undefined) return []
        return instruction.sources.filter(source => !/[$*?[\\]|^[a-z][a-z0-9+.-]*:\/\/|^git@/.test(source))
      }),
    ),
  ),
]
