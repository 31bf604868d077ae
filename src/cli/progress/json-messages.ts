import type { JsonMessage } from '../../api/image.ts'
import { Failure } from '../failure.ts'
import type { Output } from '../output.ts'
import { hasProgress, type Progress, progressBar } from './progress-bar.ts'

/**
 * Shows a JSON stream (pull, push, load, import, bootstrap) as Docker does: in a terminal one line an ID, redrawn in place;
 * elsewhere the plain states as they come. Throws Failure with the error that the stream carries. `output` undefined: shows nothing.
 */
export const showMessages = async (
  messages: AsyncIterable<JsonMessage>,
  output: Output | undefined,
  onAux?: (aux: unknown) => void,
): Promise<void> => {
  const board = output?.isTerminal ? new Board(output) : undefined
  for await (const message of messages) {
    if (message.aux !== undefined) onAux?.(message.aux)
    else if (message.error !== undefined || message.errorDetail !== undefined)
      throw new Failure(1, message.errorDetail?.message || (message.error as string))
    else if (board) board.show(message)
    else if (output) showPlain(message, output)
  }
}

const showPlain = (message: JsonMessage, output: Output): void => {
  const { stream, status, progressDetail, progress, id } = message
  // A bar that nobody sees move is noise.
  if (progressDetail !== undefined ? hasProgress(progressDetail) : (progress ?? '') !== '') return
  if (stream !== undefined && stream !== '') output.write(stream)
  else if (status !== undefined) output.line(id ? `${id}: ${status}` : status)
}

/** The lines of a terminal that belong to the IDs of one operation. The cursor rests below the last. */
class Board {
  readonly #output: Output
  readonly #lines = new Map<string, number>()

  constructor(output: Output) {
    this.#output = output
  }

  show(message: JsonMessage): void {
    const { id = '', stream, progressDetail } = message
    const { columns, rows } = this.#output.size() ?? { columns: 200, rows: 24 }
    const text = textOf(message, columns)
    const ofLine = id !== '' && (progressDetail !== undefined || (message.progress ?? '') !== '')
    if (!ofLine) {
      // What concerns the whole scrolls: the lines above it are done with (`pull -a` has the same IDs again in its next tag).
      this.#lines.clear()
      return this.#output.write(progressDetail === undefined || stream ? text : `\x1b[2K\r${text}\r`)
    }
    let line = this.#lines.get(id)
    let opening = ''
    if (line === undefined) {
      line = this.#lines.size
      this.#lines.set(id, line)
      opening = '\n'
    }
    const up = this.#lines.size - line
    // A line that has scrolled away cannot be reached: the cursor would stop at the top and draw over another's.
    if (up >= rows) return this.#output.write(opening)
    this.#output.write(`${opening}\x1b[${up}A\x1b[2K\r${text}\r\x1b[${up}B`)
  }
}

const textOf = ({ id, stream, status = '', progress, progressDetail }: JsonMessage, columns: number): string => {
  const head = id ? `${id}: ` : ''
  // One that is wider than the terminal would take two lines, and the counting of lines would be wrong from then on.
  if (progressDetail !== undefined && !stream)
    return `${head}${status} ${progressBar(progressDetail as Progress, columns)}`.slice(0, columns)
  if (progress) return `${head}${status} ${progress}`.slice(0, columns)
  return stream ? head + stream : `${head}${status}\n`
}
