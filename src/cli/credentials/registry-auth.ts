import { parseReference } from '../../oci/reference.ts'
import type { Context } from '../command.ts'
import { type AuthConfig, authKey, encodeHeader } from './auth-config.ts'

/** The credentials for an image's registry. A store that fails is as good as one that has none, unless `strict`. */
export const credentialsFor = async (
  { config }: Pick<Context, 'config'>,
  image: string,
  { strict = false } = {},
): Promise<AuthConfig> => {
  const { credentialStore } = await import('./credential-store.ts')
  const key = authKey(parseReference(image).domain)
  try {
    return await credentialStore(config, key).get(key)
  } catch (error) {
    if (strict) throw error
    return {}
  }
}

export const registryAuth = async (
  context: Pick<Context, 'config'>,
  image: string,
  options?: { strict?: boolean },
): Promise<{ 'X-Registry-Auth': string }> => ({
  'X-Registry-Auth': encodeHeader(await credentialsFor(context, image, options)),
})

/** Everything that is kept, for a build, whose images are known to the daemon only. */
export const registryConfig = async ({
  config,
  stderr,
}: Pick<Context, 'config' | 'stderr'>): Promise<{ 'X-Registry-Config': string }> => {
  const { allCredentials } = await import('./credential-store.ts')
  return { 'X-Registry-Config': encodeHeader(await allCredentials(config, text => stderr.line(`WARNING: ${text}`))) }
}
