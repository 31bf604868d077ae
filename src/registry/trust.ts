import { type Dirent, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf, invalidArgument } from '../errdefs.ts'

/** Whom one host is believed from, and what is shown to it; PEM. */
export type Trust = {
  /** Beside those of the system. */
  readonly authorities: readonly string[]
  readonly certificates: readonly string[]
  /** Of the certificates, in their order. */
  readonly keys: readonly string[]
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
  const [authorities, certificates, keys]: [string[], string[], string[]] = [[], [], []]
  if (isInsecure) return { authorities, certificates, keys, rejectUnauthorized: false }
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
  return { authorities, certificates, keys, rejectUnauthorized: true }
}
