import { type Filters, parseFilters } from '../api/filters.ts'
import { internal, invalidArgument } from '../errdefs.ts'

const FALSE: ReadonlySet<string> = new Set(['', '0', 'no', 'false', 'none'])
const INTEGER = /^[+-]?[0-9]+$/

/** The query of a request, read as dockerd reads it. */
export class Query {
  readonly #values: URLSearchParams

  constructor(text: string) {
    this.#values = new URLSearchParams(text)
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }

  /** The first value; `''` when there is none, as dockerd makes no difference. */
  get(name: string): string {
    return this.#values.get(name) ?? ''
  }

  all(name: string): string[] {
    return this.#values.getAll(name)
  }

  /** Everything but nothing, `0`, `no`, `false` and `none` is true; `otherwise` only where the name is missing. */
  boolean(name: string, otherwise = false): boolean {
    const value = this.#values.get(name)
    return value === null ? otherwise : !FALSE.has(value.trim().toLowerCase())
  }

  /** Undefined when missing or empty. Throws Internal as dockerd does: it answers 500 to a number that is none. */
  integer(name: string): number | undefined {
    const value = this.get(name)
    if (value === '') return undefined
    if (!INTEGER.test(value)) throw internal(`strconv.Atoi: parsing ${JSON.stringify(value)}: invalid syntax`)
    return Number(value)
  }

  /** A value that is JSON itself (`buildargs`, `labels`); undefined when missing or empty. Throws InvalidArgument. */
  json<Value>(name: string): Value | undefined {
    const text = this.get(name)
    if (text === '') return undefined
    try {
      return JSON.parse(text) as Value
    } catch (error) {
      throw invalidArgument(`invalid ${name}: ${text}`, { cause: error })
    }
  }

  /** `filters=`; throws InvalidArgument. */
  filters(): Filters {
    return parseFilters(this.get('filters'))
  }
}
