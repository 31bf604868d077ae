import type { SourceRange } from '../source-range.ts'
import type { LintReport } from './lint-dockerfile.ts'

const RULE = '--------------------'
/** The classic builder's, which `docker build --check` does not show. */
const CLASSIC = /^failed to parse Dockerfile: |(?<=^the Dockerfile )\(.*\) /s

/** What `docker build --check` prints. Its exit code is 1 when there are lints or an error. */
export const formatLints = ({ file, source, lints, error, failed }: LintReport): string => {
  const lines = source.split('\n')
  const parts: string[] = []
  const heading = checkHeading(lints.length)
  if (lints.length > 0 || error === undefined) parts.push(heading)
  for (const { rule, url, detail, range } of lints)
    parts.push(`\nWARNING: ${rule}${url === undefined ? '' : ` - ${url}`}\n${detail}\n${excerpt(file, lines, range)}`)
  const gap = lints.length > 0 ? '\n' : ''
  if (error !== undefined) {
    const where = error.range === undefined ? '' : excerpt(file, lines, error.range)
    parts.push(`${gap}ERROR: ${error.reason.replace(CLASSIC, '')}\n${where}\n`)
  } else if (failed) {
    const rules = new Set(lints.map(({ rule }) => rule))
    parts.push(`${gap}ERROR: lint violation found for rules: ${[...rules].join(', ')}\n\n`)
  }
  return parts.join('')
}

const checkHeading = (count: number): string => {
  if (count === 0) return 'Check complete, no warnings found.\n'
  return count === 1
    ? 'Check complete, 1 warning has been found!\n'
    : `Check complete, ${count} warnings have been found!\n`
}

/** Four lines around one line, two around several, as many as there are; more of those below when there are none above. */
const excerpt = (file: string, lines: readonly string[], range: SourceRange): string => {
  let { start, end } = { start: range.start, end: Math.min(range.end, lines.length) }
  const around = start === end ? 4 : 2
  for (let shown = 0; shown < around; shown++) {
    if (start > 1) {
      start--
      shown++
    }
    if (end !== lines.length) {
      end++
      shown++
    }
  }
  const numbered = lines.slice(start - 1, end).map((text, index) => {
    const number = start + index
    const mark = number >= range.start && number <= range.end ? '>>>' : '   '
    return ` ${String(number).padStart(3)} | ${mark} ${text}\n`
  })
  return `${file}:${range.start}\n${RULE}\n${numbered.join('')}${RULE}\n`
}
