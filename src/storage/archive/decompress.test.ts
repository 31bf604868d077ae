import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { decompress } from './decompress.ts'

const content = Buffer.from('what was packed comes back\n'.repeat(1000))
const FORMS = {
  none: () => content,
  gzip: () => gzipSync(content),
  zstd: () => zstdCompressSync(content),
  xz: () => execFileSync('xz', ['-c'], { input: content }),
  bzip2: () => execFileSync('bzip2', ['-c'], { input: content }),
}

for (const [compression, pack] of Object.entries(FORMS)) {
  test(`${compression}: whole, also for a reader that comes late`, async () => {
    const packed = pack()
    for (const wait of [0, 200]) {
      const { stream, compression: found } = await decompress(
        Readable.from([packed.subarray(0, 3), packed.subarray(3)]),
      )
      assert.equal(found, compression)
      // A program has ended by then: what it wrote must not be lost with it.
      await sleep(wait)
      assert.ok(content.equals(await buffer(stream)))
    }
  })

  if (compression === 'none') continue
  test(`${compression}: half of it is an error`, async () => {
    const packed = pack()
    const { stream } = await decompress(Readable.from([packed.subarray(0, packed.length / 2)]))
    await assert.rejects(buffer(stream))
  })

  test(`${compression}: an error of the source is the reader's`, async () => {
    const packed = pack()
    const source = async function* () {
      yield packed.subarray(0, packed.length / 2)
      throw new Error('the client went away')
    }
    const { stream } = await decompress(Readable.from(source()))
    await assert.rejects(buffer(stream))
  })
}
