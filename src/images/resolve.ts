import { notFound } from '../errdefs.ts'
import { type Digest, isDigest } from '../oci/digest.ts'
import { familiarName, parseReference, type Reference, withDefaultTag } from '../oci/reference.ts'
import type { ImageTable } from './image-table.ts'

const HEXADECIMAL = /^[0-9a-f]+$/

/** What a user may call an image: a digest of its configuration, or a name, or (also) the start of an id. */
export type Naming = { readonly id: Digest } | { readonly reference: Reference }

/** InvalidArgument when it can be neither. */
export const parseNaming = (text: string): Naming => {
  if (/^[0-9a-f]{64}$/.test(text)) return { id: `sha256:${text}` }
  if (isDigest(text)) return { id: text }
  const reference = parseReference(text)
  // A digest says which one, and the tag beside it is only for people.
  return { reference: reference.digest === undefined ? withDefaultTag(reference) : { ...reference, tag: undefined } }
}

/** An image's id by name, id or start of an id; undefined when there is none, or more than one has that start. */
export const resolveImage = (table: ImageTable, text: string): Digest | undefined => {
  const naming = parseNaming(text)
  if ('id' in naming) return table.image(naming.id)?.id
  return table.named(naming.reference) ?? resolvePrefix(table, text)
}

/** Whether `text` is how somebody would write this very id, rather than a name for it. */
export const isIdPrefix = (id: Digest, text: string): boolean => id.startsWith(text) || id.slice(7).startsWith(text)

/** In Docker's words. */
export const noSuchImage = (text: string): Error => {
  const naming = parseNaming(text)
  return notFound(`No such image: ${'id' in naming ? naming.id : familiarName(naming.reference)}`)
}

const resolvePrefix = (table: ImageTable, text: string): Digest | undefined => {
  const start = text.startsWith('sha256:') ? text.slice(7) : text
  if (!HEXADECIMAL.test(start)) return undefined
  let found: Digest | undefined
  for (const id of table.ids()) {
    if (!id.startsWith(start, 7)) continue
    if (found !== undefined) return undefined
    found = id
  }
  return found
}
