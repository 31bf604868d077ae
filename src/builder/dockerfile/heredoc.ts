import { wordsAsWritten } from './expand.ts'

/** A document that stands in the lines below its instruction. */
export type Heredoc = {
  readonly name: string
  /** The number before `<<`, as written. */
  readonly descriptor: string
  /** Variables in the content are expanded: the name stands without quotes. */
  readonly expand: boolean
  /** `<<-`: leading tabs are taken away. */
  readonly chomp: boolean
  /** As it stands in the file, line ends included, without the end line. */
  readonly raw: string
}

export type HeredocOpening = Omit<Heredoc, 'raw'>

const OPENING = /^(\d*)<<(-?)([^<]*)$/

/** The here-documents that a line opens, in order. */
export const findHeredocs = (line: string): HeredocOpening[] => {
  if (!line.includes('<<')) return []
  return wordsAsWritten(line, { rawQuotes: true, rawEscapes: true })
    .map(parseOpening)
    .filter(opening => opening !== undefined)
}

/** Reads `<<EOF`, `3<<-"EOF"`; undefined for anything else. */
export const parseOpening = (word: string): HeredocOpening | undefined => {
  const match = OPENING.exec(word)
  const quoted = match?.[3]?.trimStart() ?? ''
  const [name, ...more] = wordsAsWritten(quoted, {})
  if (match === null || name === undefined || more.length > 0) return undefined
  const [raw = ''] = wordsAsWritten(quoted, { rawQuotes: true })
  const expand = countQuotes(raw) === countQuotes(name)
  return { name, descriptor: match[1] ?? '', expand, chomp: match[2] === '-' }
}

const countQuotes = (text: string): number => text.split(/['"]/).length

/** The content as the instruction sees it. */
export const heredocContent = ({ chomp, raw }: Heredoc): string => (chomp ? raw.replace(/^\t+/gm, '') : raw)
