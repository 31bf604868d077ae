import { SyntaxProblem } from './dockerfile-error.ts'

/** The fields of one line of comma-separated values; a field in double quotes may hold commas. @throws SyntaxProblem */
export const splitFields = (text: string): string[] => {
  const fields: string[] = []
  let at = 0
  for (;;) {
    const { value, end } = text[at] === '"' ? quotedField(text, at) : plainField(text, at)
    fields.push(value)
    if (end >= text.length) return fields
    at = end + 1
  }
}

type Field = { readonly value: string; readonly end: number }

const plainField = (text: string, start: number): Field => {
  const comma = text.indexOf(',', start)
  const end = comma < 0 ? text.length : comma
  const quote = text.slice(start, end).indexOf('"')
  if (quote >= 0) throw problem(start + quote, 'bare " in non-quoted-field')
  return { value: text.slice(start, end), end }
}

const quotedField = (text: string, start: number): Field => {
  let value = ''
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] !== '"') value += text[at]
    else if (text[at + 1] === '"') value += text[++at]
    else if (at + 1 === text.length || text[at + 1] === ',') return { value, end: at + 1 }
    else throw problem(at, 'extraneous or missing " in quoted-field')
  }
  throw problem(text.length, 'extraneous or missing " in quoted-field')
}

/** In the words of Go's encoding/csv. */
const problem = (index: number, reason: string): SyntaxProblem =>
  new SyntaxProblem(`parse error on line 1, column ${index + 1}: ${reason}`)
