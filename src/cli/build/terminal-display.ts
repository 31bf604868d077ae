import { humanSize } from '../format/units.ts'
import type { Output } from '../output.ts'
import type { BuildProgress, Part, Progress, Vertex } from './build-progress.ts'
import type { Display } from './display.ts'

const FRAME = 100
const LOG_LINES = 6
const BLUE = '\x1b[34m'
const RED = '\x1b[31m'
const FAINT = '\x1b[2m'
const PLAIN = '\x1b[0m'

/** One line a step, drawn again in place ten times a second while something runs: times, and the last output of running steps. */
export class TerminalDisplay implements Display {
  readonly #progress: BuildProgress
  readonly #output: Output
  #timer: NodeJS.Timeout | undefined
  readonly #notes = new Map<Vertex, string>()
  #drawn = 0
  #closed = false

  constructor(progress: BuildProgress, output: Output) {
    this.#progress = progress
    this.#output = output
    this.#output.write('\x1b[?25l')
    this.#timer = setInterval(() => this.#draw(false), FRAME)
    process.on('exit', this.#showCursor)
    process.once('SIGINT', this.#interrupted)
  }

  readonly #showCursor = (): void => this.#output.write('\x1b[?25h')

  readonly #interrupted = (): void => {
    this.#draw(false)
    process.exit(130)
  }

  show(_change: Progress): void {
    // The next frame shows it.
  }

  note(vertex: Vertex, text: string): void {
    this.#notes.set(vertex, text)
  }

  suspend(): () => void {
    clearInterval(this.#timer)
    this.#draw(false)
    this.#showCursor()
    return () => {
      // What the other has written stays above.
      this.#drawn = 0
      this.#output.write('\x1b[?25l')
      this.#timer = setInterval(() => this.#draw(false), FRAME)
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#timer)
    this.#draw(true)
    this.#showCursor()
    process.off('exit', this.#showCursor)
    process.off('SIGINT', this.#interrupted)
  }

  #draw(finished: boolean): void {
    const { columns, rows } = this.#output.size() ?? { columns: 80, rows: 24 }
    const lines = frameOf(
      this.#progress,
      this.#notes,
      columns,
      finished ? Number.POSITIVE_INFINITY : rows - 1,
      finished,
    )
    const up = this.#drawn > 0 ? `\x1b[${this.#drawn}A` : ''
    // Written at once, so that a frame is never seen half drawn; what remains of a longer one is wiped.
    this.#output.write(`${up}\r${lines.map(line => `${line}\x1b[K\n`).join('')}\x1b[J`)
    this.#drawn = lines.length
  }
}

/** The lines of one frame, none wider than `columns`, at most `rows` of them: the newest, and the header. */
export const frameOf = (
  progress: BuildProgress,
  notes: ReadonlyMap<Vertex, string>,
  columns: number,
  rows: number,
  finished: boolean,
): string[] => {
  const shown = progress.vertices.filter(vertex => vertex.started !== undefined)
  const done = progress.vertices.filter(vertex => vertex.milliseconds !== undefined).length
  const failed = progress.vertices.some(vertex => vertex.error !== undefined)
  const state = finished ? (failed ? ' ERROR' : ' FINISHED') : ''
  const header = `[+] Building ${progress.elapsed.toFixed(1)}s (${done}/${progress.vertices.length})${state}`
  const lines = shown.flatMap(vertex =>
    vertexLines(vertex, notes.get(vertex), progress.age(vertex), columns, finished && failed),
  )
  const colour = failed ? RED : finished ? BLUE : ''
  return [
    `${colour}${header.slice(0, columns)}${colour === '' ? '' : PLAIN}`,
    ...lines.slice(Math.max(0, lines.length - (rows - 1))),
  ]
}

const vertexLines = (
  vertex: Vertex,
  note: string | undefined,
  age: number,
  columns: number,
  stopped: boolean,
): string[] => {
  const completed = vertex.milliseconds !== undefined
  const seconds = completed ? (vertex.milliseconds as number) / 1000 : age
  const canceled = stopped && !completed
  const mark = vertex.error !== undefined ? 'ERROR ' : canceled ? 'CANCELED ' : vertex.cached ? 'CACHED ' : ''
  const colour = vertex.error !== undefined ? RED : completed ? BLUE : ''
  const lines = [timed(` => ${mark}${vertex.name}`, seconds, columns, colour)]
  if (note !== undefined) lines.push(timed(` => => ${note}`, seconds, columns, colour))
  if (completed || canceled) return lines
  const moving = [...vertex.pulling].filter(([, { current }]) => current !== undefined)
  for (const [id, part] of moving.slice(0, LOG_LINES))
    lines.push(` => => ${id} ${describePart(part)}`.slice(0, columns))
  const output = vertex.rest === '' ? vertex.lines : [...vertex.lines, vertex.rest]
  for (const text of output.slice(-LOG_LINES))
    lines.push(`${FAINT}${` => => # ${printable(text)}`.slice(0, columns)}${PLAIN}`)
  return lines
}

/** `downloading 1.05MB / 2.2MB` */
const describePart = ({ status, current = 0, total }: Part): string =>
  `${status.toLowerCase()} ${humanSize(current, 3)}${total === undefined ? '' : ` / ${humanSize(total, 3)}`}`

/** The text, cut or filled, and the time at the right border. */
const timed = (text: string, seconds: number, columns: number, colour: string): string => {
  const time = `${seconds.toFixed(1)}s`
  const width = Math.max(10, columns - time.length - 1)
  const shown = text.length > width ? `${text.slice(0, width - 3)}...` : text.padEnd(width)
  return `${colour}${shown} ${time}${colour === '' ? '' : PLAIN}`
}

/** Output of a build may hold anything; what would move our cursor is left out. */
const printable = (text: string): string =>
  text
    .replace(/\x1b\[[0-9;?]*[ -/]*[@-~]/g, '')
    .replace(/\t/g, '    ')
    .replace(/[\x00-\x1f\x7f]/g, '')
