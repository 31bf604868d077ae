import type { Plan } from './plan.ts'

/**
 * What the steps of a plan copy from the main context, wildcards as they are written, as far as no variables name it: those are known
 * only when it is their turn. Undefined: nothing is copied from there.
 */
export const wantedPaths = ({ stages }: Plan): string[] | undefined => {
  const sources = stages.flatMap(({ steps }) =>
    steps.flatMap(({ instruction }) =>
      (instruction.keyword === 'COPY' || instruction.keyword === 'ADD') && instruction.from === undefined
        ? instruction.sources.filter(source => !/^(?:[a-z][a-z0-9+.-]*:\/\/|git@)/.test(source))
        : [],
    ),
  )
  return sources.length === 0 ? undefined : [...new Set(sources.filter(source => !source.includes('$')))]
}
