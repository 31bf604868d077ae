import { invalidArgument } from '../errdefs.ts'

/** `filters=` of a list or prune: each name with its values, any of which may fit. */
export type Filters = Readonly<Record<string, readonly string[]>>

/**
 * Parses both forms that clients send: `{"status":["exited"]}`, and the older `{"status":{"exited":true}}`.
 * Empty text is no filter. Throws InvalidArgument.
 */
export const parseFilters = (text: string): Filters => {
  if (text === '') return {}
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw invalidArgument('invalid filter', { cause: error })
  }
  if (parsed === null) return {}
  if (typeof parsed !== 'object' || Array.isArray(parsed)) throw invalidArgument('invalid filter')
  const filters: Record<string, string[]> = {}
  for (const [name, values] of Object.entries(parsed)) filters[name] = valuesOf(values)
  return filters
}

const valuesOf = (values: unknown): string[] => {
  if (values === null) return []
  if (Array.isArray(values)) {
    if (!values.every(value => typeof value === 'string')) throw invalidArgument('invalid filter')
    return values
  }
  if (typeof values !== 'object') throw invalidArgument('invalid filter')
  const chosen: string[] = []
  for (const [value, wanted] of Object.entries(values)) {
    if (typeof wanted !== 'boolean') throw invalidArgument('invalid filter')
    if (wanted) chosen.push(value)
  }
  return chosen
}

/** Throws InvalidArgument, as dockerd words it, for a filter that the resource does not know. */
export const checkFilters = (filters: Filters, known: ReadonlySet<string>): void => {
  for (const name of Object.keys(filters)) {
    if (!known.has(name)) throw invalidArgument(`invalid filter '${name}'`)
  }
}

/** Whether labels (`{a: 'b'}`) have all that is wanted: `a` or `a=b`. */
export const matchLabels = (
  wanted: readonly string[] | undefined,
  labels: Readonly<Record<string, string>> | null,
): boolean =>
  (wanted ?? []).every(text => {
    const equals = text.indexOf('=')
    const name = equals < 0 ? text : text.slice(0, equals)
    const value = labels?.[name]
    return value !== undefined && (equals < 0 || value === text.slice(equals + 1))
  })
