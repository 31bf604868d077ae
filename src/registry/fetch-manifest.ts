import { setTimeout as wait } from 'node:timers/promises'
import type { Descriptor } from '../oci/descriptor.ts'
import { isDigest } from '../oci/digest.ts'
import {
  bareType,
  isSchema1,
  MANIFEST_LIMIT,
  MANIFEST_TYPES,
  readManifest,
  refuseSchema1,
} from './manifest-document.ts'
import { RegistryError } from './registry-error.ts'
import { LONGEST_WAIT } from './retry.ts'
import { parseRetryAfter } from './retry-after.ts'
import type { Session, SessionRequest } from './session.ts'
import type { HttpResponse } from './transport.ts'

export type ManifestRequest = {
  readonly session: Session
  /** `/v2/NAME` */
  readonly root: string
  readonly tagOrDigest: string
  /** How errors call it: `docker.io/library/x:1`. */
  readonly name: string
  readonly scopes: readonly string[]
  readonly accept?: readonly string[] | undefined
  readonly attempts: number
  readonly signal?: AbortSignal | undefined
}

const isSuccess = (status: number): boolean => status >= 200 && status < 300

/** The digest that a registry says its answer has. */
export const contentDigest = ({ headers }: HttpResponse): string | undefined => {
  const value = headers['docker-content-digest']
  return typeof value === 'string' ? value : undefined
}

const ask = (method: string, request: ManifestRequest): SessionRequest => {
  const { root, tagOrDigest, accept = MANIFEST_TYPES, scopes, attempts, signal } = request
  return {
    ...{ method, target: `${root}/manifests/${tagOrDigest}`, headers: { Accept: accept.join(', ') } },
    ...{ scopes, attempts, signal, expected: isSuccess },
  }
}

/** The whole manifest, checked. */
export const fetchManifest = async (request: ManifestRequest): Promise<{ descriptor: Descriptor; bytes: Buffer }> => {
  await using response = await request.session.request(ask('GET', request))
  const bytes = await response.bytes(MANIFEST_LIMIT)
  const type = response.headers['content-type']
  const descriptor = readManifest(request.tagOrDigest, request.name, { bytes, type, digest: contentDigest(response) })
  return { descriptor, bytes }
}

/** Waits as long as the registry asked for, where that is bearable. */
const postpone = async ({ status, headers }: HttpResponse, signal: AbortSignal | undefined): Promise<void> => {
  const wanted = status === 429 || status === 503 ? parseRetryAfter(headers['retry-after']) : undefined
  if (wanted === undefined || wanted > LONGEST_WAIT) return
  await wait(wanted, undefined, { signal }).catch(() => signal?.throwIfAborted())
}

/** What the registry says of a manifest without sending it; the manifest itself where it does not say. */
export const resolveManifest = async (request: ManifestRequest): Promise<Descriptor> => {
  const { session, tagOrDigest, name, signal } = request
  // Any status: what is wrong is told by the answer to GET, which has a body.
  await using response = await session.request({ ...ask('HEAD', request), expected: () => true })
  await postpone(response, signal)
  const digest = contentDigest(response) ?? ''
  const size = Number(response.headers['content-length'] ?? Number.NaN)
  const mediaType = bareType(response.headers['content-type'])
  if (!isSuccess(response.status) || !isDigest(digest) || !Number.isSafeInteger(size) || mediaType === '') {
    return (await fetchManifest(request)).descriptor
  }
  if (isSchema1(mediaType)) throw refuseSchema1(name)
  if (isDigest(tagOrDigest) && digest !== tagOrDigest) {
    throw new RegistryError(`manifest verification failed for digest ${tagOrDigest}`)
  }
  if (size > MANIFEST_LIMIT) throw new RegistryError(`response body is larger than ${MANIFEST_LIMIT} bytes`)
  return { mediaType, digest, size }
}
