import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** What Tare honours of Docker's `config.json`. */
type Settings = {
  readonly detachKeys?: string
  readonly psFormat?: string
  readonly imagesFormat?: string
  readonly networksFormat?: string
  readonly volumesFormat?: string
  readonly HttpHeaders?: Readonly<Record<string, string>>
  readonly proxies?: Readonly<Record<string, Readonly<Record<string, string>>>>
}

/** `~/.docker/config.json`, read when it is first asked for; a missing or broken file is an empty one. */
export class ConfigFile {
  readonly #directory: string
  #settings: Settings | undefined

  constructor(directory: string = process.env.DOCKER_CONFIG || join(homedir(), '.docker')) {
    this.#directory = directory
  }

  get settings(): Settings {
    if (this.#settings === undefined) {
      try {
        this.#settings = JSON.parse(readFileSync(join(this.#directory, 'config.json'), 'utf8')) as Settings
      } catch {
        this.#settings = {}
      }
    }
    return this.#settings
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
