import type { Filters } from '../api/filters.ts'
import { internal, invalidArgument } from '../errdefs.ts'

/** Refuses keys that dockerd refuses there. */
export const acceptFilters = (filters: Filters, accepted: readonly string[]): void => {
  for (const key of Object.keys(filters)) if (!accepted.includes(key)) throw invalidArgument(`invalid filter '${key}'`)
}

/** A filter that is true or false; undefined when it is not given. */
export const booleanFilter = (filters: Filters, key: string): boolean | undefined => {
  const values = filters[key]
  if (values === undefined || values.length === 0) return undefined
  const yes = values.some(value => value === '1' || value === 'true')
  const no = values.some(value => value === '0' || value === 'false')
  if (yes === no) throw invalidArgument(`invalid filter '${key}=[${values.join(' ')}]'`)
  return yes
}

/** `label` (all must be there) and `label!` (none may be). `a` is any value, `a=b` this one. */
export const matchesLabels = (filters: Filters, labels: Readonly<Record<string, string>>): boolean => {
  const has = (wanted: string): boolean => {
    const equals = wanted.indexOf('=')
    if (equals < 0) return Object.hasOwn(labels, wanted)
    const key = wanted.slice(0, equals)
    return Object.hasOwn(labels, key) && labels[key] === wanted.slice(equals + 1)
  }
  return (filters.label ?? []).every(has) && !(filters['label!'] ?? []).some(has)
}

const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}

/** A moment as clients write it: seconds since the epoch, a date, or how long ago (`10m`, `1h30m`). Milliseconds since the epoch. Internal, as in dockerd, when it is none. */
export const parseMoment = (text: string, now: number = Date.now()): number => {
  const duration = parseDuration(text)
  if (duration !== undefined) return now - duration
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000
  if (/^\d{4}-\d\d-\d\d/.test(text)) {
    // Without a zone a date is the host's, as in dockerd; Date would take a bare day for UTC.
    const parsed = Date.parse(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00` : text)
    if (!Number.isNaN(parsed)) return parsed
  }
  throw internal(`failed to parse value as time or duration: ${JSON.stringify(text)}`)
}

const parseDuration = (text: string): number | undefined => {
  const match = /^([+-]?)((?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.exec(text)
  if (!match) return undefined
  let total = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    total += Number(amount) * (UNITS[unit as string] as number)
  }
  return text.startsWith('-') ? -total : total
}
