import { findProgram } from '../../host/find-program.ts'
import type { ConfigFile } from '../config-file.ts'
import { type AuthConfig, hostOf } from './auth-config.ts'
import { CredentialHelper } from './credential-helper.ts'
import { saveConfig } from './save-config.ts'

/** Where credentials are kept: `config.json` itself, or a program. */
export type CredentialStore = {
  /** Empty where there are none. */
  get(server: string): Promise<AuthConfig>
  all(): Promise<Record<string, AuthConfig>>
  /** Keeps them under their `serveraddress`. True: the password stands in a file, for everybody to read who can read that. */
  store(auth: AuthConfig): Promise<boolean>
  erase(server: string): Promise<void>
}

/** The store for one server, '' for the default: the server's own helper, else the helper for all, else the file. */
export const credentialStore = (config: ConfigFile, server: string): CredentialStore => {
  const { credHelpers, credsStore } = config.settings
  const chosen = (server === '' ? undefined : credHelpers?.[server]) ?? credsStore
  const helper = chosen || installedStore(config)
  return helper ? new HelperStore(config, helper, !chosen) : new FileStore(config)
}

/** Credentials of all servers, of all stores. Helpers of single servers that fail are told of by `warn`. */
export const allCredentials = async (
  config: ConfigFile,
  warn: (text: string) => void,
): Promise<Record<string, AuthConfig>> => {
  const all = await credentialStore(config, '').all()
  for (const server of Object.keys(config.settings.credHelpers ?? {}))
    try {
      all[server] = await credentialStore(config, server).get(server)
    } catch (error) {
      warn(`Failed to get credentials for registry: ${server}: ${(error as Error).message}`)
    }
  return all
}

/** Nobody has chosen, and nothing is kept yet: the store that this kind of machine has, if it is installed. */
const installedStore = (config: ConfigFile): string | undefined => {
  const { auths, credHelpers } = config.settings
  if (Object.keys(auths ?? {}).length > 0 || Object.keys(credHelpers ?? {}).length > 0) return undefined
  const name = findProgram('pass') === undefined ? 'secretservice' : 'pass'
  return findProgram(`docker-credential-${name}`) === undefined ? undefined : name
}

class FileStore implements CredentialStore {
  readonly #config: ConfigFile

  constructor(config: ConfigFile) {
    this.#config = config
  }

  async get(server: string): Promise<AuthConfig> {
    const all = this.#config.auths()
    // Files of old have whole URLs.
    return all[server] ?? Object.entries(all).find(([key]) => hostOf(key) === server)?.[1] ?? {}
  }

  async all(): Promise<Record<string, AuthConfig>> {
    return this.#config.auths()
  }

  async store(auth: AuthConfig): Promise<boolean> {
    const server = auth.serveraddress ?? ''
    const old = this.#config.auths()[server]
    if (old !== undefined && sameAuth(old, auth)) return false
    const { username = '', password = '', serveraddress: _, ...rest } = auth
    const kept = Object.fromEntries(Object.entries(rest).filter(([, value]) => value))
    const encoded =
      username === '' && password === '' ? {} : { auth: Buffer.from(`${username}:${password}`).toString('base64') }
    this.#change(auths => ({ ...auths, [server]: { ...encoded, ...kept } }))
    return password !== ''
  }

  async erase(server: string): Promise<void> {
    if (this.#config.auths()[server] === undefined) return
    this.#change(({ [server]: _, ...others }) => others)
  }

  #change(to: (auths: Record<string, unknown>) => Record<string, unknown>): void {
    saveConfig(this.#config.path, settings => {
      settings.auths = to((settings.auths as Record<string, unknown> | undefined) ?? {})
    })
    this.#config.forget()
  }
}

const FIELDS = ['username', 'password', 'email', 'identitytoken', 'registrytoken'] as const
const sameAuth = (one: AuthConfig, other: AuthConfig): boolean =>
  FIELDS.every(field => (one[field] ?? '') === (other[field] ?? ''))

/** The file still lists the servers (and says an e-mail address, which helpers cannot keep), without their secrets. */
class HelperStore implements CredentialStore {
  readonly #config: ConfigFile
  readonly #name: string
  readonly #isNew: boolean
  readonly #helper: CredentialHelper
  readonly #file: FileStore

  /** `isNew`: nobody has named it in the file yet; that is done when it first keeps something. */
  constructor(config: ConfigFile, name: string, isNew: boolean) {
    this.#config = config
    this.#name = name
    this.#isNew = isNew
    this.#helper = new CredentialHelper(name)
    this.#file = new FileStore(config)
  }

  async get(server: string): Promise<AuthConfig> {
    const { email } = await this.#file.get(server)
    const found = await this.#helper.get(server)
    return email === undefined ? found : { email, ...found }
  }

  async all(): Promise<Record<string, AuthConfig>> {
    const all: Record<string, AuthConfig> = {}
    for (const server of await this.#helper.list()) all[server] = await this.get(server)
    return all
  }

  async store(auth: AuthConfig): Promise<boolean> {
    await this.#helper.store(auth)
    const { serveraddress = '', email } = auth
    if (this.#isNew)
      saveConfig(this.#config.path, settings => {
        settings.credsStore = this.#name
      })
    this.#config.forget()
    await this.#file.store({ serveraddress, ...(email === undefined ? {} : { email }) })
    return false
  }

  async erase(server: string): Promise<void> {
    await this.#helper.erase(server)
    await this.#file.erase(server)
  }
}
