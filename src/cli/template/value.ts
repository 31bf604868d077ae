/** What templates work on: JSON values, and rows whose fields are computed when asked for. */
export type Value = unknown

/**
 * A row: named fields, computed when asked for; one that takes arguments is called like `{{.Label "x"}}`.
 * `json` gives the fields without arguments, sorted, as Docker's `--format json` does.
 */
export class Row {
  /** How errors name it. */
  readonly typeName: string
  readonly fields: Readonly<Record<string, (...args: never[]) => Value>>

  constructor(typeName: string, fields: Readonly<Record<string, (...args: never[]) => Value>>) {
    this.typeName = typeName
    this.fields = fields
  }

  toJSON(): Record<string, Value> {
    const names = Object.keys(this.fields).filter(name => this.fields[name]?.length === 0)
    return Object.fromEntries(names.sort().map(name => [name, this.fields[name]?.()]))
  }
}

/** A number of the API that JavaScript's cannot hold (nanoseconds): its digits. */
export class BigNumber {
  readonly digits: string
  constructor(digits: string) {
    this.digits = digits
  }
}

export const isMap = (value: Value): value is Record<string, Value> =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  !(value instanceof Row) &&
  !(value instanceof BigNumber)

/** Go's truth: what is not the zero value of its type. */
export const isTrue = (value: Value): boolean => {
  if (Array.isArray(value)) return value.length > 0
  if (isMap(value)) return Object.keys(value).length > 0
  if (value instanceof BigNumber) return true
  return Boolean(value)
}

// The platform has it since Node 22; TypeScript's library does not know it yet.
const raw = JSON as typeof JSON & { rawJSON(text: string): unknown }

/** JSON as Go writes it with escaping of `<`, `>` and `&` where asked. */
export const toJson = (value: Value, escapeHtml = false): string => {
  const text =
    JSON.stringify(value, (_, item: Value) => (item instanceof BigNumber ? raw.rawJSON(item.digits) : item)) ?? 'null'
  return escapeHtml
    ? text.replace(/[<>&\u2028\u2029]/g, c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
    : text
}
