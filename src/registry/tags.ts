import { messageOf } from '../errdefs.ts'
import { fieldsOf, parseJson } from './json-body.ts'
import { RegistryError } from './registry-error.ts'
import type { Session } from './session.ts'

const PAGE_LIMIT = 8 * 1024 * 1024
const MOST_PAGES = 10_000

/** The address of the next page. https://www.rfc-editor.org/rfc/rfc8288 */
const nextOf = (link: string | undefined): string | undefined => /<([^>]*)>\s*;[^,]*rel="?next"?/.exec(link ?? '')?.[1]

/** All tags of a repository, however many pages they take. */
export const listTags = async (options: {
  readonly session: Session
  readonly root: string
  readonly scopes: readonly string[]
  readonly attempts: number
  readonly signal?: AbortSignal | undefined
}): Promise<string[]> => {
  const { session, root, scopes, attempts, signal } = options
  const tags: string[] = []
  const seen = new Set<string>()
  let target: string | URL = `${root}/tags/list`
  while (seen.size < MOST_PAGES) {
    const url = session.urlOf(target)
    if (seen.has(url.href)) throw new RegistryError('the list of tags leads back to itself')
    seen.add(url.href)
    await using response = await session.request({
      ...{ method: 'GET', target: url, scopes, attempts, signal },
      expected: status => status === 200,
    })
    const text = (await response.bytes(PAGE_LIMIT)).toString()
    try {
      const page = fieldsOf(parseJson(text)).tags
      if (Array.isArray(page)) for (const tag of page) if (typeof tag === 'string') tags.push(tag)
    } catch (error) {
      throw new RegistryError(messageOf(error), { cause: error })
    }
    const { link } = response.headers
    const next = nextOf(Array.isArray(link) ? link[0] : link)
    if (next === undefined || !URL.canParse(next, url.href)) return tags
    target = new URL(next, url)
  }
  throw new RegistryError(`the list of tags has more than ${MOST_PAGES} pages`)
}
