// Registries that hang, break, lie about where things are, and want to be asked again: each with a clear error or none at all,
// nothing left behind, and a next try that succeeds.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { FakeRegistry } from '../harness/fake-registry.ts'
import { storedFiles, succeeded } from '../harness/image-transfer.ts'
import { layerOf, type MadeImage, makeImage, makeLayer, noise } from '../harness/layer-image.ts'
import type { Fault } from '../harness/registry-fault.ts'
import { FaultBench } from '../harness/registry-faults.ts'

let bench: FaultBench
let registry: FakeRegistry
before(async () => {
  // One attempt that brings nothing is enough; one that brought something is always followed by another.
  bench = await FaultBench.start(['--max-download-attempts', '1', '--registry-timeout', '1s'])
  registry = bench.registry
})
after(() => bench[Symbol.asyncDispose]())

let seeds = 0
const SIZE = 400_000
/** Of one layer that is large enough to break in the middle. */
const freshImage = (): MadeImage =>
  makeImage({ layers: [makeLayer([{ path: 'file', content: noise(SIZE, ++seeds) }])] })
const layerPath = (path: string, image: MadeImage): string => `/v2/${path}/blobs/${layerOf(image).descriptor.digest}`
const TOKEN = /^\/token$/
const ALWAYS = Number.POSITIVE_INFINITY
/** Requests for the layer: the Range that each had. */
const rangesOf = (path: string, image: MadeImage): (string | undefined)[] =>
  registry.seen({ method: 'GET', path: layerPath(path, image) }).map(({ headers }) => headers.range)

test('it says nothing when asked for the manifest', async () => {
  const path = 'silent/manifest'
  await bench.assertFault(path, {
    image: freshImage(),
    words: /timeout|deadline/i,
    spoil: () => registry.spoil({ path: `${path}/manifests` }, { kind: 'hang', after: -1 }, ALWAYS),
  })
})

test('it falls silent in the middle of a layer, each time', async () => {
  const path = 'silent/layer'
  const image = freshImage()
  await bench.assertFault(path, {
    image,
    words: /timeout|deadline/i,
    spoil: () => {
      registry.spoil({ path: layerPath(path, image) }, { kind: 'hang', after: 100_000 })
      registry.spoil({ path: layerPath(path, image) }, { kind: 'hang', after: 0 }, ALWAYS)
    },
  })
})

test('it falls silent once: the rest is asked for, and only that', async () => {
  const path = 'silent/once'
  const image = freshImage()
  registry.add(path, '1', image)
  registry.spoil({ path: layerPath(path, image) }, { kind: 'hang', after: 100_000 })
  await bench.assertPulls(path, image)
  assert.deepEqual(rangesOf(path, image), [undefined, 'bytes=100000-'])
})

test('the connection is reset before anything came', async () => {
  const path = 'reset/before'
  const image = freshImage()
  await bench.assertFault(path, {
    image,
    words: /connection reset|EOF/i,
    spoil: () => registry.spoil({ path: layerPath(path, image) }, { kind: 'cut', after: -1 }, ALWAYS),
  })
})

test('the connection breaks in the middle: the rest is asked for, and only that', async () => {
  const path = 'reset/middle'
  const image = freshImage()
  registry.add(path, '1', image)
  registry.spoil({ path: layerPath(path, image) }, { kind: 'cut', after: 150_000 })
  registry.spoil({ path: layerPath(path, image) }, { kind: 'cut', after: 100_000 })
  await bench.assertPulls(path, image)
  assert.deepEqual(rangesOf(path, image), [undefined, 'bytes=150000-', 'bytes=250000-'])
})

test('a body that ends too soon without a length to tell is noticed', async () => {
  const path = 'reset/short'
  const image = freshImage()
  registry.add(path, '1', image)
  registry.spoil({ path: layerPath(path, image) }, { kind: 'short', after: 150_000 })
  await bench.assertPulls(path, image)
  assert.deepEqual(rangesOf(path, image), [undefined, 'bytes=150000-'])
})

