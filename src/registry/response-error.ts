import { messageOf } from '../errdefs.ts'
import { parseChallenges } from './challenge.ts'
import { fieldsOf, parseJson, textOf } from './json-body.ts'
import { RegistryError, redacted } from './registry-error.ts'
import { parseRetryAfter } from './retry-after.ts'
import type { HttpResponse } from './transport.ts'

/** Errors are short; what is longer is a page of some proxy. */
const BODY_LIMIT = 64 * 1024
/** So much of a body that nobody understands is shown. */
const SHOWN = 512

type Complaint = { readonly code: string; readonly message: string }

/** dockerd's words for the codes of https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes */
const CODES: Readonly<Record<string, string>> = {
  UNSUPPORTED: 'The operation is unsupported.',
  UNAUTHORIZED: 'authentication required',
  DENIED: 'requested access to the resource is denied',
  UNAVAILABLE: 'service unavailable',
  TOOMANYREQUESTS: 'too many requests',
  DIGEST_INVALID: 'provided digest did not match uploaded content',
  SIZE_INVALID: 'provided length did not match content length',
  NAME_INVALID: 'invalid repository name',
  TAG_INVALID: 'manifest tag did not match URI',
  NAME_UNKNOWN: 'repository name not known to registry',
  MANIFEST_UNKNOWN: 'manifest unknown',
  MANIFEST_INVALID: 'manifest invalid',
  MANIFEST_UNVERIFIED: 'manifest failed signature verification',
  MANIFEST_BLOB_UNKNOWN: 'blob unknown to registry',
  BLOB_UNKNOWN: 'blob unknown to registry',
  BLOB_UPLOAD_UNKNOWN: 'blob upload unknown to registry',
  BLOB_UPLOAD_INVALID: 'blob upload invalid',
}

const byStatus = (status: number): string =>
  status === 401 ? 'UNAUTHORIZED' : status === 403 ? 'DENIED' : status === 429 ? 'TOOMANYREQUESTS' : 'UNKNOWN'

const phrase = ({ code, message }: Complaint): string =>
  `${code.toLowerCase().replaceAll('_', ' ')}: ${message || (CODES[code] ?? 'unknown error')}`

/** A token that was refused says so beside the body. https://www.rfc-editor.org/rfc/rfc6750#section-3.1 */
const bearerComplaint = (response: HttpResponse): Complaint | undefined => {
  for (const { scheme, parameters } of parseChallenges(response.headers['www-authenticate'])) {
    if (scheme !== 'bearer') continue
    const code = { invalid_token: 'UNAUTHORIZED', insufficient_scope: 'DENIED' }[parameters.error ?? '']
    if (code !== undefined) return { code, message: parameters.error_description ?? '' }
  }
  return undefined
}

const shorten = (text: string): string => (text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text)

const complaintsIn = (response: HttpResponse, text: string): Complaint[] => {
  const { status, headers } = response
  if (response.method === 'HEAD') return [{ code: byStatus(status), message: '' }]
  const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/json' && type !== 'application/vnd.api+json')
    return [{ code: byStatus(status), message: shorten(text) }]
  const unparsed = (why: string): Error =>
    new Error(`error parsing HTTP ${status} response body: ${why}: ${JSON.stringify(shorten(text))}`)
  let body: Readonly<Record<string, unknown>>
  try {
    body = fieldsOf(parseJson(text))
  } catch (error) {
    throw unparsed(messageOf(error))
  }
  // Token servers of old.
  if (textOf(body.details) !== '') return [{ code: byStatus(status), message: textOf(body.details) }]
  const errors = Array.isArray(body.errors) ? body.errors.map(fieldsOf) : []
  if (errors.length === 0) throw unparsed('no error details found in HTTP response body')
  return errors.slice(0, 10).map(error => {
    const code = textOf(error.code)
    return { code: code in CODES ? code : 'UNKNOWN', message: shorten(textOf(error.message)) }
  })
}

/** What an answer that was not hoped for says, in dockerd's words. Reads its body. */
export const responseError = async (response: HttpResponse): Promise<RegistryError> => {
  await using _ = response
  const { status, statusText, url, headers } = response
  const facts = { status, url: redacted(url), retryAfter: parseRetryAfter(headers['retry-after']) }
  if (status < 400 || status >= 500) {
    return new RegistryError(`received unexpected HTTP status: ${status} ${statusText}`.trimEnd(), facts)
  }
  const bearer = bearerComplaint(response)
  try {
    // A page too long to be an error is not read to its end.
    const text = (await response.bytes(BODY_LIMIT)).toString()
    const complaints = complaintsIn(response, text)
    const all = bearer === undefined ? complaints : [bearer, ...complaints]
    const [first = { code: 'UNKNOWN', message: '' }] = all
    return new RegistryError(phrase(first), { ...facts, code: first.code })
  } catch (error) {
    if (bearer !== undefined) return new RegistryError(phrase(bearer), { ...facts, code: bearer.code, cause: error })
    if (status === 401)
      return new RegistryError(phrase({ code: 'UNAUTHORIZED', message: '' }), {
        ...facts,
        code: 'UNAUTHORIZED',
        cause: error,
      })
    return new RegistryError(messageOf(error), { ...facts, cause: error })
  }
}
