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
