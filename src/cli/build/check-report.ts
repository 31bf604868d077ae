import type { BuildResult } from '../../api/build-options.ts'
import type { Output } from '../output.ts'
import { excerptOf } from './failure-report.ts'
import type { BuildContext } from './open-context.ts'

/** The classic builder's words before a parser's, which `--check` does not show. */
const CLASSIC = /^failed to parse Dockerfile: /

/** What `--check` says of a Dockerfile. Gives the exit code: 1 when something was found. */
export const reportChecks = (
  { warnings = [], problem }: Pick<BuildResult, 'warnings' | 'problem'>,
  { text, shownName }: BuildContext['dockerfile'],
  output: Output,
  errors: Output,
): number => {
  if (warnings.length > 0) {
    const count = warnings.length === 1 ? '1 warning has' : `${warnings.length} warnings have`
    output.line(`Check complete, ${count} been found!`)
  } else if (problem === undefined) output.line('Check complete, no warnings found.')
  for (const { rule, url, detail, start, end } of warnings) {
    output.write(`\nWARNING: ${rule}${url === '' ? '' : ` - ${url}`}\n${detail}\n`)
    output.write(excerptOf({ shownName, text }, start, end))
  }
  if (problem !== undefined) {
    if (warnings.length > 0) output.line('')
    errors.write(`ERROR: ${problem.message.replace(CLASSIC, '')}\n`)
    errors.line(excerptOf({ shownName, text }, problem.start, problem.end))
  }
  return warnings.length > 0 || problem !== undefined ? 1 : 0
}
