// Push over the API: status, messages and their order, what the registry has then, names and events. With TARE_TEST_PEER the same
// is asked of Docker; where Tare does more, the test says so.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import type { Index, Manifest } from '../../src/oci/descriptor.ts'
import { digestOf, shortId } from '../../src/oci/digest.ts'
import { type EngineUnderTest, engineUnderTest } from '../harness/engine-under-test.ts'
import { eventsOf } from '../harness/events.ts'
import { FakeRegistry } from '../harness/fake-registry.ts'
import { expectStatus } from '../harness/http-client.ts'
import { pull, push, storyOf, succeeded, type Transfer, type TransferOptions } from '../harness/image-transfer.ts'
import { makeImage, makeIndex, makeLayer, noise, smallImage } from '../harness/layer-image.ts'
import { USER } from '../harness/registry-user.ts'

const isTare = process.env.TARE_TEST_PEER === undefined
const salt = String(Date.now())

let engine: EngineUnderTest
let registry: FakeRegistry
before(async () => {
  ;[engine, registry] = await Promise.all([engineUnderTest(), FakeRegistry.start()])
})
after(async () => {
  await registry[Symbol.asyncDispose]()
  await engine[Symbol.asyncDispose]()
})

type Inspect = { Id: string; RepoTags: string[]; RepoDigests: string[]; RootFS: { Layers: string[] } }

const named = (path: string): string => `${registry.host}/${path}`
const get = async (path: string, options?: TransferOptions): Promise<Transfer> =>
  succeeded(await pull(engine.client, named(path), options))
const put = (path: string, tag?: string): Promise<Transfer> => push(engine.client, named(path), { tag })
const inspect = async (path: string): Promise<Inspect> =>
  expectStatus(await engine.client.get<Inspect>(`/images/${named(path)}/json`), 200)
const tag = async (from: string, repository: string, name: string): Promise<void> => {
  expectStatus(await engine.client.post(`/images/${from}/tag`, undefined, { repo: repository, tag: name }), 201)
}
const manifestOf = (repository: string, reference: string): Manifest & Index => {
  const { tags, manifests } = registry.repository(repository)
  const found = manifests.get(tags.get(reference) ?? reference)
  assert.ok(found, `${repository} has no ${reference}`)
  return JSON.parse(found.bytes.toString()) as Manifest & Index
}
/** What the fake registry does not look at: everything that a manifest names is there, and is what it says. */
const assertWhole = (repository: string, reference: string): void => {
  const { config, layers } = manifestOf(repository, reference)
  for (const { digest, size } of [config, ...layers]) {
    const bytes = registry.repository(repository).blobs.get(digest)
    assert.ok(bytes, `${digest} is missing`)
    assert.deepEqual([digestOf(bytes), bytes.length], [digest, size])
  }
}

test('an image made here: each layer is prepared, pushed, and told of by its diffID; the digest is the registry’s', async () => {
  await tag('busybox:latest', named('push/made'), '1')
  let answer: Transfer | undefined
  const events = await eventsOf(engine.client, ['image'], async () => {
    answer = succeeded(await put('push/made', '1'))
  })
  assert.ok(answer)
  const [diffId = ''] = (await inspect('push/made:1')).RootFS.Layers
  const id = shortId(diffId)
  assert.deepEqual(answer.messages.slice(0, 2), [
    { status: `The push refers to repository [${named('push/made')}]` },
    { status: 'Preparing', progressDetail: {}, id },
  ])
  assert.deepEqual(storyOf(answer, id), ['Preparing', 'Pushing', 'Pushed'])
  const digest = registry.repository('push/made').tags.get('1') as string
  const size = registry.repository('push/made').manifests.get(digest)?.bytes.length as number
  assert.deepEqual(answer.messages.slice(-2), [
    { status: `1: digest: ${digest} size: ${size}` },
    { progressDetail: {}, aux: { Tag: '1', Digest: digest, Size: size } },
  ])
  const pushing = answer.messages.filter(({ status }) => status === 'Pushing')
  const counts = pushing.map(({ progressDetail }) => progressDetail?.current ?? -1)
  assert.deepEqual(
    counts,
    counts.toSorted((a, b) => a - b),
  )
  assert.match(pushing.at(-1)?.progress ?? '', /^\[=+> *\] +[\d.]+[kM]B/)

  assertWhole('push/made', '1')
  const [layer] = manifestOf('push/made', '1').layers
  assert.match(layer?.mediaType ?? '', /tar\.?\+?gzip$/)
  const sent = registry.repository('push/made').blobs.get(layer?.digest ?? '') as Buffer
  assert.equal(digestOf(gunzipSync(sent)), diffId, 'what was sent is the layer, bit for bit')
  assert.ok((await inspect('push/made:1')).RepoDigests.includes(named(`push/made@${digest}`)))
  assert.deepEqual(
    events.map(({ Action, Actor }) => [Action, Actor.ID, Actor.Attributes.name]),
    [['push', named('push/made:1'), named('push/made')]],
  )
})