test('it knows no ranges: the layer comes once more from its beginning', async () => {
  const path = 'ranges/none'
  const image = freshImage()
  registry.add(path, '1', image)
  registry.spoil({ path: layerPath(path, image) }, { kind: 'cut', after: 150_000 })
  registry.spoil({ path: layerPath(path, image) }, { kind: 'no-range' }, ALWAYS)
  await bench.assertPulls(path, image)
})

test('it answers another range than was asked for: nothing wrong is taken in', async () => {
  const path = 'ranges/wrong'
  const image = freshImage()
  registry.add(path, '1', image)
  registry.spoil({ path: layerPath(path, image) }, { kind: 'cut', after: 150_000 })
  const size = layerOf(image).descriptor.size
  const headers = { 'Content-Range': `bytes 7-${size - 150_001 + 7}/${size}` }
  registry.spoil({ path: layerPath(path, image) }, { kind: 'head', headers })
  const before = storedFiles(bench.daemon.dataRoot)
  const answer = await bench.pull(path)
  if (answer.error === undefined) assert.equal(await bench.idOf(path), image.id)
  else await bench.assertStored(before)
  registry.heal()
  succeeded(await bench.pull(path))
  assert.equal(await bench.idOf(path), image.id)
})

test('it drips, but it comes: slow is not silent', async () => {
  const path = 'slow/drip'
  const image = freshImage()
  registry.add(path, '1', image)
  registry.spoil({ path: layerPath(path, image) }, { kind: 'drip', bytes: 30_000, every: 100 })
  await bench.assertPulls(path, image)
  assert.deepEqual(rangesOf(path, image), [undefined])
})

const HTML = '<!DOCTYPE html><html><head><title>Welcome</title></head><body>Please log in</body></html>'
const html = (status: number) =>
  ({ kind: 'reply', status, headers: { 'Content-Type': 'text/html' }, body: HTML }) as const

test('a page instead of a manifest', async () => {
  const path = 'html/manifest'
  const answer = await bench.assertFault(path, {
    image: freshImage(),
    words: /^error unmarshalling content: invalid character '<' looking for beginning of value$/,
    spoil: () => registry.spoil({ path: `${path}/manifests` }, html(200), ALWAYS),
  })
  assert.equal(answer.error?.includes('<body>'), false, answer.error)
})

test('a page instead of a layer', async () => {
  const path = 'html/layer'
  const image = freshImage()
  await bench.assertFault(path, {
    image,
    words: /verification failed|unexpected EOF|size/i,
    spoil: () => registry.spoil({ path: layerPath(path, image) }, html(200), ALWAYS),
  })
})

test('pages of a proxy in trouble', async () => {
  const path = 'html/proxy'
  const answer = await bench.assertFault(path, {
    image: freshImage(),
    words: /502 Bad Gateway/i,
    spoil: () => registry.spoil({ path: `${path}/manifests` }, html(502), ALWAYS),
  })
  assert.ok((answer.error ?? '').length < 400, answer.error)
})

test('redirects in a circle', async () => {
  const path = 'circle/layer'
  const image = freshImage()
  const there = `${registry.url}${layerPath(path, image)}`
  await bench.assertFault(path, {
    image,
    words: /stopped after 10 redirects/,
    spoil: () =>
      registry.spoil(
        { path: layerPath(path, image) },
        { kind: 'reply', status: 307, headers: { Location: there } },
        ALWAYS,
      ),
  })
})

