import { posix } from 'node:path'
import type { CopyInstruction } from '../instruction.ts'
import type { LintCollector } from './lint.ts'

const REMOTE = /^(?:https?:\/\/|git:\/\/|ssh:\/\/|git@)/

/** Sources in the context that `.dockerignore` keeps out of it. */
export const lintSources = (
  instruction: CopyInstruction,
  sources: readonly string[],
  isIgnored: (path: string) => boolean,
  collector: LintCollector,
): void => {
  const verb = instruction.keyword === 'ADD' ? 'Add' : 'Copy'
  for (const source of sources) {
    if (instruction.keyword === 'ADD' && REMOTE.test(source)) continue
    const path = posix.normalize(source === '' ? '.' : source).replace(/(.)\/$/, '$1')
    if (!isIgnored(path)) continue
    const detail = `Attempting to ${verb} file ${JSON.stringify(path)} that is excluded by .dockerignore`
    collector.add('CopyIgnoredFile', instruction, detail)
  }
}
