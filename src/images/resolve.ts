import { notFound } from '../errdefs.ts'
import { processorVariant } from '../host/processor-variant.ts'
import { type Digest, isDigest } from '../oci/digest.ts'
import { formatPlatform, hostPlatform, type Platform, platformDistance } from '../oci/platform.ts'
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

/**
 * The images that a name, an id or the start of an id may mean: several for a name under which several platforms are
 * here, the one that was pulled last first. None when there is none, or more than one has that start.
 */
export const resolveImages = (table: ImageTable, text: string): Digest[] => {
  const naming = parseNaming(text)
  if ('id' in naming) {
    const id = table.image(naming.id)?.id ?? table.imageOfManifest(naming.id)
    return id === undefined ? [] : [id]
  }
  const row = table.named(naming.reference)
  if (row) return table.members(row)
  const found = resolvePrefix(table, text)
  return found === undefined ? [] : [found]
}

/** The one of an image's platforms that does best where `wanted` is asked for; undefined when none does. */
export const nearestPlatform = <Candidate extends { readonly platform: Platform }>(
  candidates: readonly Candidate[],
  wanted: Platform,
): Candidate | undefined => {
  let best: { candidate: Candidate; distance: number } | undefined
  for (const candidate of candidates) {
    const distance = platformDistance(wanted, candidate.platform)
    if (distance !== undefined && (best === undefined || distance < best.distance)) best = { candidate, distance }
  }
  return best?.candidate
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

/** The asked platform's; when none is asked for the host's, else the first. */
export const pickPlatform = <Candidate extends { readonly platform: Platform }>(
  candidates: readonly Candidate[],
  platform: Platform | undefined,
): Candidate | undefined =>
  platform
    ? nearestPlatform(candidates, platform)
    : (nearestPlatform(candidates, hostPlatform(processorVariant())) ?? candidates[0])

/** The image is here, but not for what was asked for. In Docker's words. */
export const noSuchPlatform = (text: string, found: readonly Platform[], wanted: Platform): Error =>
  notFound(
    `image with reference ${text} was found but its platform (${found.map(formatPlatform).join(', ')}) does not match the specified platform (${formatPlatform(wanted)})`,
  )
