import { invalidArgument } from '../../errdefs.ts'

/** A place in a git repository, as a context or ADD names it. */
export type GitPlace = {
  /** What git is given. */
  readonly url: string
  /** Branch, tag, full name of a reference, or whole commit; empty: the default branch. */
  readonly ref: string
  /** Of its tree, without slashes at its ends; empty: all of it. */
  readonly directory: string
  /** Undefined: nothing was said. */
  readonly keepGitDir: boolean | undefined
  readonly submodules: boolean
  /** The start of the commit that is expected, in hexadecimal. */
  readonly checksum: string | undefined
}

const SSH_LIKE = /^[A-Za-z0-9_][\w.-]*@[A-Za-z0-9][\w.-]*:(?!\/\/)/
const HTTP_GIT = /^https?:\/\/[^?#]+\.git(?:\/?$|[?#])/

/** Whether a URL names a repository rather than a file. */
export const isGitUrl = (text: string): boolean =>
  /^(?:git|ssh):\/\//.test(text) || SSH_LIKE.test(text) || HTTP_GIT.test(text) || /^github\.com\//.test(text)

/** `URL#ref:directory`, or `URL?ref=…&subdir=…`. Throws InvalidArgument. */
export const parseGitUrl = (text: string): GitPlace => {
  const hash = text.indexOf('#')
  const [whole, fragment] = hash < 0 ? [text, ''] : [text.slice(0, hash), text.slice(hash + 1)]
  const question = SSH_LIKE.test(whole) ? -1 : whole.indexOf('?')
  const [location, query] = question < 0 ? [whole, ''] : [whole.slice(0, question), whole.slice(question + 1)]
  const url = location.startsWith('github.com/') ? `https://${location}` : location
  const colon = fragment.indexOf(':')
  const named = new Map<string, string>()
  for (const [key, value] of new URLSearchParams(query)) {
    if (!KEYS.has(key)) throw invalidArgument(`unexpected query ${JSON.stringify(key)}`)
    named.set(key, value)
  }
  if (named.size > 0 && fragment !== '') throw invalidArgument('git URLs take a query or a fragment, not both')
  const refs = [
    named.get('ref'),
    prefixed('refs/heads/', named.get('branch')),
    prefixed('refs/tags/', named.get('tag')),
  ]
  const given = refs.filter(ref => ref !== undefined)
  if (given.length > 1) throw invalidArgument('only one of ref, branch and tag may be given')
  const ref = given[0] ?? (colon < 0 ? fragment : fragment.slice(0, colon))
  if (!isPlainRef(ref)) throw invalidArgument(`invalid git reference: ${ref}`)
  return {
    url,
    ref,
    directory: cleanDirectory(named.get('subdir') ?? (colon < 0 ? '' : fragment.slice(colon + 1))),
    keepGitDir: flag(named.get('keep-git-dir')),
    submodules: flag(named.get('submodules')) ?? true,
    checksum: named.get('checksum') ?? named.get('commit'),
  }
}

const KEYS: ReadonlySet<string> = new Set([
  ...['ref', 'branch', 'tag', 'subdir', 'keep-git-dir', 'submodules', 'checksum', 'commit'],
])

const prefixed = (prefix: string, name: string | undefined): string | undefined =>
  name === undefined ? undefined : `${prefix}${name}`

/** Nothing that git would take for an option or for a pattern. */
const isPlainRef = (ref: string): boolean => !/^-|[\s~^:?*[\\]|\.\./.test(ref)

const cleanDirectory = (text: string): string => {
  const parts = text.split('/').filter(part => part !== '' && part !== '.')
  if (parts.includes('..')) throw invalidArgument(`invalid git subdirectory: ${text}`)
  return parts.join('/')
}

const flag = (text: string | undefined): boolean | undefined => {
  if (text === undefined) return undefined
  if (['', '1', 'true'].includes(text)) return true
  if (['0', 'false'].includes(text)) return false
  throw invalidArgument(`invalid boolean in a git URL: ${text}`)
}
