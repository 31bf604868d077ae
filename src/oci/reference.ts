import { invalidArgument } from '../errdefs.ts'
import type { Digest } from './digest.ts'

/**
 * A parsed image name. Grammar and normalisation are those of
 * https://github.com/distribution/reference (`docker.io` and `library/` are implied).
 */
export type Reference = {
  /** Registry host, with its port: `docker.io`, `localhost:5000`. */
  readonly domain: string
  /** Repository below the host: `library/debian`. */
  readonly path: string
  readonly tag: string | undefined
  readonly digest: Digest | undefined
}

const DOMAIN_COMPONENT = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])'
const DOMAIN = new RegExp(`^(?:${DOMAIN_COMPONENT}(?:\\.${DOMAIN_COMPONENT})*|\\[(?:[a-fA-F0-9:]+)\\])(?::[0-9]+)?$`)
const PATH_COMPONENT = '[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*'
const PATH = new RegExp(`^${PATH_COMPONENT}(?:/${PATH_COMPONENT})*$`)
const TAG = /^[\w][\w.-]{0,127}$/
const DIGEST = /^sha256:[0-9a-f]{64}$/
const NAME_LIMIT = 255

const invalid = (detail = 'invalid reference format'): Error => invalidArgument(detail)

/** Parses what a user types (`debian`, `localhost:5000/a/b:tag`, `x@sha256:…`); the tag stays undefined when none is given. */
export const parseReference = (text: string): Reference => {
  if (/^[0-9a-f]{64}$/.test(text)) {
    throw invalid(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`)
  }
  let rest = text
  let digest: Digest | undefined
  const at = rest.indexOf('@')
  if (at >= 0) {
    const candidate = rest.slice(at + 1)
    if (!DIGEST.test(candidate)) throw invalid()
    digest = candidate as Digest
    rest = rest.slice(0, at)
  }
  let tag: string | undefined
  const colon = rest.lastIndexOf(':')
  if (colon > rest.lastIndexOf('/')) {
    tag = rest.slice(colon + 1)
    if (!TAG.test(tag)) throw invalid()
    rest = rest.slice(0, colon)
  }
  const slash = rest.indexOf('/')
  const first = slash < 0 ? '' : rest.slice(0, slash)
  const explicit = slash >= 0 && (/[.:]/.test(first) || first === 'localhost' || first.toLowerCase() !== first)
  let domain = explicit ? first : 'docker.io'
  let path = explicit ? rest.slice(slash + 1) : rest
  if (domain === 'index.docker.io') domain = 'docker.io'
  if (domain === 'docker.io' && !path.includes('/')) path = `library/${path}`
  if (path.toLowerCase() !== path)
    throw invalid(`invalid reference format: repository name (${path}) must be lowercase`)
  if (!DOMAIN.test(domain) || !PATH.test(path)) throw invalid()
  if (path.length > NAME_LIMIT) throw invalid('repository name must not be more than 255 characters')
  return { domain, path, tag, digest }
}

/** The same reference with `latest` where it named neither a tag nor a digest. */
export const withDefaultTag = (reference: Reference): Reference =>
  reference.tag === undefined && reference.digest === undefined ? { ...reference, tag: 'latest' } : reference

/** Whole and unambiguous: `docker.io/library/debian:latest`. */
export const canonicalName = (reference: Reference): string => `${repositoryName(reference)}${suffix(reference)}`

/** Without tag and digest: `docker.io/library/debian`. */
export const repositoryName = (reference: Reference): string => `${reference.domain}/${reference.path}`

/** As Docker shows it: `debian:latest`, `localhost:5000/x:1`. */
export const familiarName = (reference: Reference): string => `${familiarRepository(reference)}${suffix(reference)}`

/** As Docker shows a repository: `debian`. */
export const familiarRepository = (reference: Reference): string => {
  if (reference.domain !== 'docker.io') return repositoryName(reference)
  return reference.path.startsWith('library/') ? reference.path.slice('library/'.length) : reference.path
}

const suffix = ({ tag, digest }: Reference): string =>
  `${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`
