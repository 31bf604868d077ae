import type { Readable } from 'node:stream'
import { paddingOf } from './tar-entry.ts'
import { TarReader } from './tar-reader.ts'
import { encodeEntry, endOfArchive } from './tar-writer.ts'

/** A plain tar in which no member is newer than `latest` (nanoseconds since the epoch); else as it was. */
export async function* clampTimes(tar: Readable, latest: bigint): AsyncGenerator<Buffer> {
  let ready: Buffer[] = []
  let padding = 0
  const reader = new TarReader({
    entry: entry => {
      const stored = entry.extents?.reduce((sum, { length }) => sum + length, 0) ?? entry.size
      padding = entry.type === 'file' ? paddingOf(stored) : 0
      ready.push(encodeEntry(entry.mtime > latest ? { ...entry, mtime: latest } : entry))
    },
    data: chunk => void ready.push(Buffer.from(chunk)),
    end: () => {
      if (padding > 0) ready.push(Buffer.alloc(padding))
    },
  })
  for await (const chunk of tar) {
    reader.push(chunk as Buffer)
    if (ready.length === 0) continue
    const joined = Buffer.concat(ready)
    ready = []
    yield joined
  }
  reader.finish()
  yield endOfArchive()
}
