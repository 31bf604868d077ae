import type { BuildOptions } from '../api/build-options.ts'
import { notImplemented } from '../errdefs.ts'

/** What the solver cannot do yet is refused by name, not left out in silence. NotImplemented. */
export const refuseUnsupported = (options: BuildOptions): void => {
  const asked: readonly (readonly [boolean, string])[] = [[options.annotations.length > 0, 'annotations']]
  const names = asked.flatMap(([given, name]) => (given ? [name] : []))
  if (names.length > 0) throw notImplemented(`the builder does not support yet: ${names.join(', ')}`)
}
