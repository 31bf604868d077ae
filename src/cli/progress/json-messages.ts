import type { JsonMessage } from '../../api/image.ts'
import { Failure } from '../failure.ts'
import { humanSize } from '../format/units.ts'
import type { Output } from '../output.ts'

/**
 * Shows a JSON stream (pull, push, load, import, bootstrap): in a terminal one line an ID, redrawn in place; elsewhere
 * the plain states as they come. Throws Failure with the error that the stream carries. `output` undefined: shows nothing.
 */
export const showMessages = async (
  messages: AsyncIterable<JsonMessage>,
  output: Output | undefined,
  onAux?: (aux: unknown) => void,
): Promise<void> => {
  const lines = new Map<string, number>()
  for await (const message of messages) {
    if (message.error !== undefined || message.errorDetail !== undefined)
      throw new Failure(1, message.errorDetail?.message || (message.error as string))
    if (message.aux !== undefined) onAux?.(message.aux)
    else if (output?.isTerminal) showInTerminal(message, lines, output)
    else if (output) showPlain(message, output)
  }
}

const showPlain = (message: JsonMessage, output: Output): void => {
  if (message.stream !== undefined) return output.write(message.stream)
  // A bar that nobody sees move is noise.
  if (message.status === undefined || hasProgress(message)) return
  output.line(message.id ? `${message.id}: ${message.status}` : message.status)
}

const hasProgress = (message: JsonMessage): boolean =>
  message.progressDetail?.current !== undefined || (message.progress ?? '') !== ''

const showInTerminal = (message: JsonMessage, lines: Map<string, number>, output: Output): void => {
  if (message.stream !== undefined) return output.write(message.stream)
  const { id, status = '' } = message
  const text = `${id ? `${id}: ` : ''}${status} ${progressBar(message, output.size()?.columns ?? 80)}`.trimEnd()
  if (!id || (message.progressDetail === undefined && !lines.has(id))) {
    // A state of the whole: what has been drawn so far stays above it.
    lines.clear()
    return output.line(text)
  }
  let line = lines.get(id)
  if (line === undefined) {
    line = lines.size
    lines.set(id, line)
    output.write('\n')
  }
  const up = lines.size - line
  output.write(`\x1b[${up}A\r\x1b[2K${text}\r\x1b[${up}B`)
}

const progressBar = ({ progressDetail, progress }: JsonMessage, columns: number): string => {
  const { current = 0, total = 0, hidecounts, units } = progressDetail ?? {}
  if (current <= 0 && total <= 0) return progress ?? ''
  const count = (value: number): string =>
    units === undefined || units === '' ? humanSize(value) : `${value} ${units}`
  if (total <= 0) return count(current)
  const width = 50
  const done = Math.min(width, Math.trunc((current / total) * width))
  const bar = columns > 110 ? `[${'='.repeat(done)}>${' '.repeat(Math.max(0, width - done))}]  ` : ''
  return `${bar}${hidecounts ? '' : `${count(current).padStart(8)}/${count(total)}`}`
}
