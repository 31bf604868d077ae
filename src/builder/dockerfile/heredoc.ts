import { splitWords } from './words.ts'

/** A document that stands in the lines below its instruction. */
export type Heredoc = {
  readonly name: string
  /** The number before `<<`, as written. */
  readonly descriptor: string
  /** Variables in the content are expanded: the name stands without quotes. */
  readonly expand: boolean
  /** `<<-`: leading tabs are taken away. */
  readonly chomp: boolean
  /** As it stands in the file, without the end line. */
  readonly raw: string
}

export type HeredocOpening = Omit<Heredoc, 'raw'>

const OPENING = /^(\d*)<<(-?)([^<]*)$/

/** The here-documents that a line opens, in order. */
export const findHeredocs = (text: string, escape: string): HeredocOpening[] => {
  if (!text.includes('<<')) return []
  const openings: HeredocOpening[] = []
  for (const word of splitWords(text, escape)) {
    const match = OPENING.exec(word)
    if (match === null) continue
    const quoted = match[3] ?? ''
    const name = quoted.replace(/^(["'])(.*)\1$/, '$2')
    if (name === '' || /["'\s]/.test(name)) continue
    openings.push({ name, descriptor: match[1] ?? '', expand: name === quoted, chomp: match[2] === '-' })
  }
  return openings
}

/** The content as the instruction sees it. */
export const heredocContent = ({ chomp, raw }: Heredoc): string => (chomp ? raw.replace(/^\t+/gm, '') : raw)
