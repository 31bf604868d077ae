import type { Output } from '../output.ts'

const FANCY_HEADER = '\x1b[1m\x1b[106m\x1b[30mi\x1b[0m\x1b[0m \x1b[96mInfo → \x1b[0m\x1b[0m'
const PLAIN_HEADER = ' Info -> '

export const infoHeader = (fancy: boolean): string => (fancy ? FANCY_HEADER : PLAIN_HEADER)
/** Columns that the header takes. */
export const infoHeaderWidth = (fancy: boolean): number => (fancy ? 'i Info → ' : PLAIN_HEADER).length

/** A hint beside the matter itself, as Docker sets it: a blank line, then the text behind `Info`. */
export const printNote = (output: Output, text: string): void => {
  const fancy = output.isTerminal
  const italic = (line: string): string => (fancy ? `\x1b[3m${line}\x1b[0m` : line)
  const shown = fancy ? text.replaceAll('--platform', '\x1b[1m--platform\x1b[0m') : text
  const lines = shown.split('\n').map(italic)
  output.write(`\n${infoHeader(fancy)}${lines.join(`\n${' '.repeat(infoHeaderWidth(fancy))}`)}\n`)
}
