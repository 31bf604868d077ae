import type { Filters } from '../api/filters.ts'
import { invalidArgument } from '../errdefs.ts'

/** What filters look at. */
type Volume = { readonly name: string; readonly labels: Readonly<Record<string, string>> | null }

/** The label of volumes that were made without a name. */
export const ANONYMOUS_LABEL = 'com.docker.volume.anonymous'

const LIST_FILTERS = new Set(['dangling', 'name', 'driver', 'label'])
const PRUNE_FILTERS = new Set(['all', 'label', 'label!'])
const TRUE = new Set(['1', 't', 'T', 'true', 'TRUE', 'True'])
const FALSE = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False'])

/** Which volumes a list shows. Throws InvalidArgument in dockerd's words. */
export const volumeFilter = (filters: Filters, isUsed: (name: string) => boolean): ((volume: Volume) => boolean) => {
  refuseUnknown(filters, LIST_FILTERS)
  const { dangling, name, driver, label } = filters
  const unused = dangling === undefined ? undefined : danglingOf(dangling)
  return volume =>
    (name === undefined || name.some(part => volume.name.includes(part))) &&
    (driver === undefined || driver.includes('local')) &&
    (label ?? []).every(text => hasLabel(volume, text)) &&
    (unused === undefined || isUsed(volume.name) !== unused)
}

/** Which unused volumes a prune takes. Throws InvalidArgument in dockerd's words. */
export const pruneFilter = (filters: Filters): ((volume: Volume) => boolean) => {
  refuseUnknown(filters, PRUNE_FILTERS)
  const all = filters.all?.[0]
  if (all !== undefined && !TRUE.has(all) && !FALSE.has(all)) {
    throw invalidArgument(`invalid filter 'all': strconv.ParseBool: parsing ${JSON.stringify(all)}: invalid syntax`)
  }
  return volume =>
    ((all !== undefined && TRUE.has(all)) || volume.labels?.[ANONYMOUS_LABEL] !== undefined) &&
    (filters.label ?? []).every(text => hasLabel(volume, text)) &&
    !(filters['label!'] ?? []).some(text => hasLabel(volume, text))
}

const refuseUnknown = (filters: Filters, known: ReadonlySet<string>): void => {
  const unknown = Object.keys(filters).find(name => !known.has(name))
  if (unknown !== undefined) throw invalidArgument(`invalid filter '${unknown}'`)
}

const danglingOf = (values: readonly string[]): boolean => {
  const [value = ''] = values
  if (values.length === 1 && TRUE.has(value)) return true
  if (values.length === 1 && FALSE.has(value)) return false
  throw invalidArgument(`invalid filter 'dangling=[${values.join(' ')}]'`)
}

const hasLabel = ({ labels }: Volume, text: string): boolean => {
  const equals = text.indexOf('=')
  const value = labels?.[equals < 0 ? text : text.slice(0, equals)]
  return value !== undefined && (equals < 0 || value === text.slice(equals + 1))
}
