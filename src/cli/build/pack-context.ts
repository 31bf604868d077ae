import type { Stats } from 'node:fs'
import { lstat, open, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { IgnoreRules } from './ignore-rules.ts'
import { END, type Entry, padding, tarHeader } from './tar-writer.ts'

const CHUNK = 256 * 1024

export type ExtraFile = { readonly name: string; readonly data: Buffer }

/**
 * A directory as a tar stream, made while it is read: every entry owned by 0:0, sockets left out, hard links kept, names
 * in order, so that the same tree gives the same stream. `extra`: files that are not in the tree (a Dockerfile from elsewhere).
 */
export async function* packContext(
  root: string,
  rules: IgnoreRules,
  extra: readonly ExtraFile[] = [],
): AsyncGenerator<Buffer> {
  const links = new Map<string, string>()
  let waiting: Buffer[] = []
  let size = 0
  // Small pieces travel together: a chunk each would cost more than reading the files.
  for await (const piece of entries(root, '', rules, links, extra)) {
    waiting.push(piece)
    size += piece.length
    if (size < CHUNK) continue
    yield Buffer.concat(waiting)
    waiting = []
    size = 0
  }
  yield Buffer.concat([...waiting, END])
}

async function* entries(
  root: string,
  at: string,
  rules: IgnoreRules,
  links: Map<string, string>,
  extra: readonly ExtraFile[],
): AsyncGenerator<Buffer> {
  for (const name of (await readdir(join(root, at))).sort()) {
    const path = at === '' ? name : `${at}/${name}`
    if (extra.some(file => file.name === path)) continue
    const ignored = rules.ignores(path)
    const stat = await lstat(join(root, path))
    if (stat.isDirectory()) {
      if (ignored && rules.prunes(path)) continue
      if (!ignored) yield tarHeader({ name: path, type: 'directory', stat })
      yield* entries(root, path, rules, links, extra)
    } else if (!ignored) yield* leaf(root, path, stat, links)
  }
  if (at !== '') return
  for (const { name, data } of extra) {
    const stat = { mode: 0o600, mtimeMs: 0, size: data.length, rdev: 0 }
    yield tarHeader({ name, type: 'file', stat })
    yield data
    yield padding(data.length)
  }
}

async function* leaf(root: string, name: string, stat: Stats, links: Map<string, string>): AsyncGenerator<Buffer> {
  const full = join(root, name)
  if (stat.isSymbolicLink()) return yield tarHeader({ name, type: 'symlink', stat, link: await readlink(full) })
  const type = typeOf(stat)
  if (type === undefined) return
  if (stat.nlink > 1 && type === 'file') {
    const first = links.get(`${stat.dev}:${stat.ino}`)
    if (first !== undefined) return yield tarHeader({ name, type: 'hardlink', stat, link: first })
    links.set(`${stat.dev}:${stat.ino}`, name)
  }
  if (type !== 'file') return yield tarHeader({ name, type, stat })
  await using file = await open(full)
  // What the open file says counts: it may have been replaced since it was listed.
  const now = await file.stat()
  yield tarHeader({ name, type, stat: now })
  let left = now.size
  while (left > 0) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(Math.min(left, CHUNK)), 0)
    if (bytesRead === 0)
      throw new Error(`archive/tar: missed writing ${left} bytes: ${name} became shorter while it was read`)
    left -= bytesRead
    yield buffer.subarray(0, bytesRead)
  }
  yield padding(now.size)
}

const typeOf = (stat: Stats): Entry['type'] | undefined => {
  if (stat.isFile()) return 'file'
  if (stat.isFIFO()) return 'fifo'
  if (stat.isCharacterDevice()) return 'character'
  return stat.isBlockDevice() ? 'block' : undefined
}
