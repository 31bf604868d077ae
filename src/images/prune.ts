import type { Filters } from '../api/filters.ts'
import type { Reference } from '../oci/reference.ts'
import { acceptFilters, booleanFilter, matchesLabels, parseMoment } from './filter-values.ts'
import type { Image } from './image.ts'

export type PruneCandidate = { readonly image: Image; readonly names: readonly Reference[]; readonly used: boolean }

/** Which images `POST /images/prune` takes away: the nameless ones, or with `dangling=false` all that no container uses. */
export const choosePrunable = (all: readonly PruneCandidate[], filters: Filters): PruneCandidate[] => {
  acceptFilters(filters, ['dangling', 'label', 'label!', 'until'])
  const danglingOnly = booleanFilter(filters, 'dangling') ?? true
  const until = (filters.until ?? []).map(text => parseMoment(text))
  return all.filter(({ image, names, used }) => {
    if (used || (danglingOnly && names.length > 0)) return false
    if (until.some(moment => (image.created ?? 0) > moment)) return false
    return matchesLabels(filters, image.config.config?.Labels ?? {})
  })
}
