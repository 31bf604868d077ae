import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf } from '../../errdefs.ts'

const BLOCK = 512

/** Bytes that a tree takes on its disk. What goes away meanwhile does not count. */
export const treeSize = async (directory: string): Promise<number> => {
  let size = 0
  const pending = [directory]
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    try {
      const entries = await readdir(path, { withFileTypes: true })
      for (const entry of entries) {
        const inside = join(path, entry.name)
        if (entry.isDirectory()) pending.push(inside)
        else size += (await lstat(inside)).blocks * BLOCK
      }
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') throw error
    }
  }
  return size
}
