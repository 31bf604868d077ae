import { SyntaxProblem } from './dockerfile-error.ts'
import { splitFlags } from './flags.ts'
import { findHeredocs, type Heredoc, type HeredocOpening } from './heredoc.ts'
import type { SourceRange } from './source-range.ts'

/** One instruction's text, its continuation lines joined and comments taken out. */
export type LogicalLine = {
  readonly text: string
  readonly range: SourceRange
  readonly heredocs: readonly Heredoc[]
  /** An empty line stood inside: allowed, and warned about. */
  readonly emptyContinuation: boolean
}

const COMMENT = /^[ \t]*#/
const TAKES_HEREDOCS = /^(?:onbuild\s+)?(?:run|copy|add)\s+([^]*)$/i

/** Splits a Dockerfile's lines into instructions. */
export const splitLogicalLines = (lines: readonly string[], escape: string): LogicalLine[] => {
  const escaped = escape === '\\' ? '\\\\' : escape
  // An escape before the last one makes it an ordinary character.
  const continuation = new RegExp(`(^|[^${escaped}])${escaped}[ \\t]*$`)
  const result: LogicalLine[] = []
  let at = 0
  while (at < lines.length) {
    const start = at + 1
    const first = (lines[at++] as string).replace(/^\s+/, '')
    if (first === '' || COMMENT.test(first)) continue
    let open = continuation.test(first)
    let text = open ? first.replace(continuation, '$1') : first
    let emptyContinuation = false
    let end = start
    while (open && at < lines.length) {
      const line = lines[at++] as string
      if (COMMENT.test(line)) continue
      if (line.trim() === '') {
        emptyContinuation ||= at < lines.length
        continue
      }
      end = at
      open = continuation.test(line)
      text += open ? line.replace(continuation, '$1') : line
    }
    text = text.trimEnd()
    if (text === '') continue
    const heredocs: Heredoc[] = []
    for (const opening of openedHeredocs(text, escape)) {
      const content: string[] = []
      for (;;) {
        const line = lines[at++]
        if (line === undefined) throw new SyntaxProblem('unterminated heredoc', { range: { start, end } })
        if ((opening.chomp ? line.replace(/^\t+/, '') : line) === opening.name) break
        content.push(`${line}\n`)
      }
      end = at
      heredocs.push({ ...opening, raw: content.join('') })
    }
    result.push({ text, range: { start, end }, heredocs, emptyContinuation })
  }
  return result
}

const openedHeredocs = (text: string, escape: string): HeredocOpening[] => {
  const args = TAKES_HEREDOCS.exec(text)?.[1]
  if (args === undefined || !args.includes('<<')) return []
  const { rest } = splitFlags(args, escape)
  return isJson(rest) ? [] : findHeredocs(rest, escape)
}

const isJson = (text: string): boolean => {
  try {
    return text.startsWith('[') && Array.isArray(JSON.parse(text))
  } catch {
    return false
  }
}
