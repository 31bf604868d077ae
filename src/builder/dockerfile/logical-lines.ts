import { SyntaxProblem } from './dockerfile-error.ts'
import { splitFlags } from './flags.ts'
import { findHeredocs, type Heredoc, type HeredocOpening } from './heredoc.ts'
import type { SourceRange } from './source-range.ts'

/** One instruction's text, its continuation lines joined and comments taken out. */
export type LogicalLine = {
  readonly text: string
  /** Includes the lines of its here-documents. */
  readonly range: SourceRange
  readonly heredocs: readonly Heredoc[]
  /** An empty line stood inside: allowed, and warned about. */
  readonly emptyContinuation: boolean
  /** The last line of the text itself. */
  readonly textEnd: number
  /** The comments right above, without `#`. */
  readonly comments: readonly string[]
}

const COMMENT = /^\s*#/
const TAKES_HEREDOCS = /^(?:onbuild[\t\v\f\r ]+)?(?:run|copy|add)[\t\v\f\r ]+([^]*)$/i

/** Splits a Dockerfile's lines, which still have a `\r` at their end, into instructions. */
export const splitLogicalLines = (lines: readonly string[], escape: string): LogicalLine[] => {
  const escaped = escape === '\\' ? '\\\\' : escape
  // An escape before the last one makes it an ordinary character.
  const continuation = new RegExp(`(^|[^${escaped}])${escaped}[ \\t]*$`)
  const result: LogicalLine[] = []
  let comments: string[] = []
  let at = 0
  while (at < lines.length) {
    const start = at + 1
    const first = withoutLineEnd(lines[at++] as string).trimStart()
    if (COMMENT.test(first)) {
      const comment = first.slice(1).trim()
      comments = comment === '' ? [] : [...comments, comment]
      continue
    }
    if (first === '') continue
    let open = continuation.test(first)
    const parts = [open ? first.replace(continuation, '$1') : first]
    let emptyContinuation = false
    while (open && at < lines.length) {
      const line = withoutLineEnd(lines[at++] as string)
      if (COMMENT.test(line)) continue
      if (line.trim() === '') {
        emptyContinuation = true
        continue
      }
      open = continuation.test(line)
      parts.push(open ? line.replace(continuation, '$1') : line)
    }
    const text = parts.join('').trimEnd()
    const textEnd = at
    const heredocs: Heredoc[] = []
    for (const opening of openedHeredocs(text, escape)) {
      const content = readDocument(opening, lines, at)
      if (content === undefined)
        throw new SyntaxProblem('unterminated heredoc', { range: { start, end: lines.length }, located: false })
      at += content.length + 1
      heredocs.push({ ...opening, raw: content.map(line => `${line}\n`).join('') })
    }
    result.push({ text, range: { start, end: at }, heredocs, emptyContinuation, textEnd, comments })
    comments = []
  }
  return result
}

const withoutLineEnd = (line: string): string => {
  let end = line.length
  while (line[end - 1] === '\r') end--
  return line.slice(0, end)
}

const readDocument = (
  { name, chomp }: HeredocOpening,
  lines: readonly string[],
  start: number,
): readonly string[] | undefined => {
  for (let at = start; at < lines.length; at++) {
    const line = withoutLineEnd(lines[at] as string)
    if ((chomp ? line.replace(/^\t+/, '') : line) === name) return lines.slice(start, at)
  }
  return undefined
}

const openedHeredocs = (text: string, escape: string): HeredocOpening[] => {
  const args = TAKES_HEREDOCS.exec(text)?.[1]
  if (args === undefined || !args.includes('<<')) return []
  return isJson(splitFlags(args, escape).rest) ? [] : findHeredocs(text)
}

const isJson = (text: string): boolean => {
  try {
    return text.startsWith('[') && Array.isArray(JSON.parse(text))
  } catch {
    return false
  }
}
