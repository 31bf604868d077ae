import { hash } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync, readlinkSync, type Stats } from 'node:fs'
import { DIRECTORY, FILE, type ListedEntry, OTHER, SYMLINK } from '../../api/context-stream.ts'
import { fileFault } from '../create/environment.ts'
import { Failure } from '../failure.ts'
import type { IgnoreRules } from './ignore-rules.ts'
import type { StatCache } from './stat-cache.ts'

/** Entries that travel together. */
const BATCH = 1000

/** One file of the list, as it can be found again. */
export type ListedFile = { readonly path: string; readonly stat: Stats }

/**
 * Lists a directory, ignored files left out. Names are kept as their bytes, one character each (latin1). `files` gets what may
 * be asked for, at the number of its entry. Synchronous inside, since a turn of the event loop costs more than a stat.
 */
export function* listContext(
  root: string,
  rules: IgnoreRules | undefined,
  cache: StatCache,
  files: (ListedFile | undefined)[],
): Generator<ListedEntry[]> {
  let batch: ListedEntry[] = []
  for (const entry of walk(root, '', rules, cache, files)) {
    batch.push(entry)
    if (batch.length < BATCH) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

function* walk(
  root: string,
  at: string,
  rules: IgnoreRules | undefined,
  cache: StatCache,
  files: (ListedFile | undefined)[],
): Generator<ListedEntry> {
  for (const name of readNames(root, at)) {
    const path = at === '' ? name : `${at}/${name}`
    const shown = rules && textOf(path)
    const ignored = shown !== undefined && rules?.ignores(shown) === true
    const stat = lstatSync(bytesOf(root, path), { throwIfNoEntry: false })
    // Gone since its directory was read.
    if (stat === undefined) continue
    if (stat.isDirectory()) {
      if (ignored && rules?.prunes(shown as string)) continue
      if (!ignored) {
        files.push(undefined)
        yield [path, DIRECTORY, stat.mode & 0o7777, micro(stat), 0, '']
      }
      yield* walk(root, path, rules, cache, files)
    } else if (!ignored && !stat.isSocket()) yield leaf(root, path, stat, cache, files)
  }
}

const leaf = (
  root: string,
  path: string,
  stat: Stats,
  cache: StatCache,
  files: (ListedFile | undefined)[],
): ListedEntry => {
  const mode = stat.mode & 0o7777
  if (stat.isFile()) {
    files.push({ path, stat })
    return [path, FILE, mode, micro(stat), stat.size, digestOf(root, path, stat, cache)]
  }
  files.push(undefined)
  if (stat.isSymbolicLink())
    return [path, SYMLINK, 0o777, micro(stat), 0, readlinkSync(bytesOf(root, path), { encoding: 'latin1' })]
  return [path, OTHER, mode, micro(stat), 0, '']
}

/**
 * Empty when the daemon is to say: a file that is not known is sent, if it is wanted at all, and read but once. One that has
 * only other times (a fresh checkout) is read here, so that it need not be sent again.
 */
const digestOf = (root: string, path: string, stat: Stats, cache: StatCache): string => {
  const known = cache.digest(path, stat)
  if (known !== '' || !cache.knewSize(path, stat.size) || stat.size > READ_LIMIT) return known
  const readAt = Date.now()
  try {
    const content = readFileSync(bytesOf(root, path))
    if (content.length !== stat.size) return ''
    const digest = hash('sha256', content, 'hex')
    cache.note(path, stat, digest, readAt)
    return digest
  } catch {
    // Whoever wants it will be told why it cannot be read.
    return ''
  }
}

/** Bytes of a file that is read whole. */
const READ_LIMIT = 64 * 1024 * 1024

const readNames = (root: string, at: string): string[] => {
  try {
    return readdirSync(bytesOf(root, at), { encoding: 'latin1' }).sort()
  } catch (error) {
    throw new Failure(1, `error from sender: ${fileFault('open', at === '' ? root : `${root}/${textOf(at)}`, error)}`)
  }
}

const micro = ({ mtimeMs }: Stats): number => Math.round(mtimeMs * 1000)

const isPlain = (name: string): boolean => {
  for (let index = 0; index < name.length; index++) if (name.charCodeAt(index) > 0x7f) return false
  return true
}

const textOf = (name: string): string => (isPlain(name) ? name : Buffer.from(name, 'latin1').toString())

/** What `node:fs` takes for a path below the root without changing a byte of it. */
export const bytesOf = (root: string, path: string): string | Buffer =>
  isPlain(path) ? `${root}/${path}` : Buffer.concat([Buffer.from(`${root}/`), Buffer.from(path, 'latin1')])
