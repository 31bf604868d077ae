import type { ContextSource } from '../../api/build-options.ts'
import { canonicalName, parseReference, withDefaultTag } from '../../oci/reference.ts'

/** Where a stage begins, or COPY --from takes from. */
export type Origin =
  | { readonly stage: number }
  | { readonly image: string }
  /** By the name of a named context. */
  | { readonly context: string }
  | 'scratch'

/** `--build-context`: by name. */
export type NamedContexts = Readonly<Record<string, ContextSource>>

/** What a name stands for that the client has given, be it a stage's, an image's or one of its own; undefined: nothing. */
export const contextOrigin = (name: string, contexts: NamedContexts): Origin | undefined => {
  const found = Object.keys(contexts).find(known => isSame(known, name))
  const source = found === undefined ? undefined : contexts[found]
  if (found === undefined || source === undefined) return undefined
  return source.type === 'image' ? { image: source.reference } : { context: found }
}

/** Names of images are the same however much of them was left out. */
const isSame = (known: string, name: string): boolean =>
  known.toLowerCase() === name.toLowerCase() || (canonical(known) ?? known) === (canonical(name) ?? name)

const canonical = (name: string): string | undefined => {
  try {
    return canonicalName(withDefaultTag(parseReference(name)))
  } catch {
    return undefined
  }
}
