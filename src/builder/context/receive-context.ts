import type { Readable } from 'node:stream'
import { addAbortSignal } from 'node:stream'
import { decompress } from '../../storage/archive/decompress.ts'
import { TarReader } from '../../storage/archive/tar-reader.ts'
import { ContextTree } from './context-tree.ts'
import { Spool } from './spool.ts'

/**
 * Reads a context's tar stream, compressed or not, and hashes its files while they pass. `spoolPath`: where a large one
 * may be kept; see `Spool`. The tree is the caller's to dispose. Throws InvalidArgument for what is no archive.
 */
export const receiveContext = async (
  stream: Readable,
  spoolPath: string,
  signal: AbortSignal,
): Promise<ContextTree> => {
  signal.throwIfAborted()
  const tree = new ContextTree(new Spool(spoolPath))
  try {
    const reader = new TarReader(tree.sink())
    addAbortSignal(signal, stream)
    const { stream: tar } = await decompress(stream)
    for await (const chunk of tar) reader.push(chunk)
    reader.finish()
    return tree
  } catch (error) {
    tree[Symbol.dispose]()
    throw error
  }
}
