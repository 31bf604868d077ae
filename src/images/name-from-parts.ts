import { invalidArgument } from '../errdefs.ts'
import { parseReference, type Reference, withDefaultTag } from '../oci/reference.ts'

/** The name that the parameters `repo` and `tag` of the API mean; undefined for none. InvalidArgument in dockerd's words. */
export const nameFromParts = (repo: string, tag: string): Reference | undefined => {
  if (repo === '') return undefined
  const reference = parseReference(repo)
  if (reference.digest !== undefined) throw invalidArgument('cannot import digest reference')
  if (tag === '') return withDefaultTag(reference)
  if (!/^[\w][\w.-]{0,127}$/.test(tag)) throw invalidArgument('invalid tag format')
  return { ...reference, tag }
}