test('a redirect to another host gets no credentials of this one', async () => {
  await using closed = await FakeRegistry.start({ tokens: true })
  await using storage = await FakeRegistry.start()
  const path = 'elsewhere/layer'
  const image = freshImage()
  closed.add(path, '1', image)
  storage.add(path, '1', image)
  const Location = `${storage.url}${layerPath(path, image)}?signature=secret`
  closed.spoil({ path: layerPath(path, image) }, { kind: 'reply', status: 307, headers: { Location } }, ALWAYS)
  const { client } = bench.daemon
  const name = `${closed.host}/${path}:1`
  const answer = await client.request('POST', '/images/create', { query: { fromImage: name } })
  assert.equal(answer.text.includes('"error"'), false, answer.text)
  const [asked] = closed.seen({ path: layerPath(path, image) })
  assert.match(asked?.headers.authorization ?? '', /^Bearer /)
  const elsewhere = storage.seen({ path: layerPath(path, image) })
  assert.equal(elsewhere.length, 1)
  assert.equal(elsewhere[0]?.headers.authorization, undefined)
  assert.equal(bench.daemon.log().includes('secret'), false)
})

test('the signed place of a layer is asked for anew when it expires in the middle', async () => {
  await using storage = await FakeRegistry.start()
  const path = 'elsewhere/expired'
  const image = freshImage()
  registry.add(path, '1', image)
  storage.add(path, '1', image)
  const to = (mark: string): Fault => {
    const headers = { Location: `${storage.url}${layerPath(path, image)}?mark=${mark}` }
    return { kind: 'reply', status: 307, headers }
  }
  registry.spoil({ path: layerPath(path, image) }, to('first'))
  registry.spoil({ path: layerPath(path, image) }, to('second'))
  storage.spoil({ path: layerPath(path, image) }, { kind: 'cut', after: 100_000 })
  await bench.assertPulls(path, image)
  const asked = storage.seen({ path: layerPath(path, image) })
  assert.deepEqual(
    asked.map(({ query, headers }) => [query.get('mark'), headers.range]),
    [
      ['first', undefined],
      ['second', 'bytes=100000-'],
    ],
  )
})

test('it takes no token any more after half of a layer: a new one, and the other half', async () => {
  await using closed = await FakeRegistry.start({ tokens: true })
  const path = 'tokens/half'
  const image = freshImage()
  closed.add(path, '1', image)
  closed.spoil({ path: layerPath(path, image) }, { kind: 'cut', after: 200_000 }, 1, () => closed.forgetTokens())
  const name = `${closed.host}/${path}:1`
  const answer = await bench.daemon.client.request('POST', '/images/create', { query: { fromImage: name } })
  assert.equal(answer.text.includes('"error"'), false, answer.text)
  const asked = closed.seen({ path: layerPath(path, image) })
  assert.deepEqual(
    asked.map(({ headers }) => headers.range),
    [undefined, 'bytes=200000-', 'bytes=200000-'],
  )
  const tokens = asked.map(({ headers }) => headers.authorization)
  assert.equal(tokens[0], tokens[1])
  assert.notEqual(tokens[1], tokens[2])
})

test('it refuses each token that it gives: no endless asking', async () => {
  await using closed = await FakeRegistry.start({ tokens: true })
  const path = 'tokens/never'
  closed.add(path, '1', freshImage())
  closed.spoil({ path: TOKEN }, { kind: 'reply', status: 200, body: '{"token":"no good"}' }, ALWAYS)
  const name = `${closed.host}/${path}:1`
  const { text, status } = await bench.daemon.client.request('POST', '/images/create', { query: { fromImage: name } })
  assert.ok(status === 401 || status === 404 || status === 500, String(status))
  assert.match(text, /unauthorized|authentication required|access denied/)
  assert.ok(closed.seen({ path: TOKEN }).length <= 4)
  assert.equal(text.includes('no good'), false)
})

