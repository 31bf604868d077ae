import { createHash } from 'node:crypto'
import { closeSync, constants, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { type ByteString, fromText, toPath } from '../../storage/archive/byte-string.ts'
import type { Content } from './context-tree.ts'
import { ContextTree } from './context-tree.ts'
import { Spool } from './spool.ts'

const CHUNK = 256 * 1024

/**
 * A directory as a context, copied, so that it may go. Of modes only what git knows is kept: whether a file can be executed.
 * `mtime`: nanoseconds, of all files. `skip`: names that are left out wherever they are.
 */
export const treeOfDirectory = async (
  directory: string,
  {
    spool: spoolPath,
    mtime,
    skip,
  }: { readonly spool: string; readonly mtime: bigint; readonly skip: readonly string[] },
  signal: AbortSignal,
): Promise<ContextTree> => {
  const spool = new Spool(spoolPath)
  const tree = new ContextTree(spool)
  const walk = async (path: ByteString): Promise<void> => {
    signal.throwIfAborted()
    for (const name of readdirSync(place(directory, path), 'latin1')) {
      if (skip.includes(name)) continue
      const below = path === '' ? name : `${path}/${name}`
      const at = place(directory, below)
      const stat = lstatSync(at)
      const common = { size: 0, mtime, linkTarget: '' }
      if (stat.isDirectory()) {
        tree.list(below, { ...common, type: 'directory', mode: 0o755 })
        await walk(below)
      } else if (stat.isSymbolicLink()) {
        tree.list(below, { ...common, type: 'symlink', mode: 0o777, linkTarget: readlinkSync(at, 'latin1') })
      } else if (stat.isFile()) {
        const content = await spooled(at, spool, signal)
        tree.list(
          below,
          { ...common, type: 'file', mode: (stat.mode & 0o111) === 0 ? 0o644 : 0o755, size: content.size },
          content,
        )
      }
    }
  }
  try {
    await walk('')
    return tree
  } catch (error) {
    tree[Symbol.dispose]()
    throw error
  }
}

const place = (directory: string, path: ByteString): string | Buffer => toPath(`${fromText(directory)}/${path}`)

const spooled = async (path: string | Buffer, spool: Spool, signal: AbortSignal): Promise<Content> => {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const hash = createHash('sha256')
    const buffer = Buffer.allocUnsafe(CHUNK)
    const offset = spool.length
    for (;;) {
      const read = readSync(fd, buffer)
      if (read === 0) break
      const bytes = buffer.subarray(0, read)
      hash.update(bytes)
      spool.append(bytes)
      // Others have their turn between the pieces of large files.
      if (read === CHUNK) await setImmediate(undefined, { signal })
    }
    return { source: spool, offset, size: spool.length - offset, digest: hash.digest('hex') }
  } finally {
    closeSync(fd)
  }
}
