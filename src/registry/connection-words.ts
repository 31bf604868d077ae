/** Why no answer came, in the words of Go's net package: clients and people match on them. */
import { codeOf, messageOf } from '../errdefs.ts'
import { RegistryError } from './registry-error.ts'

/** What was waited for in vain. */
export type Phase = 'connect' | 'header' | 'body'

/** A registry that said nothing for too long. */
export class SilenceError extends Error {
  readonly code = 'ETIMEDOUT'
  readonly phase: Phase

  constructor(phase: Phase) {
    super(`timeout: ${phase}`)
    this.phase = phase
  }
}

const SILENCE: Readonly<Record<Phase, string>> = {
  connect: 'dial tcp: i/o timeout',
  header: 'net/http: timeout awaiting response headers',
  body: 'read tcp: i/o timeout',
}

const ERRNO: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  EADDRNOTAVAIL: 'connect: cannot assign requested address',
  ETIMEDOUT: 'connect: connection timed out',
  EACCES: 'connect: permission denied',
}

const UNKNOWN_AUTHORITY = 'tls: failed to verify certificate: x509: certificate signed by unknown authority'

const TLS: Readonly<Record<string, string>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  CERT_HAS_EXPIRED: 'tls: failed to verify certificate: x509: certificate has expired or is not yet valid',
  CERT_NOT_YET_VALID: 'tls: failed to verify certificate: x509: certificate has expired or is not yet valid',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'remote error: tls: certificate required',
  // As OpenSSL 3.5 and those before it call the same.
  'ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE': 'remote error: tls: bad certificate',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'remote error: tls: bad certificate',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'remote error: tls: unknown certificate authority',
}

type Details = {
  readonly address?: string
  readonly port?: number
  readonly hostname?: string
  readonly reason?: string
}

const at = ({ address, port }: Details): string => {
  if (address === undefined) return ''
  return ` ${address.includes(':') ? `[${address}]` : address}:${port}`
}

/** OpenSSL says `…:SSL routines:function:reason:file:line`. */
const tlsWords = (message: string): string => {
  if (/wrong version number|packet length too long|http request/.test(message)) {
    return 'http: server gave HTTP response to HTTPS client'
  }
  return `tls: ${/SSL routines:[^:]*:([^:]+)/.exec(message)?.[1] ?? message}`
}

const words = (error: unknown): string => {
  if (error instanceof SilenceError) return SILENCE[error.phase]
  // All addresses of a name were tried.
  if (error instanceof AggregateError && error.errors.length > 0) return words(error.errors.at(-1))
  const details = error as Details
  const code = codeOf(error) ?? ''
  if (code in ERRNO && (error as { syscall?: string }).syscall === 'connect')
    return `dial tcp${at(details)}: ${ERRNO[code]}`
  if (code === 'ENOTFOUND') return `dial tcp: lookup ${details.hostname}: no such host`
  if (code === 'EAI_AGAIN') return `dial tcp: lookup ${details.hostname}: Temporary failure in name resolution`
  if (code in TLS) return TLS[code] ?? ''
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `tls: failed to verify certificate: x509: certificate is not valid for the name: ${details.reason ?? ''}`
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_')) return tlsWords(messageOf(error))
  if (code.startsWith('HPE_')) return `malformed HTTP response: ${messageOf(error)}`
  const message = messageOf(error)
  if (message === 'socket hang up' || message === 'aborted' || code === 'ERR_STREAM_PREMATURE_CLOSE') {
    return message === 'socket hang up' ? 'EOF' : 'unexpected EOF'
  }
  if (code === 'ECONNRESET') return 'read tcp: read: connection reset by peer'
  if (code === 'EPIPE') return 'write tcp: write: broken pipe'
  return message
}

/** Anything that the network threw, as a RegistryError without its URL. */
export const connectionError = (error: unknown): RegistryError => {
  if (error instanceof RegistryError) return error
  const inner = error instanceof AggregateError ? error.errors.at(-1) : error
  return new RegistryError(words(error), { code: codeOf(inner) ?? 'ECONNRESET', cause: error })
}
