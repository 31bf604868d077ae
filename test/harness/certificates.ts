import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { suiteRoot } from './suite-root.ts'

/** Paths of PEM files. The server's certificate holds for localhost and every address of this host; the client's is of the same authority. */
export type Certificates = {
  readonly ca: string
  readonly serverCertificate: string
  readonly serverKey: string
  readonly clientCertificate: string
  readonly clientKey: string
}

/** An address of this host that is not its loopback: engines trust registries on that one without asking. */
export const outwardAddress = (): string | undefined =>
  Object.values(networkInterfaces())
    .flat()
    .find(found => found && found.family === 'IPv4' && !found.internal)?.address

const openssl = (folder: string, ...args: string[]): void => {
  execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
}

const makeKey = (folder: string, name: string): void => {
  openssl(folder, 'genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', `${name}-key.pem`)
}

const makeSigned = (folder: string, name: string, extensions: string): void => {
  makeKey(folder, name)
  openssl(folder, 'req', '-new', '-key', `${name}-key.pem`, '-subj', `/CN=${name}`, '-out', `${name}.csr`)
  writeFileSync(join(folder, `${name}.cnf`), extensions)
  const signer = ['-CA', 'ca.pem', '-CAkey', 'ca-key.pem', '-CAcreateserial']
  const made = ['-days', '2', '-extfile', `${name}.cnf`, '-out', `${name}.pem`]
  openssl(folder, 'x509', '-req', '-in', `${name}.csr`, ...signer, ...made)
}

/** An authority of the tests' own and what it signed; made once in a run of the tests. */
export const certificates = (): Certificates => {
  const folder = join(suiteRoot(), 'certificates')
  if (!existsSync(folder)) {
    const made = mkdtempSync(`${folder}.`)
    makeKey(made, 'ca')
    openssl(made, 'req', '-x509', '-new', '-key', 'ca-key.pem', '-days', '2', '-subj', '/CN=tests', '-out', 'ca.pem')
    const addresses = ['127.0.0.1', outwardAddress()].filter(address => address !== undefined)
    const names = ['DNS:localhost', ...addresses.map(address => `IP:${address}`)]
    makeSigned(made, 'server', `subjectAltName=${names.join(',')}\nextendedKeyUsage=serverAuth\n`)
    makeSigned(made, 'client', 'extendedKeyUsage=clientAuth\n')
    try {
      renameSync(made, folder)
    } catch {
      // Another file of tests was faster; its authority is the one that counts.
      rmSync(made, { recursive: true, force: true })
    }
  }
  const path = (name: string) => join(folder, `${name}.pem`)
  return {
    ca: path('ca'),
    serverCertificate: path('server'),
    serverKey: path('server-key'),
    clientCertificate: path('client'),
    clientKey: path('client-key'),
  }
}

/** Makes `<directory>/<host>/ca.crt`, and the client's certificate where wanted: what dockerd calls certs.d. */
export const writeCertsDirectory = (directory: string, host: string, withClient = false): void => {
  const from = certificates()
  const folder = join(directory, host)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'ca.crt'), readFileSync(from.ca))
  if (!withClient) return
  writeFileSync(join(folder, 'client.cert'), readFileSync(from.clientCertificate))
  writeFileSync(join(folder, 'client.key'), readFileSync(from.clientKey))
}
