// ADD of archives of the context, however they are compressed, and of what only looks like one.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, before, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { build, type Context, contextTar, lastOutput } from '../harness/build.ts'
import { TestDaemon } from '../harness/daemon.ts'

let daemon: TestDaemon
before(async () => {
  daemon = await TestDaemon.start()
})
after(() => daemon[Symbol.asyncDispose]())

const tar = contextTar({ 'in/f': 'inside\n' })
const FILES: Context = {
  'plain.tar': { content: tar },
  'gzip.tar.gz': { content: gzipSync(tar) },
  'zstd.tar.zst': { content: zstdCompressSync(tar) },
  'bzip2.tar.bz2': { content: execFileSync('bzip2', ['-c'], { input: tar }) },
  'xz.tar.xz': { content: execFileSync('xz', ['-c'], { input: tar }) },
  'one.gz': { content: gzipSync('only a file\n') },
  'broken.tar.gz': { content: gzipSync(tar).subarray(0, 30) },
  'tar.txt': 'not one\n',
}
const listing = async (step: string): Promise<string> => {
  const dockerfile = `FROM busybox\n${step}\nRUN cd /t && find . -type f | sort | xargs\n`
  const result = await build(daemon.client, dockerfile, FILES, { nocache: 1 })
  assert.equal(result.error, undefined)
  return lastOutput(result).trim()
}

for (const [step, expected] of [
  ['ADD plain.tar /t/', './in/f'],
  ['ADD gzip.tar.gz /t/', './in/f'],
  ['ADD zstd.tar.zst /t/', './in/f'],
  ['ADD bzip2.tar.bz2 /t/', './in/f'],
  ['ADD xz.tar.xz /t/', './in/f'],
  ['ADD one.gz broken.tar.gz tar.txt /t/', './broken.tar.gz ./one.gz ./tar.txt'],
  ['ADD --unpack=false gzip.tar.gz /t/', './gzip.tar.gz'],
  ['ADD --unpack=true gzip.tar.gz /t/', './in/f'],
  ['ADD *.tar* /t/', './broken.tar.gz ./in/f'],
  ['COPY gzip.tar.gz /t/', './gzip.tar.gz'],
] as const) {
  test(step, async () => assert.equal(await listing(step), expected))
}

test('whether it is unpacked counts for the cache', async () => {
  const ids = []
  for (const flag of ['', '--unpack=false ', ''])
    ids.push((await build(daemon.client, `FROM busybox\nADD ${flag}gzip.tar.gz /k/\n`, FILES)).id)
  assert.equal(ids[0], ids[2])
  assert.notEqual(ids[0], ids[1])
})
