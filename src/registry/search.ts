import { internal, invalidArgument, messageOf } from '../errdefs.ts'
import type { Connections } from './connections.ts'
import { fieldsOf, parseJson, textOf } from './json-body.ts'
import type { Credentials } from './registry-config.ts'
import { RegistryError } from './registry-error.ts'
import { basicAuthorization } from './tokens.ts'
import type { Transport } from './transport.ts'

/** As the registry and Docker's API have it. */
export type SearchResult = {
  readonly name: string
  readonly description: string
  readonly star_count: number
  readonly is_official: boolean
  /** Always false: the word means nothing any more. */
  readonly is_automated: boolean
}

export type SearchOptions = {
  /** 1 to 100; 25 when left out or 0. */
  readonly limit?: number | undefined
  readonly credentials?: Credentials | undefined
  readonly signal?: AbortSignal | undefined
}

const HUB = 'index.docker.io'
const ANSWER_LIMIT = 4 * 1024 * 1024
const DEFAULT_LIMIT = 25

/** `HOST/word` names a registry as an image's name does; else it is Docker Hub. */
const splitTerm = (term: string): { host: string; word: string } => {
  const slash = term.indexOf('/')
  const first = slash < 0 ? '' : term.slice(0, slash)
  const isHost = /[.:]/.test(first) || first === 'localhost'
  const host = isHost && first !== 'docker.io' ? first : HUB
  const word = isHost ? term.slice(slash + 1) : term
  return { host, word: host === HUB ? word.replace(/^library\//, '') : word }
}

type Asked = { readonly base: string; readonly transport: Transport }

/** Whether there is something that speaks HTTP, as dockerd finds out: HTTPS, and HTTP where the registry is insecure. */
const reach = async (connections: Connections, host: string, signal?: AbortSignal): Promise<Asked> => {
  const at = async (scheme: string): Promise<Asked> => {
    const base = `${scheme}://${host}/v1/`
    const transport = await connections.transport(new URL(base), signal)
    if (host !== HUB) {
      const url = new URL(`${base}_ping`)
      await using _ = await transport.send({ method: 'GET', url, signal, timeout: transport.timeouts.ping })
    }
    return { base, transport }
  }
  try {
    return await at('https')
  } catch (secure) {
    signal?.throwIfAborted()
    if (!(secure instanceof RegistryError) || host === HUB) throw secure
    if (!(await connections.isInsecure(host, signal))) {
      throw invalidArgument(
        `invalid registry endpoint https://${host}/v1/: ${secure.message}. If this private registry supports only HTTP or HTTPS with an unknown CA certificate, please add \`--insecure-registry ${host}\` to the daemon's arguments. In the case of HTTPS, if you have access to the registry's CA certificate, no need for the flag; simply place the CA certificate at /etc/docker/certs.d/${host}/ca.crt`,
        { cause: secure },
      )
    }
    try {
      return await at('http')
    } catch (plain) {
      signal?.throwIfAborted()
      if (!(plain instanceof RegistryError)) throw plain
      throw invalidArgument(
        `invalid registry endpoint ${JSON.stringify(`http://${host}/v1/`)}. HTTPS attempt: ${secure.message}. HTTP attempt: ${plain.message}`,
        { cause: plain },
      )
    }
  }
}

const readResult = (value: unknown): SearchResult => {
  const fields = fieldsOf(value)
  return {
    name: textOf(fields.name),
    description: textOf(fields.description),
    star_count: typeof fields.star_count === 'number' ? fields.star_count : 0,
    is_official: fields.is_official === true,
    is_automated: false,
  }
}

/** Asks `/v1/search`, which is all that there is. InvalidArgument for a wrong question, Internal for a wrong answer. */
export const search = async (
  connections: Connections,
  term: string,
  options: SearchOptions,
): Promise<SearchResult[]> => {
  if (term.includes('://')) {
    throw invalidArgument(`invalid repository name: repository name (${term}) should not have a scheme`)
  }
  const limit = options.limit || DEFAULT_LIMIT
  const { signal, credentials = {} } = options
  const { host, word } = splitTerm(term)
  try {
    const { base, transport } = await reach(connections, host, signal)
    if (limit < 1 || limit > 100) throw invalidArgument(`limit ${limit} is outside the range of [1, 100]`)
    const url = new URL(`${base}search?${new URLSearchParams({ q: word, n: String(limit) })}`)
    await using response = await transport.send({
      ...{ method: 'GET', url, signal },
      authorization: basicAuthorization(credentials),
      headers: { 'X-Docker-Token': 'true' },
    })
    if (response.status !== 200)
      throw new RegistryError(`Unexpected status code ${response.status}`, { status: response.status })
    const text = (await response.bytes(ANSWER_LIMIT)).toString()
    try {
      const { results } = fieldsOf(parseJson(text))
      return Array.isArray(results) ? results.map(readResult) : []
    } catch (error) {
      throw new RegistryError(`error decoding registry search results: ${messageOf(error)}`, { cause: error })
    }
  } catch (error) {
    signal?.throwIfAborted()
    throw error instanceof RegistryError ? internal(error.message, { cause: error }) : error
  }
}