test('what the registry has is not sent again', async () => {
  await tag('busybox:latest', named('push/twice'), '1')
  const first = succeeded(await put('push/twice', '1'))
  registry.heal()
  const again = succeeded(await put('push/twice', '1'))
  const id = again.messages[1]?.id ?? ''
  assert.deepEqual(storyOf(again, id), ['Preparing', 'Layer already exists'])
  assert.deepEqual(again.aux, first.aux)
  assert.deepEqual(registry.seen({ method: 'PATCH' }), [])
})

test('a layer that another repository of the registry has is mounted, not sent', async () => {
  registry.add('push/source', '1', smallImage(`mount ${salt}`))
  await get('push/source:1')
  const source = await inspect('push/source:1')
  await tag(named('push/source:1'), named('push/mounted'), '1')
  registry.heal()
  const answer = succeeded(await put('push/mounted', '1'))
  assert.deepEqual(storyOf(answer, shortId(source.RootFS.Layers[0] as string)), [
    'Preparing',
    'Mounted from push/source',
  ])
  const [mount] = registry.seen({ method: 'POST', path: '/v2/push/mounted/blobs/uploads/' })
  assert.equal(mount?.query.get('from'), 'push/source')
  assertWhole('push/mounted', '1')
})

test('what was pulled is pushed as it came: same manifest, same digest', {
  skip: !isTare && 'dockerd writes its own manifest',
}, async () => {
  for (const [flavour, compression] of [
    ['docker', 'gzip'],
    ['oci', 'zstd'],
    ['oci', 'none'],
  ] as const) {
    const layer = makeLayer([{ path: compression, content: noise(100_000) }], compression, flavour)
    const digest = registry.add(`push/came-${compression}`, '1', makeImage({ layers: [layer], flavour }))
    await get(`push/came-${compression}:1`)
    await using other = await FakeRegistry.start()
    await tag(named(`push/came-${compression}:1`), `${other.host}/kept`, '1')
    const [aux] = succeeded(await push(engine.client, `${other.host}/kept`, { tag: '1' })).aux
    assert.equal(aux?.Digest, digest)
    assert.ok(other.repository('kept').blobs.get(layer.descriptor.digest)?.equals(layer.bytes))
  }
})

test('no tag pushes every one', async () => {
  for (const name of ['a', 'b']) {
    registry.add('push/from', name, smallImage(`${name} ${salt}`))
    await get(`push/from:${name}`)
    await tag(named(`push/from:${name}`), named('push/every'), name)
  }
  const answer = succeeded(await put('push/every'))
  assert.deepEqual(answer.aux.map(({ Tag }) => Tag).sort(), ['a', 'b'])
  assert.deepEqual([...registry.repository('push/every').tags.keys()].sort(), ['a', 'b'])
  for (const { Tag, Digest } of answer.aux) assert.equal(registry.repository('push/every').tags.get(Tag), Digest)
})

test('an index is pushed as it was pulled when all of it is here; else the one image', {
  skip: !isTare && 'dockerd keeps no index',
}, async () => {
  const amd = smallImage(`amd ${salt}`)
  const arm = smallImage(`arm ${salt}`, { platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } })
  const index = makeIndex([amd, arm], 'oci')
  registry.add('push/index', '1', index)
  for (const platform of ['linux/amd64', 'linux/arm64']) await get('push/index:1', { platform })
  await using other = await FakeRegistry.start()
  await tag(named('push/index:1'), `${other.host}/whole`, '1')
  const [whole] = succeeded(await push(engine.client, `${other.host}/whole`, { tag: '1' })).aux
  assert.equal(whole?.Digest, index.target.descriptor.digest)
  assert.equal(other.repository('whole').tags.get('1'), index.target.descriptor.digest)
  for (const { bytes, descriptor } of [...amd.blobs, ...arm.blobs])
    assert.ok(other.repository('whole').blobs.get(descriptor.digest)?.equals(bytes))

  const one = await push(engine.client, `${other.host}/whole`, {
    tag: '1',
    platform: JSON.stringify({ os: 'linux', architecture: 'arm64' }),
  })
  assert.equal(succeeded(one).aux[0]?.Digest, arm.target.descriptor.digest)
})

