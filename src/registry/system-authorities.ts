import { readFileSync } from 'node:fs'
import { rootCertificates } from 'node:tls'

/** Where distributions keep all authorities in one file; the places and their order are those of Go's crypto/x509. */
const BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
]

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/**
 * Whom this host trusts, as PEM. Node brings a list of its own, which knows nothing of the authorities that an operator has added
 * to the system; it serves only where the system has none.
 */
export const systemAuthorities = (environment: NodeJS.ProcessEnv = process.env): string[] => {
  const named = environment.SSL_CERT_FILE
  for (const path of named ? [named] : BUNDLES) {
    const text = read(path)
    if (text?.includes('-----BEGIN CERTIFICATE-----')) return [text]
  }
  return [...rootCertificates]
}
