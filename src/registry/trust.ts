import { type Dirent, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { codeOf, invalidArgument } from '../errdefs.ts'

/** How TLS with one host is done, as an https.Agent takes it. */
export type Trust = {
  /** Authorities beside the system's; undefined: the system's alone. */
  readonly ca?: string[] | undefined
  readonly cert?: string[] | undefined
  readonly key?: string[] | undefined
  readonly rejectUnauthorized: boolean
}

const entriesOf = (folder: string): Dirent[] => {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return []
    throw invalidArgument(`open ${folder}: ${codeOf(error)}`, { cause: error })
  }
}

/**
 * The certificates for a `host[:port]` from the folders of `certs.d`: `*.crt` are authorities, `NAME.cert` and `NAME.key` the
 * client's. InvalidArgument when one of a pair is missing. https://docs.docker.com/engine/security/certificates/
 */
export const readTrust = (host: string, directories: readonly string[], isInsecure: boolean): Trust => {
  // dockerd reads no certificates for a registry that it does not check.
  if (isInsecure) return { rejectUnauthorized: false }
  const [authorities, certificates, keys]: [string[], string[], string[]] = [[], [], []]
  for (const directory of directories) {
    const folder = join(directory, host)
    const names = entriesOf(folder).map(({ name }) => name)
    for (const name of names.sort()) {
      const stem = name.slice(0, name.lastIndexOf('.'))
      const read = (file: string) => readFileSync(join(folder, file), 'utf8')
      if (name.endsWith('.crt')) authorities.push(read(name))
      else if (name.endsWith('.cert')) {
        if (!names.includes(`${stem}.key`)) {
          throw invalidArgument(
            `missing key ${stem}.key for client certificate ${name}. CA certificates must use the extension .crt`,
          )
        }
        certificates.push(read(name))
        keys.push(read(`${stem}.key`))
      } else if (name.endsWith('.key') && !names.includes(`${stem}.cert`)) {
        throw invalidArgument(`missing client certificate ${stem}.cert for key ${name}`)
      }
    }
  }
  return {
    rejectUnauthorized: true,
    ...(authorities.length > 0 && { ca: [...rootCertificates, ...authorities] }),
    ...(certificates.length > 0 && { cert: certificates, key: keys }),
  }
}