test('a platform that is not here is a 404', async () => {
  registry.add('push/platform', '1', smallImage(`platform ${salt}`))
  await get('push/platform:1')
  const platform = JSON.stringify({ os: 'linux', architecture: 's390x' })
  const { status, error } = await push(engine.client, named('push/platform'), { tag: '1', platform })
  const message = `image with reference ${named('push/platform:1')} was found but its platform (linux/amd64) does not match the specified platform (linux/s390x)`
  assert.deepEqual({ status, error }, { status: 404, error: message })
})

test('what cannot be pushed is said in the stream', async () => {
  registry.add('push/error', '1', smallImage(`error ${salt}`))
  await get('push/error:1')
  const digest = registry.repository('push/error').tags.get('1')
  const refers = (path: string) => `The push refers to repository [${named(path)}]`
  const cases = [
    ['push/error', '2', `tag does not exist: ${named('push/error:2')}`],
    ['push/none', '1', `An image does not exist locally with the tag: ${named('push/none')}`],
    ['push/none', undefined, `An image does not exist locally with the tag: ${named('push/none')}`],
    // Tare can: the registry has it by that digest then.
    ...(isTare ? [] : ([[`push/error@${digest}`, undefined, 'cannot push a digest reference']] as const)),
  ] as const
  for (const [path, name, message] of cases) {
    const { status, messages } = await put(path, name)
    assert.equal(status, 200)
    assert.deepEqual(messages, [
      { status: refers(path.replace(/@.*/, '')) },
      { errorDetail: { message }, error: message },
    ])
  }
  await tag('busybox:latest', '127.0.0.1:1/push/refused', '1')
  const refused = await push(engine.client, '127.0.0.1:1/push/refused', { tag: '1' })
  assert.match(
    refused.error ?? '',
    /^Get "http:\/\/127\.0\.0\.1:1\/v2\/": dial tcp 127\.0\.0\.1:1: connect: connection refused$/,
  )
  assert.equal((await push(engine.client, 'A%20B', { tag: '1' })).status, 400)
})

test('credentials: none, wrong ones, right ones', async () => {
  await using closed = await FakeRegistry.start()
  closed.requireAuthorization(`Basic ${Buffer.from(`${USER.name}:${USER.password}`).toString('base64')}`)
  await tag('busybox:latest', `${closed.host}/push/closed`, '1')
  const ask = (auth?: Record<string, string>) => push(engine.client, `${closed.host}/push/closed`, { tag: '1', auth })
  assert.match((await ask()).error ?? '', /no basic auth credentials$/)
  assert.equal((await ask({ username: USER.name, password: 'x' })).error, 'unauthorized: authentication required')
  assert.equal(closed.repository('push/closed').blobs.size, 0)
  succeeded(await ask({ username: USER.name, password: USER.password }))
})

test('a large layer goes in pieces, and goes on where the registry lost the connection', {
  skip: !isTare && 'dockerd begins anew',
}, async () => {
  const bytes = noise(6_000_000, Number(salt.slice(-6)))
  const imported = await engine.client.request('POST', '/images/create', {
    query: { fromSrc: '-', repo: named('push/large'), tag: '1' },
    body: makeLayer([{ path: 'noise', content: bytes }], 'none').bytes,
  })
  expectStatus(imported, 200)
  registry.heal()
  registry.spoil({ method: 'PATCH', path: 'push/large' }, { kind: 'cut-upload', after: 1_000_000 })
  const answer = succeeded(await put('push/large', '1'))
  assertWhole('push/large', '1')
  assert.equal(answer.aux.length, 1)
  const patches = registry.seen({ method: 'PATCH', path: 'push/large' })
  assert.ok(patches.length >= 2)
  assert.equal(Number(patches[1]?.headers['content-range']?.match(/^(\d+)-/)?.[1]), 1_000_000)
})