test('the token service answers a page, hangs, refuses', async () => {
  await using closed = await FakeRegistry.start({ tokens: true })
  const path = 'tokens/service'
  closed.add(path, '1', freshImage())
  const name = `${closed.host}/${path}:1`
  const ask = async () =>
    (await bench.daemon.client.request('POST', '/images/create', { query: { fromImage: name } })).text
  closed.spoil({ path: TOKEN }, html(200), ALWAYS)
  assert.match(await ask(), /token/i)
  closed.heal()
  closed.spoil({ path: TOKEN }, { kind: 'hang', after: -1 }, ALWAYS)
  assert.match(await ask(), /timeout|deadline/i)
  closed.heal()
  closed.spoil({ path: TOKEN }, html(403), ALWAYS)
  assert.match(await ask(), /denied|403|Forbidden/)
  closed.heal()
  assert.equal((await ask()).includes('"error"'), false)
})

test('too many requests: it is asked again after as long as it said', async () => {
  await using patient = await FaultBench.start(['--max-download-attempts', '3'])
  const path = 'busy/later'
  const image = freshImage()
  patient.registry.add(path, '1', image)
  const when: number[] = []
  const note = () => void when.push(Date.now())
  const busy = (status: number, seconds: number): Fault => ({
    ...{ kind: 'reply', status },
    headers: { 'Retry-After': String(seconds) },
  })
  patient.registry.spoil({ path: `${path}/manifests` }, busy(429, 1), 1, note)
  patient.registry.spoil({ path: `${path}/manifests` }, { kind: 'head', headers: {} }, ALWAYS, note)
  patient.registry.spoil({ path: layerPath(path, image) }, busy(503, 0), 2)
  await patient.assertPulls(path, image)
  assert.ok(Number(when[1]) - Number(when[0]) >= 990, `asked again after ${Number(when[1]) - Number(when[0])} ms`)
})

test('too many requests, and it wants an hour: the words are told at once', async () => {
  const path = 'busy/hour'
  const body = '{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}'
  const headers = { 'Retry-After': '3600', 'Content-Type': 'application/json' }
  await bench.assertFault(path, {
    image: freshImage(),
    words: /toomanyrequests: You have reached your pull rate limit\./,
    spoil: () => registry.spoil({ path: `${path}/manifests` }, { kind: 'reply', status: 429, headers, body }, ALWAYS),
  })
})

test('a layer that its manifest names is not there', async () => {
  const path = 'gone/layer'
  const image = freshImage()
  const body = '{"errors":[{"code":"BLOB_UNKNOWN","message":"blob unknown to registry","detail":{}}]}'
  const headers = { 'Content-Type': 'application/json' }
  await bench.assertFault(path, {
    image,
    words: /blob unknown/,
    spoil: () =>
      registry.spoil({ path: layerPath(path, image) }, { kind: 'reply', status: 404, headers, body }, ALWAYS),
  })
})

test('one layer fails: the others stop, and go on from there the next time', async () => {
  const path = 'one/of-two'
  const [good, bad] = [1, 2].map(() => makeLayer([{ path: 'file', content: noise(SIZE, ++seeds) }])) as [
    MadeImage['layers'][number],
    MadeImage['layers'][number],
  ]
  const image = makeImage({ layers: [good, bad] })
  registry.add(path, '1', image)
  const before = storedFiles(bench.daemon.dataRoot)
  const slow = `/v2/${path}/blobs/${good.descriptor.digest}`
  registry.spoil({ path: slow }, { kind: 'hold', after: 2 ** 18, until: new Promise(() => {}) })
  registry.repository(path).blobs.set(bad.descriptor.digest, Buffer.from(bad.bytes).fill(0, 1000, 2000))
  registry.spoil({ path: bad.descriptor.digest }, { kind: 'hold', after: 0, until: bench.received(2 ** 18) })
  assert.match((await bench.pull(path)).error ?? '', /verification failed|invalid|corrupt|incorrect/i)
  await bench.assertStored(before)
  registry.heal()
  registry.add(path, '1', image)
  await bench.assertPulls(path, image)
  assert.deepEqual(
    registry.seen({ path: slow }).map(({ headers }) => headers.range),
    ['bytes=262144-'],
  )
})
