import { Readable } from 'node:stream'
import { decompress } from '../../storage/archive/decompress.ts'
import { BLOCK } from '../../storage/archive/tar-entry.ts'
import { decodeHeader } from '../../storage/archive/tar-header.ts'
import type { Selected } from './select-sources.ts'

const CHUNK = 64 * 1024

/** A file's content as a tar, uncompressed when it was compressed. Undefined when it is no archive: ADD copies it then. */
export const openArchive = async (selected: Selected): Promise<Readable | undefined> => {
  const { stream } = await decompress(Readable.from(content(selected), { objectMode: false }))
  const iterator = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  let start: Buffer = Buffer.alloc(0)
  try {
    while (start.length < BLOCK) {
      const { done, value } = await iterator.next()
      if (done) break
      start = Buffer.concat([start, value])
    }
    if (start.length >= BLOCK && isHeader(start.subarray(0, BLOCK)))
      return Readable.from(rejoin(start, iterator), { objectMode: false })
  } catch {
    // Broken compression: a file that only looks like an archive.
  }
  await iterator.return?.()
  return undefined
}

const isHeader = (block: Buffer): boolean => {
  try {
    return decodeHeader(block) !== undefined
  } catch {
    return false
  }
}

async function* content({ tree, path }: Selected): AsyncGenerator<Buffer> {
  for (let position = 0; ; ) {
    const buffer = Buffer.allocUnsafe(CHUNK)
    const read = tree.read(path, buffer, position)
    if (read === 0) return
    position += read
    yield buffer.subarray(0, read)
  }
}

async function* rejoin(start: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield start
    for (;;) {
      const { done, value } = await rest.next()
      if (done) return
      yield value
    }
  } finally {
    await rest.return?.()
  }
}
