import { type Reference, repositoryName } from '../../oci/reference.ts'
import type { Repository } from '../../registry/repository.ts'
import type { Context } from '../command.ts'
import { credentialsFor } from '../credentials/registry-auth.ts'

/** Repositories of registries, asked directly and not through the daemon, each with the user's credentials. */
export type RepositoryOpener = AsyncDisposable & {
  open(reference: Reference): Promise<Repository>
}

/** Where Docker and Tare look for the certificates of single registries. */
const CERTIFICATES = ['/etc/docker/certs.d', '/etc/tare/certs.d']
const ATTEMPTS = 5

/** `insecure`: hosts that may be spoken to without TLS, or with a certificate that nobody vouches for. */
export const openRegistries = async (context: Context, insecure: readonly string[]): Promise<RepositoryOpener> => {
  const { Registries } = await import('../../registry/registries.ts')
  const { env } = process
  const registries = new Registries({
    mirrors: [],
    insecure,
    certsDirectories: CERTIFICATES,
    httpProxy: env.HTTP_PROXY ?? env.http_proxy,
    httpsProxy: env.HTTPS_PROXY ?? env.https_proxy,
    noProxy: env.NO_PROXY ?? env.no_proxy,
    maxAttempts: ATTEMPTS,
  })
  const opened = new Map<string, Promise<Repository>>()
  const connect = async (reference: Reference): Promise<Repository> => {
    const { username, password, identitytoken, registrytoken } = await credentialsFor(
      context,
      repositoryName(reference),
    )
    const credentials = {
      ...(username ? { username } : {}),
      ...(password ? { password } : {}),
      ...(identitytoken ? { identityToken: identitytoken } : {}),
      ...(registrytoken ? { registryToken: registrytoken } : {}),
    }
    return registries.repository(reference, { credentials })
  }
  return {
    open: reference => {
      const name = repositoryName(reference)
      const repository = opened.get(name) ?? connect(reference)
      opened.set(name, repository)
      return repository
    },
    [Symbol.asyncDispose]: () => registries[Symbol.asyncDispose](),
  }
}
