import type { Filters } from '../../api/filters.ts'
import { invalidArgument } from '../../errdefs.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import type { Platform } from '../../oci/platform.ts'
import { parseReference, type Reference } from '../../oci/reference.ts'
import type { Credentials } from '../../registry/registry-config.ts'
import { type AuthConfig, credentialsOf, credentialsOfHeader } from '../registry-auth.ts'
import type { RequestContext } from '../request-context.ts'
import type { Route } from '../router.ts'

/** One row of `GET /images/search`. */
export type SearchResult = {
  readonly name: string
  readonly description: string
  readonly star_count: number
  readonly is_official: boolean
  readonly is_automated: boolean
}

/** What the routes ask about registries. */
export type RegistryBackend = {
  inspect(
    reference: Reference,
    options: { credentials?: Credentials | undefined; signal: AbortSignal },
  ): Promise<{ descriptor: Descriptor; platforms: Platform[] }>
  registries(): Promise<{
    login(
      serverAddress: string,
      credentials: Credentials,
      signal?: AbortSignal,
    ): Promise<{ status: string; identityToken: string }>
    search(
      term: string,
      options: { limit?: number; credentials?: Credentials; signal?: AbortSignal },
    ): Promise<readonly SearchResult[]>
  }>
}

export const registryRoutes = (backend: () => RegistryBackend): readonly Route[] => [
  { method: 'POST', path: '/auth', handler: context => auth(context, backend()) },
  { method: 'GET', path: '/images/search', handler: context => search(context, backend()) },
  { method: 'GET', path: '/distribution/{name:.+}/json', handler: context => distribution(context, backend()) },
]

const auth = async (context: RequestContext, backend: RegistryBackend): Promise<void> => {
  const config = (await context.readJson<AuthConfig>()) ?? {}
  const credentials = credentialsOf(config) ?? {}
  const registries = await backend.registries()
  const { status, identityToken } = await registries.login(config.serveraddress ?? '', credentials, context.signal)
  context.json({ IdentityToken: identityToken, Status: status })
}

const search = async (context: RequestContext, backend: RegistryBackend): Promise<void> => {
  const { query } = context
  const limit = query.integer('limit')
  if (limit !== undefined && (limit < 1 || limit > 100))
    throw invalidArgument(`limit ${limit} is outside the range of [1, 100]`)
  const accepts = searchFilter(query.filters())
  const credentials = credentialsOfHeader(context.header('x-registry-auth'))
  const registries = await backend.registries()
  const found = await registries.search(query.get('term'), {
    ...(limit === undefined ? {} : { limit }),
    ...(credentials ? { credentials } : {}),
    signal: context.signal,
  })
  context.json(found.filter(accepts))
}

/** dockerd's filters of a search: `is-official`, `is-automated` (nothing is, any more), `stars`. InvalidArgument. */
const searchFilter = (filters: Filters): ((result: SearchResult) => boolean) => {
  for (const name of Object.keys(filters))
    if (!['is-automated', 'is-official', 'stars'].includes(name)) throw invalidArgument(`invalid filter '${name}'`)
  const flag = (name: string): boolean | undefined => {
    const value = filters[name]?.[0]
    if (value === undefined) return undefined
    if (!['true', 'false', '1', '0'].includes(value)) throw invalidArgument(`invalid filter '${name}=[${value}]'`)
    return value === 'true' || value === '1'
  }
  const official = flag('is-official')
  const automated = flag('is-automated')
  const stars = Math.max(
    0,
    ...(filters.stars ?? []).map(value => {
      if (!/^\d+$/.test(value)) throw invalidArgument(`invalid filter 'stars=${value}'`)
      return Number(value)
    }),
  )
  return result =>
    (official === undefined || result.is_official === official) &&
    (automated === undefined || result.is_automated === automated) &&
    result.star_count >= stars
}

const distribution = async (context: RequestContext, backend: RegistryBackend): Promise<void> => {
  const reference = parseReference(context.param('name'))
  const credentials = credentialsOfHeader(context.header('x-registry-auth'))
  const { descriptor, platforms } = await backend.inspect(reference, { credentials, signal: context.signal })
  const { mediaType, digest, size } = descriptor
  context.json({ Descriptor: { mediaType, digest, size }, Platforms: platforms })
}
