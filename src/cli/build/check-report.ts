import type { CheckWarning } from '../../api/build-options.ts'
import type { Output } from '../output.ts'
import { excerptOf } from './failure-report.ts'
import type { BuildContext } from './open-context.ts'

/** What `--check` says of a Dockerfile. Gives the exit code: 1 when something was found. */
export const reportChecks = (
  warnings: readonly CheckWarning[],
  { text, shownName }: BuildContext['dockerfile'],
  output: Output,
): number => {
  if (warnings.length === 0) {
    output.line('Check complete, no warnings found.')
    return 0
  }
  const count = warnings.length === 1 ? '1 warning has' : `${warnings.length} warnings have`
  output.line(`Check complete, ${count} been found!`)
  for (const { rule, url, detail, start, end } of warnings) {
    output.write(`\nWARNING: ${rule}${url === '' ? '' : ` - ${url}`}\n${detail}\n`)
    output.write(excerptOf({ shownName, text }, start, end))
  }
  return 1
}
