import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { codeOf, messageOf } from '../errdefs.ts'
import type { AuthConfig } from './credentials/auth-config.ts'

/** What Tare honours of Docker's `config.json`. */
type Settings = {
  readonly detachKeys?: string
  readonly psFormat?: string
  readonly imagesFormat?: string
  readonly networksFormat?: string
  readonly volumesFormat?: string
  readonly HttpHeaders?: Readonly<Record<string, string>>
  readonly proxies?: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly pruneFilters?: readonly string[]
  readonly auths?: Readonly<Record<string, AuthConfig & { readonly auth?: string }>>
  readonly credsStore?: string
  readonly credHelpers?: Readonly<Record<string, string>>
}

/** `~/.docker/config.json`, read when it is first asked for; a missing or broken file is an empty one. */
export class ConfigFile {
  readonly directory: string
  readonly path: string
  readonly #warn: (text: string) => void
  #settings: Settings | undefined

  /** `warn` is told of a file that cannot be read. */
  constructor(directory?: string, warn: (text: string) => void = () => undefined) {
    this.directory = directory || process.env.DOCKER_CONFIG || join(homedir(), '.docker')
    this.path = join(this.directory, 'config.json')
    this.#warn = warn
  }

  get settings(): Settings {
    this.#settings ??= this.#read()
    return this.#settings
  }

  /** What was read is out of date. */
  forget(): void {
    this.#settings = undefined
  }

  #read(): Settings {
    try {
      const settings = JSON.parse(readFileSync(this.path, 'utf8') || '{}') as Settings
      for (const { auth } of Object.values(settings.auths ?? {})) if (auth) decodeAuth(auth)
      return settings
    } catch (error) {
      if (codeOf(error) !== 'ENOENT')
        this.#warn(`WARNING: Error parsing config file (${this.path}): ${messageOf(error)}`)
      return {}
    }
  }

  /** The credentials that stand in the file itself, by server. */
  auths(): Record<string, AuthConfig> {
    return Object.fromEntries(
      Object.entries(this.settings.auths ?? {}).map(([server, { auth, ...rest }]) => [
        server,
        { ...rest, ...(auth ? decodeAuth(auth) : {}), serveraddress: server },
      ]),
    )
  }

  /** `HTTP_PROXY=…` and the like for containers and builds, from `proxies` (by host, else `default`). */
  proxyEnvironment(host: string): Record<string, string> {
    const proxy = this.settings.proxies?.[host] ?? this.settings.proxies?.default ?? {}
    const names = {
      httpProxy: 'HTTP_PROXY',
      httpsProxy: 'HTTPS_PROXY',
      noProxy: 'NO_PROXY',
      ftpProxy: 'FTP_PROXY',
      allProxy: 'ALL_PROXY',
    }
    const result: Record<string, string> = {}
    for (const [key, name] of Object.entries(names)) {
      const value = proxy[key]
      if (value) Object.assign(result, { [name]: value, [name.toLowerCase()]: value })
    }
    return result
  }
}

/** base64 of `user:password`. */
const decodeAuth = (auth: string): { username: string; password: string } => {
  const text = Buffer.from(auth, 'base64').toString()
  const colon = text.indexOf(':')
  if (colon < 1) throw new Error('Invalid auth configuration file')
  return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/^\0+|\0+$/g, '') }
}
