import type { Reference } from '../oci/reference.ts'
import { Connections } from './connections.ts'
import type { Credentials, RegistryConfig } from './registry-config.ts'
import { RemoteRepository } from './remote-repository.ts'
import type { Repository } from './repository.ts'
import type { SearchOptions, SearchResult } from './search.ts'
import { TokenCache } from './tokens.ts'

/** All registries that an engine knows: their connections, tokens and settings. */
export class Registries implements AsyncDisposable {
  readonly #config: RegistryConfig
  readonly #connections: Connections
  readonly #tokens = new TokenCache()

  constructor(config: RegistryConfig) {
    this.#config = config
    this.#connections = new Connections(config)
  }

  /** Asks nobody yet. The reference's tag and digest do not matter. */
  repository(reference: Reference, options: { readonly credentials?: Credentials | undefined } = {}): Repository {
    return new RemoteRepository(reference, options.credentials ?? {}, {
      connections: this.#connections,
      tokens: this.#tokens,
      attempts: this.#config.maxAttempts,
      chunkSize: this.#config.chunkSize,
    })
  }

  /** Shows credentials to a registry. Unauthorized when it does not take them. */
  async login(
    serverAddress: string,
    credentials: Credentials,
    signal?: AbortSignal,
  ): Promise<{ status: string; identityToken: string }> {
    const { login } = await import('./login.ts')
    return await login(this.#connections, serverAddress, credentials, signal)
  }

  /** Images by a word, at Docker Hub or at `HOST/word`. */
  async search(term: string, options: SearchOptions = {}): Promise<SearchResult[]> {
    const { search } = await import('./search.ts')
    return await search(this.#connections, term, options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connections[Symbol.dispose]()
  }
}
