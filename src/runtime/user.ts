import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, readSync } from 'node:fs'
import { posix } from 'node:path'
import { codeOf, invalidArgument } from '../errdefs.ts'

/** Who a process runs as, found in the container's own `/etc/passwd` and `/etc/group`. */
export type ProcessUser = {
  readonly uid: number
  readonly gid: number
  readonly additionalGids: readonly number[]
  /** `/` when the user has no entry. */
  readonly home: string
}

const LIMIT = 8 * 1024 * 1024
const LINKS = 40

/**
 * Reads a file inside a root file system without leaving it: symbolic links are followed as the container would
 * follow them. Undefined when it is not there or not a regular file.
 */
export const readInside = (root: string, path: string): string | undefined => {
  const real = resolveInside(root, path)
  if (real === undefined) return undefined
  let fd: number
  try {
    // Opening a device is an act in itself, and a container may have put one there.
    if (!lstatSync(real).isFile()) return undefined
    fd = openSync(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch {
    return undefined
  }
  try {
    const { size } = fstatSync(fd)
    if (!fstatSync(fd).isFile() || size > LIMIT) return undefined
    const bytes = Buffer.alloc(size)
    return bytes.toString('utf8', 0, readSync(fd, bytes, 0, size, 0))
  } finally {
    closeSync(fd)
  }
}

/** The host path of a container path, links followed inside `root`. Undefined when a link loops. */
export const resolveInside = (root: string, path: string): string | undefined => {
  const pending = path.split('/').filter(Boolean).reverse()
  const done: string[] = []
  let links = 0
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (name === '.') continue
    if (name === '..') {
      done.pop()
      continue
    }
    let target: string | undefined
    try {
      target = readlinkSync(posix.join(root, ...done, name))
    } catch (error) {
      // EINVAL: not a link. ENOENT and ENOTDIR: whoever opens the path will see.
      if (!['EINVAL', 'ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return undefined
    }
    if (target === undefined) {
      done.push(name)
      continue
    }
    if (++links > LINKS) return undefined
    if (target.startsWith('/')) done.length = 0
    pending.push(...target.split('/').filter(Boolean).reverse())
  }
  return posix.join(root, ...done)
}

const entriesOf = (text: string | undefined): string[][] =>
  (text ?? '')
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => line.split(':'))

const idOf = (text: string): number | undefined => {
  if (!/^\d+$/.test(text)) return undefined
  const id = Number(text)
  if (id > 0x7fffffff) throw invalidArgument(`uids and gids must be in range 0-2147483647`)
  return id
}

/**
 * Resolves `user[:group]` (names or numbers, empty for root), with `groupAdd` on top, as Docker does.
 * Throws InvalidArgument for names that the container does not know.
 */
export const resolveUser = (
  root: string,
  user: string,
  groupAdd: readonly string[] = [],
  read: (root: string, path: string) => string | undefined = readInside,
): ProcessUser => {
  const passwd = entriesOf(read(root, '/etc/passwd'))
  const groups = entriesOf(read(root, '/etc/group'))
  const colon = user.indexOf(':')
  const userPart = colon < 0 ? user : user.slice(0, colon)
  const groupPart = colon < 0 ? '' : user.slice(colon + 1)

  const numericUser = userPart === '' ? 0 : idOf(userPart)
  const entry = passwd.find(
    ([name, , uid]) => name === userPart || (numericUser !== undefined && Number(uid) === numericUser),
  )
  if (!entry && numericUser === undefined) {
    throw invalidArgument(`unable to find user ${userPart}: no matching entries in passwd file`)
  }
  const uid = entry ? Number(entry[2]) : (numericUser ?? 0)

  const groupId = (name: string): number => {
    const found = groups.find(([candidate]) => candidate === name)
    const id = found ? Number(found[2]) : idOf(name)
    if (id === undefined) throw invalidArgument(`unable to find group ${name}: no matching entries in group file`)
    return id
  }
  const gid = groupPart === '' ? (entry ? Number(entry[3]) : 0) : groupId(groupPart)
  const memberships =
    groupPart === '' && entry
      ? groups.filter(([, , , members]) => members?.split(',').includes(entry[0] ?? '')).map(([, , id]) => Number(id))
      : []
  const additional = [...new Set([...memberships, ...groupAdd.map(groupId)])]
  // The primary group is listed first, as login(1) has it, so that a supplementary check finds it too.
  return { uid, gid, additionalGids: [gid, ...additional.filter(id => id !== gid)], home: entry?.[5] || '/' }
}
