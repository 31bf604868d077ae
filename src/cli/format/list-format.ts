import { Failure } from '../failure.ts'
import type { Output } from '../output.ts'
import { compile, TemplateExecutionError } from '../template/execute.ts'
import { TemplateSyntaxError } from '../template/lex.ts'
import { Row, type Value } from '../template/value.ts'
import { align } from './align.ts'

/** What a list's columns are called in a table: `{ ID: 'CONTAINER ID' }`. */
export type Headers = Readonly<Record<string, string>>

/** Prints rows as `--format` says: `table`, `table TEMPLATE`, `json`, `TEMPLATE`, or nothing for `table` with the default template. */
export class ListFormat {
  readonly #format: string
  readonly #table: boolean
  readonly #headers: Headers

  /** `usual`: the template of the plain table, columns parted by `\t`. `quiet`: the template of `-q`. */
  constructor(options: { format: string; usual: string; headers: Headers; quiet?: string | undefined }) {
    const { format, usual, quiet } = options
    this.#headers = options.headers
    const isTable = format === '' || format.startsWith('table')
    if (format === 'json') this.#format = '{{json .}}'
    else if (isTable && quiet !== undefined) this.#format = quiet
    else if (format === '' || format === 'table') this.#format = usual
    else this.#format = isTable ? format.slice('table'.length).trim() : format
    this.#table = isTable && quiet === undefined
    this.#format = this.#format.replaceAll('\\t', '\t').replaceAll('\\n', '\n')
  }

  /** Throws Failure for a template that is wrong or does not fit the rows. */
  print(rows: readonly Row[], output: Output): void {
    output.write(this.render(rows))
  }

  render(rows: readonly Row[]): string {
    let text = ''
    try {
      const template = compile(this.#format)
      for (const row of rows) text += `${template(row)}\n`
      if (!this.#table) return text
      return align(`${this.#header()}\n${text}`)
    } catch (error) {
      if (error instanceof TemplateSyntaxError)
        throw new Failure(1, `failed to parse template: ${error.message}`, { cause: error })
      if (error instanceof TemplateExecutionError)
        throw new Failure(1, `failed to execute template: ${error.message}`, { cause: error })
      throw error
    }
  }

  /** True when the template asks for this field: some cost the daemon work. */
  uses(field: string): boolean {
    return new RegExp(`\\.${field}\\b|json \\.\\s*\\}`).test(this.#format)
  }

  #header(): string {
    const fields = Object.fromEntries(Object.entries(this.#headers).map(([name, text]) => [name, () => text]))
    const label = (name: string): string => (name.split('.').at(-1) ?? '').replace(/[-_]/g, ' ')
    const same = (value: Value): Value => value
    const functions = {
      json: same,
      title: same,
      lower: same,
      upper: same,
      join: same,
      split: same,
      truncate: same,
      pad: same,
    }
    return compile(this.#format, { functions })(new Row('formatter.SubHeaderContext', { ...fields, Label: label }))
  }
}
