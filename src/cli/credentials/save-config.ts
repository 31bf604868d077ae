import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { codeOf, messageOf } from '../../errdefs.ts'

/**
 * Changes `config.json`: read anew, changed, written beside itself and renamed, so that it is never half there, and what we do not
 * know in it stays. A file that is a link stays one. Throws an Error when it is not JSON: what somebody wrote is not thrown away.
 */
export const saveConfig = (path: string, change: (settings: Record<string, unknown>) => void): void => {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const target = resolveLink(path)
  const settings = readObject(target)
  change(settings)
  const temporary = join(dirname(target), `${basename(target)}${process.pid}.tmp`)
  try {
    const file = openSync(temporary, 'wx', 0o600)
    try {
      keepOwner(target, file)
      writeSync(file, JSON.stringify(settings, undefined, '\t'))
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(temporary, target)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}

const readObject = (path: string): Record<string, unknown> => {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return {}
    throw error
  }
  try {
    return text.trim() === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
  } catch (error) {
    throw new Error(`${path} is not JSON (${messageOf(error)}); it is left as it is`, { cause: error })
  }
}

/** Where a link leads in the end; what it names need not be there. */
const resolveLink = (path: string, depth = 0): string => {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (!stat?.isSymbolicLink() || depth > 40) return path
  return resolveLink(resolve(dirname(path), readlinkSync(path)), depth + 1)
}

/** Owner and mode of the file that is replaced; a new one is its maker's alone. */
const keepOwner = (path: string, file: number): void => {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined) return
  fchmodSync(file, stat.mode & 0o777)
  if (process.getuid?.() === 0) fchownSync(file, stat.uid, stat.gid)
}
