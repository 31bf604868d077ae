/** `-f name=value` flags as the API's `filters` parameter; undefined when there are none. */
export const filtersQuery = (
  given: readonly string[],
  more: readonly (readonly [string, string])[] = [],
): string | undefined => {
  const filters: Record<string, Record<string, boolean>> = {}
  const pairs = given
    .filter(filter => filter !== '')
    .map(filter => {
      const equals = filter.indexOf('=')
      return [filter.slice(0, equals).trim().toLowerCase(), filter.slice(equals + 1).trim()] as const
    })
  for (const [name, value] of [...pairs, ...more]) (filters[name] ??= {})[value] = true
  return Object.keys(filters).length > 0 ? JSON.stringify(filters) : undefined
}
