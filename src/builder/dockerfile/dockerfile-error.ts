import { TareError } from '../../errdefs.ts'
import type { SourceRange } from './source-range.ts'

const CONTEXT_LINES = 2
const RULE = '--------------------'

/** What is wrong in a Dockerfile, and where. The message's first line is Docker's; the lines themselves follow it. */
export class DockerfileError extends TareError {
  readonly reason: string
  readonly file: string
  readonly range: SourceRange | undefined

  constructor(
    reason: string,
    file: string,
    source: string,
    range: SourceRange | undefined,
    options?: { cause?: unknown },
  ) {
    super('InvalidArgument', range === undefined ? reason : `${reason}\n${excerpt(file, source, range)}`, options)
    this.name = 'DockerfileError'
    this.reason = reason
    this.file = file
    this.range = range
  }
}

/** Thrown below the parser, which alone knows the file: a reason, and the line when it is not the instruction's own. */
export class SyntaxProblem extends Error {
  readonly range: SourceRange | undefined
  /** False: Docker words it `failed to parse Dockerfile: …`. */
  readonly located: boolean

  constructor(reason: string, options: { range?: SourceRange; located?: boolean } = {}) {
    super(reason)
    this.name = 'SyntaxProblem'
    this.range = options.range
    this.located = options.located ?? true
  }
}

/**
 *     Dockerfile:2
 *     --------------------
 *        1 |     FROM busybox
 *        2 | >>> FOO bar
 *     --------------------
 */
export const excerpt = (file: string, source: string, range: SourceRange): string => {
  const lines = source.split(/\r?\n/)
  const first = Math.max(1, range.start - CONTEXT_LINES)
  const last = Math.min(lines.length, range.end + CONTEXT_LINES)
  const shown: string[] = []
  for (let number = first; number <= last; number++) {
    const text = lines[number - 1] ?? ''
    if (number === lines.length && text === '' && number > range.end) continue
    const mark = number >= range.start && number <= range.end ? '>>>' : '   '
    shown.push(`${String(number).padStart(4)} | ${mark} ${text}`.trimEnd())
  }
  return [`${file}:${range.start}`, RULE, ...shown, RULE].join('\n')
}
