import type { Readable } from 'node:stream'
import { internal } from '../errdefs.ts'
import type { Reference } from '../oci/reference.ts'
import { connectionError } from './connection-words.ts'
import type { BlobAnswer, BlobDescriptor } from './repository.ts'
import { translate } from './translate.ts'
import type { HttpResponse } from './transport.ts'

/** `bytes 100-199/200`; the size may be `*`. */
export const parseContentRange = (
  header: string | undefined,
): { first: number; size: number | undefined } | undefined => {
  const match = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(header?.trim() ?? '')
  if (match === null) return undefined
  return { first: Number(match[1]), size: match[2] === '*' ? undefined : Number(match[2]) }
}

/** Makes what breaks the stream readable. The bytes pass as they come, without another stream around them. */
const tellBreaks = (stream: Readable, response: HttpResponse, reference: Reference, signal?: AbortSignal): void => {
  const destroy = stream._destroy
  stream._destroy = (error, done) => {
    const told =
      error &&
      (signal?.aborted
        ? signal.reason
        : translate(connectionError(error), { reference, action: 'pull', tellTransient: true }))
    destroy.call(response.body, told as Error | null, done)
  }
}

/**
 * The body of an answer as a blob from `offset` on. Internal when the registry has another size than the manifest says: no byte
 * of it is worth reading.
 */
export const blobFrom = (
  response: HttpResponse,
  descriptor: BlobDescriptor,
  offset: number,
  reference: Reference,
  signal?: AbortSignal,
): BlobAnswer => {
  const range = response.status === 206 ? parseContentRange(response.headers['content-range']) : undefined
  const first = response.status === 206 ? (range?.first ?? offset) : 0
  const length = response.headers['content-length']
  const size = range?.size ?? (length === undefined ? undefined : first + Number(length))
  if (first !== 0 && first !== offset) {
    throw internal(`the registry gave a blob from byte ${first} on instead of ${offset}: ${descriptor.digest}`)
  }
  if (size !== undefined && size !== descriptor.size) {
    throw internal(`failed size validation: ${size} != ${descriptor.size}: failed precondition`)
  }
  tellBreaks(response.body, response, reference, signal)
  return { stream: response.body, offset: first, size }
}
