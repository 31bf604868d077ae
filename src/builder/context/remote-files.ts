import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import { invalidArgument } from '../../errdefs.ts'
import { fromText } from '../../storage/archive/byte-string.ts'
import type { ContextLease } from './context-store.ts'
import { type Content, ContextTree } from './context-tree.ts'
import { httpGet } from './http-get.ts'
import type { Download, RemoteIndex } from './remote-index.ts'

export type RemoteFile = { readonly tree: ContextTree; readonly name: string }

/**
 * Brings a file, unless it is here and its server says that it is still the same; with the digest that is expected nobody is asked
 * for what is here. InvalidArgument: it has another digest; else what `httpGet` throws.
 */
export const fetchRemoteFile = async (
  url: string,
  expected: string | undefined,
  { index, lease }: { readonly index: RemoteIndex; readonly lease: ContextLease },
  signal: AbortSignal,
): Promise<RemoteFile> => {
  const { href, username, password } = withoutLogin(url)
  const known = index.find(href)
  const content = known && contentOf(known)
  const isHere = content !== undefined && lease.fill([content]).length === 0
  if (known && isHere && known.digest === expected) return asTree(known, content)
  const headers: Record<string, string> = {}
  if (username !== '') headers.Authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  if (known && isHere && known.etag !== '') headers['If-None-Match'] = known.etag
  else if (known && isHere && known.modified !== '') headers['If-Modified-Since'] = known.modified
  const answer = await httpGet(href, headers, signal)
  if (answer.status === 304) {
    answer.body.destroy()
    if (known === undefined || content === undefined)
      throw invalidArgument(`failed to load ${href}: invalid response status 304`)
    requireDigest(known.digest, expected)
    return asTree(known, content)
  }
  const fresh: Content = { source: undefined, offset: 0, size: 0, digest: '' }
  await lease.bring(async writer => {
    const hash = createHash('sha256')
    fresh.offset = writer.length
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      hash.update(chunk)
      writer.append(chunk)
    }
    signal.throwIfAborted()
    fresh.size = writer.length - fresh.offset
    fresh.digest = hash.digest('hex')
    requireDigest(fresh.digest, expected)
    return [fresh]
  })
  const { etag = '', 'last-modified': modified = '', 'content-disposition': disposition = '' } = answer.headers
  const download: Download = { url: href, etag, modified, disposition, digest: fresh.digest, size: fresh.size }
  index.record(download)
  return asTree(download, fresh)
}

/** What is asked with a login may be written down without it. */
const withoutLogin = (url: string): { href: string; username: string; password: string } => {
  if (!URL.canParse(url)) throw invalidArgument(`invalid URL: ${url}`)
  const parsed = new URL(url)
  const { username, password } = parsed
  parsed.username = ''
  parsed.password = ''
  parsed.hash = ''
  return { href: parsed.href, username: decodeURIComponent(username), password: decodeURIComponent(password) }
}

const contentOf = ({ digest, size }: Download): Content => ({ source: undefined, offset: 0, size, digest })

const requireDigest = (digest: string, expected: string | undefined): void => {
  if (expected !== undefined && digest !== expected)
    throw invalidArgument(`digest mismatch sha256:${digest}: sha256:${expected}`)
}

const asTree = (download: Download, content: Content): RemoteFile => {
  const tree = new ContextTree(undefined, { filtered: true })
  const name = fileName(download)
  const milliseconds = Date.parse(download.modified)
  const mtime = Number.isNaN(milliseconds) ? 0n : BigInt(milliseconds) * 1_000_000n
  // Only its owner may read what came from elsewhere.
  tree.list(fromText(name), { type: 'file', mode: 0o600, size: content.size, mtime, linkTarget: '' }, content)
  return { tree, name }
}

/** The last part of the path, else what the server calls it, else BuildKit's word for what has no name. */
const fileName = ({ url, disposition }: Download): string => {
  const name = usable(posix.basename(decoded(new URL(url).pathname)))
  if (name !== undefined) return name
  const [, extended] = /filename\*=UTF-8''([^;]+)/i.exec(disposition) ?? []
  const [, quoted, plain] = /filename=(?:"([^"]*)"|([^;\s]+))/i.exec(disposition) ?? []
  const told = extended === undefined ? (quoted ?? plain) : decoded(extended)
  return usable(posix.basename((told ?? '').replaceAll('\\', '/'))) ?? '__unnamed__'
}

const usable = (name: string): string | undefined =>
  name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0') ? undefined : name

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
