import { lstatSync, readdirSync, rmdirSync, type Stats, statSync, unlinkSync, utimesSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { codeOf } from '../../errdefs.ts'
import { resolveInside } from '../../runtime/user.ts'

/** What a running process has mounted over the image; deepest first. The runtime makes what is missing of it. */
const MOUNT_POINTS = ['/etc/hostname', '/etc/hosts', '/etc/resolv.conf', '/etc', '/dev', '/proc', '/sys']

type Parent = { readonly path: string; readonly stat: Stats; readonly names: readonly string[] }

/**
 * The mount points that an image does not have: the runtime makes them for a step, and they are not the step's result.
 * `remove` takes them away while the root is mounted; `tidy` then takes what is left of them, directories without any
 * change, out of the changes.
 */
export class MissingMountPoints {
  readonly #root: string
  readonly #missing: readonly string[]
  readonly #parents: readonly Parent[]
  #unchanged: readonly string[] = []

  /** `targets`: what the step mounts itself. */
  constructor(root: string, targets: readonly string[] = []) {
    this.#root = root
    const missing = [...targets.flatMap(withParents), ...MOUNT_POINTS].flatMap(path => {
      const real = resolveInside(root, path)
      return real === undefined || isThere(real) ? [] : [real]
    })
    this.#missing = [...new Set(missing)].sort((a, b) => b.split('/').length - a.split('/').length)
    this.#parents = [...new Set(this.#missing.map(path => dirname(path)))].flatMap(path => {
      const stat = statSync(path, { throwIfNoEntry: false })
      return stat === undefined ? [] : [{ path, stat, names: readdirSync(path) }]
    })
  }

  remove(): void {
    for (const path of this.#missing) removeIfEmpty(path)
    const unchanged = this.#parents.filter(isUnchanged)
    this.#unchanged = unchanged.map(({ path }) => path.slice(this.#root.length))
    // What has changed for another reason has a time of its own.
    for (const { path, stat } of unchanged) {
      if (statSync(path).mtimeMs !== stat.mtimeMs) utimesSync(path, stat.atime, stat.mtime)
    }
  }

  /** `upper`: where the changes lie. */
  tidy(upper: string): void {
    for (const inside of this.#unchanged) if (inside !== '') removeIfEmpty(join(upper, inside))
  }
}

/** `/a/b` and `/a`. */
const withParents = (path: string): string[] => {
  const names = path.split('/').filter(Boolean)
  return names.map((_, at) => `/${names.slice(0, at + 1).join('/')}`)
}

const isThere = (path: string): boolean => {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined
  } catch (error) {
    // Below a file: the runtime will say so.
    if (codeOf(error) === 'ENOTDIR') return true
    throw error
  }
}

const isUnchanged = ({ path, stat, names }: Parent): boolean => {
  const now = statSync(path, { throwIfNoEntry: false })
  if (now === undefined || now.mode !== stat.mode || now.uid !== stat.uid || now.gid !== stat.gid) return false
  // Where nothing was, a directory made anew would look the same but for its number.
  if (names.length === 0 && now.ino !== stat.ino) return false
  return readdirSync(path).join('/') === names.join('/')
}

const removeIfEmpty = (path: string): void => {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat?.isFile() && stat.size === 0) unlinkSync(path)
  if (!stat?.isDirectory()) return
  try {
    rmdirSync(path)
  } catch (error) {
    // The step has put something there: then it is the step's.
    if (codeOf(error) !== 'ENOTEMPTY') throw error
  }
}
