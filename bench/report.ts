import { readFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'

export type Row = {
  readonly name: string
  readonly unit: string
  readonly mark: string | undefined
  /** The median for each engine, in the order of the columns; undefined where it was not measured. */
  readonly values: readonly (number | undefined)[]
}

const number = (value: number | undefined): string => {
  if (value === undefined || Number.isNaN(value)) return '–'
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)
}

/** How many times the first column's value another one is. */
const ratio = (value: number | undefined, base: number | undefined): string =>
  value === undefined || base === undefined || base <= 0 ? '' : ` (${(value / base).toFixed(1)}×)`

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`

/** A Markdown table: the first engine's values, the others' with how many times that they are, and the marks. */
export const renderTable = (engines: readonly string[], rows: readonly Row[]): string =>
  [
    line(['', ...engines, 'mark']),
    line(['---', ...engines.map(() => '---:'), '---:']),
    ...rows.map(({ name, unit, mark, values }) =>
      line([
        `${name}, ${unit}`,
        ...values.map((value, index) => number(value) + (index > 0 ? ratio(value, values[0]) : '')),
        mark ?? '',
      ]),
    ),
  ].join('\n')

export const describeMachine = (): string => {
  const [cpu] = cpus()
  const system = readFileSync('/etc/os-release', 'utf8').match(/^PRETTY_NAME="?([^"\n]*)/m)?.[1] ?? 'Linux'
  const memory = `${Math.round(totalmem() / 1024 ** 3)} GiB`
  return `${system}, Linux ${release()}, ${cpus().length} × ${cpu?.model.trim()}, ${memory}, Node.js ${process.versions.node}`
}
