import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { mediaTypes } from '../oci/descriptor.ts'
import { digestOf } from '../oci/digest.ts'
import { compressLayer } from './compress-layer.ts'
import { ContentStore } from './content/content-store.ts'

const makeStore = (): { root: string; content: ContentStore } & Disposable => {
  const root = mkdtempSync(join(tmpdir(), 'tare-compress-'))
  return { root, content: new ContentStore(root), [Symbol.dispose]: () => rmSync(root, { recursive: true }) }
}
const inputs = {
  nothing: Buffer.alloc(0),
  'one byte': Buffer.from('x'),
  text: Buffer.from('some words of a file\n'.repeat(300_000)),
  noise: randomBytes(3_000_001),
  'one piece exactly': Buffer.alloc(512 * 1024, 'piece'),
  zeros: Buffer.alloc(20_000_000),
}

for (const [what, bytes] of Object.entries(inputs)) {
  test(`a layer is compressed, and anybody can read it: ${what}`, async () => {
    using store = makeStore()
    const plain = store.content.write(bytes)
    const [first, second] = await Promise.all([1, 2].map(() => compressLayer(store.content, plain)))
    assert.deepEqual(first, second)
    const { digest, size, mediaType } = first as NonNullable<typeof first>
    assert.equal(mediaType, mediaTypes.layerGzip)
    const packed = store.content.readSync(digest)
    assert.equal(packed.length, size)
    assert.equal(digestOf(packed), digest)
    assert.ok(gunzipSync(packed).equals(bytes))
    assert.ok(execFileSync('gzip', ['-dc'], { input: packed, maxBuffer: 1 << 30 }).equals(bytes))
    assert.deepEqual(readdirSync(join(store.root, 'content/ingest')), [])
  })
}

test('it is told how far it is, and can be stopped', async () => {
  using store = makeStore()
  const plain = store.content.write(inputs.zeros)
  const seen: number[] = []
  await compressLayer(store.content, plain, { onProgress: bytes => seen.push(bytes) })
  assert.deepEqual(
    seen,
    seen.toSorted((a, b) => a - b),
  )
  assert.equal(seen.at(-1), inputs.zeros.length)
  const controller = new AbortController()
  const stopped = compressLayer(store.content, plain, {
    signal: controller.signal,
    onProgress: () => controller.abort(new Error('enough')),
  })
  await assert.rejects(stopped, /enough/)
  assert.deepEqual(readdirSync(join(store.root, 'content/ingest')), [])
})

test('what is not there is NotFound', async () => {
  using store = makeStore()
  await assert.rejects(compressLayer(store.content, digestOf('none')), { kind: 'NotFound' })
})
