// Pull over the API: status, messages and their order, what inspect says then, and the events. With TARE_TEST_PEER the same is
// asked of Docker; where Tare does more, the test says so.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { shortId } from '../../src/oci/digest.ts'
import { type EngineUnderTest, engineUnderTest } from '../harness/engine-under-test.ts'
import { eventsOf } from '../harness/events.ts'
import { FakeRegistry } from '../harness/fake-registry.ts'
import { expectStatus } from '../harness/http-client.ts'
import { pull, storyOf, succeeded, type Transfer, type TransferOptions } from '../harness/image-transfer.ts'
import { jsonBlob, type MadeLayer, makeImage, makeIndex, makeLayer, noise, smallImage } from '../harness/layer-image.ts'
import { USER } from '../harness/registry-user.ts'

const isTare = process.env.TARE_TEST_PEER === undefined
/** So that what an engine kept of an earlier run does not matter. */
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

type Inspect = {
  Id: string
  RepoTags: string[]
  RepoDigests: string[]
  Os: string
  Architecture: string
  Variant?: string
  Config: { Labels: Record<string, string> | null }
  RootFS: { Layers: string[] }
}

const named = (path: string): string => `${registry.host}/${path}`
const get = (path: string, options?: TransferOptions): Promise<Transfer> => pull(engine.client, named(path), options)
const inspect = async (path: string): Promise<Inspect> =>
  expectStatus(await engine.client.get<Inspect>(`/images/${named(path)}/json`), 200)
const isThere = async (path: string): Promise<boolean> =>
  (await engine.client.get(`/images/${named(path)}/json`)).status === 200

const WHOLE_STORY = [
  'Pulling fs layer',
  'Waiting',
  'Downloading',
  'Verifying Checksum',
  'Download complete',
  'Extracting',
  'Pull complete',
]

/** Each state once, in order. Docker's progress may skip some of them when it is fast; ours only tells no waiting where there was none. */
const assertPulled = (answer: Transfer, layer: MadeLayer): void => {
  const story = storyOf(answer, shortId(layer.descriptor.digest))
  assert.deepEqual(
    story,
    WHOLE_STORY.filter(state => story.includes(state)),
  )
  const needed = isTare ? WHOLE_STORY.filter(state => state !== 'Waiting') : ['Pulling fs layer', 'Pull complete']
  assert.deepEqual(
    needed.filter(state => !story.includes(state)),
    [],
    story.join(),
  )
}

const shared = makeLayer([{ path: 'shared', content: salt }])

test('a fresh image: every layer tells its story, then the digest and the status', async () => {
  const big = makeLayer([{ path: 'big', content: noise(700_000, Number(salt.slice(-6))) }])
  const image = makeImage({ layers: [shared, big], config: { Labels: { k: 'v' } } })
  const digest = registry.add('pull/fresh', '1', image)
  let answer: Transfer | undefined
  const events = await eventsOf(engine.client, ['image'], async () => {
    answer = succeeded(await get('pull/fresh', { tag: '1' }))
  })
  assert.ok(answer)
  assert.deepEqual(answer.messages[0], { status: 'Pulling from pull/fresh', id: '1' })
  const ids = [shared, big].map(layer => shortId(layer.descriptor.digest))
  assert.deepEqual(
    answer.messages.slice(1, 3),
    ids.map(id => ({ status: 'Pulling fs layer', progressDetail: {}, id })),
  )
  assertPulled(answer, shared)
  assertPulled(answer, big)
  assert.deepEqual(answer.messages.slice(-2), [
    { status: `Digest: ${digest}` },
    { status: `Status: Downloaded newer image for ${named('pull/fresh:1')}` },
  ])

  const { Id, RepoTags, RepoDigests, Os, Architecture, Config, RootFS } = await inspect('pull/fresh:1')
  assert.deepEqual(
    { Id, RepoTags, RepoDigests, Os, Architecture, labels: Config.Labels, layers: RootFS.Layers },
    {
      ...{ Id: image.id, RepoTags: [named('pull/fresh:1')], RepoDigests: [named(`pull/fresh@${digest}`)] },
      ...{ Os: 'linux', Architecture: 'amd64', labels: { k: 'v' }, layers: [shared.diffId, big.diffId] },
    },
  )
  assert.deepEqual(
    events.map(({ Action, Actor }) => [Action, Actor.ID, Actor.Attributes]),
    [['pull', named('pull/fresh:1'), { k: 'v', name: named('pull/fresh') }]],
  )
})

test('progress carries bytes, and a bar for those that draw none', async () => {
  const layer = makeLayer([{ path: 'big', content: noise(900_000, 7 + Number(salt.slice(-6))) }])
  registry.add('pull/progress', '1', makeImage({ layers: [layer] }))
  const { messages } = succeeded(await get('pull/progress:1'))
  const total = layer.descriptor.size
  for (const state of ['Downloading', 'Extracting']) {
    const told = messages.filter(({ status }) => status === state)
    assert.ok(told.length > 0, state)
    const counts = told.map(({ progressDetail }) => progressDetail?.current ?? -1)
    assert.ok(
      told.every(({ progressDetail }) => progressDetail?.total === total),
      JSON.stringify(told),
    )
    assert.deepEqual(
      counts,
      counts.toSorted((a, b) => a - b),
    )
    assert.match(told.at(-1)?.progress ?? '', /^\[=*>? *\] +[\d.]+k?B\/900\.\dkB$/)
  }
  assert.equal(messages.filter(({ status }) => status === 'Extracting').at(-1)?.progressDetail?.current, total)
})

test('what is there is up to date; what is shared already exists', async () => {
  const other = makeLayer([{ path: 'other', content: salt }], 'zstd')
  const image = makeImage({ layers: [shared, other], flavour: 'oci' })
  registry.add('pull/two', 'a', makeImage({ layers: [shared] }))
  const digest = registry.add('pull/two', 'b', image)
  succeeded(await get('pull/two:a'))
  const answer = succeeded(await get('pull/two:b'))
  assert.deepEqual(storyOf(answer, shortId(shared.descriptor.digest)), ['Already exists'])
  assertPulled(answer, other)

  registry.heal()
  let again: Transfer | undefined
  const events = await eventsOf(engine.client, ['image'], async () => {
    again = succeeded(await get('pull/two:b'))
  })
  assert.deepEqual(
    events.map(({ Action, Actor }) => [Action, Actor.ID]),
    [['pull', named('pull/two:b')]],
  )
  assert.deepEqual(again?.messages, [
    { status: 'Pulling from pull/two', id: 'b' },
    { status: `Digest: ${digest}` },
    { status: `Status: Image is up to date for ${named('pull/two:b')}` },
  ])
  assert.deepEqual(registry.seen({ path: '/blobs/' }), [], 'nothing is fetched that is here')
})

test('a tag that moved: the new image has the name, the old one keeps its digest', async () => {
  const [first, second] = [smallImage(`first ${salt}`), smallImage(`second ${salt}`)]
  const old = registry.add('pull/moving', 'latest', first)
  succeeded(await get('pull/moving:latest'))
  const fresh = registry.add('pull/moving', 'latest', second)
  const answer = succeeded(await get('pull/moving:latest'))
  assert.equal(answer.words.at(-1), `Status: Downloaded newer image for ${named('pull/moving:latest')}`)
  assert.equal((await inspect('pull/moving:latest')).Id, second.id)
  assert.equal((await inspect(`pull/moving@${fresh}`)).Id, second.id)
  const before = await inspect(`pull/moving@${old}`)
  assert.deepEqual({ id: before.Id, tags: before.RepoTags }, { id: first.id, tags: [] })
})

test('by digest: a name with a digest and no tag', async () => {
  const image = smallImage(`digest ${salt}`)
  const digest = registry.add('pull/digest', 'x', image)
  for (const options of [{ image: `pull/digest@${digest}` }, { image: 'pull/digest', tag: digest }]) {
    const answer = succeeded(await get(options.image, options))
    assert.deepEqual(answer.messages[0], { status: 'Pulling from pull/digest', id: named(`pull/digest@${digest}`) })
    assert.equal(answer.messages.at(-2)?.status, `Digest: ${digest}`)
  }
  const { Id, RepoTags, RepoDigests } = await inspect(`pull/digest@${digest}`)
  assert.deepEqual(
    { Id, RepoTags, RepoDigests },
    { Id: image.id, RepoTags: [], RepoDigests: [named(`pull/digest@${digest}`)] },
  )
})

test('a tag and a digest: the digest decides, and no tag is made', async () => {
  const image = smallImage(`both ${salt}`)
  registry.add('pull/both', 'other', smallImage(`not both ${salt}`))
  const digest = registry.add('pull/both', 'right', image)
  succeeded(await get(`pull/both:other@${digest}`))
  assert.equal((await inspect(`pull/both@${digest}`)).Id, image.id)
  assert.equal(await isThere('pull/both:other'), false)
})

test('no tag at all pulls every one', async () => {
  const images = [smallImage(`all 1 ${salt}`), smallImage(`all 2 ${salt}`)] as const
  registry.add('pull/all', '1', images[0])
  registry.add('pull/all', '2', images[1])
  const answer = succeeded(await get('pull/all'))
  const from = answer.messages.filter(({ status }) => status === 'Pulling from pull/all').map(({ id }) => id)
  assert.deepEqual(from.sort(), ['1', '2'])
  assert.equal(answer.words.at(-1), `Status: Downloaded newer image for ${named('pull/all')}`)
  assert.equal((await inspect('pull/all:1')).Id, images[0].id)
  assert.equal((await inspect('pull/all:2')).Id, images[1].id)
  assert.equal(succeeded(await get('pull/all')).words.at(-1), `Status: Image is up to date for ${named('pull/all')}`)
})

const platforms = (mark: string) => {
  const amd = smallImage(`amd ${mark} ${salt}`)
  const arm = smallImage(`arm ${mark} ${salt}`, { platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } })
  return { amd, arm }
}

test('an index: this host’s platform, or the one that is asked for', async () => {
  const { amd, arm } = platforms('index')
  for (const flavour of ['docker', 'oci'] as const) {
    const repository = `pull/index-${flavour}`
    const digest = registry.add(repository, '1', makeIndex([arm, amd], flavour))
    const answer = succeeded(await get(`${repository}:1`))
    assert.equal(answer.messages.at(-2)?.status, `Digest: ${digest}`)
    const { Id, RepoDigests } = await inspect(`${repository}:1`)
    assert.equal(Id, amd.id)
    assert.ok(RepoDigests.includes(named(`${repository}@${digest}`)), RepoDigests.join())

    succeeded(await get(`${repository}:1`, { platform: 'linux/arm64' }))
    const asked = isTare ? `?platform=${encodeURIComponent('{"os":"linux","architecture":"arm64"}')}` : ''
    const answered = await engine.client.get<Inspect>(`/images/${named(`${repository}:1`)}/json${asked}`)
    const { Id: id, Architecture, Variant } = expectStatus(answered, 200)
    assert.deepEqual({ id, Architecture, Variant }, { id: arm.id, Architecture: 'arm64', Variant: 'v8' })
    // Here both are kept below the one name, and this host's is what it means.
    if (isTare) assert.equal((await inspect(`${repository}:1`)).Id, amd.id)
  }
})

test('an index without the platform is refused', async () => {
  const { arm } = platforms('without')
  registry.add('pull/without', '1', makeIndex([arm]))
  const answer = await get('pull/without:1')
  assert.equal(answer.status, 200)
  assert.match(answer.error ?? '', /^no matching manifest for linux\/amd64(\/v\d)? in the manifest list entries/)
  assert.equal(
    (await get('pull/without:1', { platform: 'linux/s390x' })).error,
    'no matching manifest for linux/s390x in the manifest list entries',
  )
  assert.equal(await isThere('pull/without:1'), false)
})

test('an image of another platform, not by an index: a warning, where a platform was asked for', async () => {
  const { arm } = platforms('single')
  registry.add('pull/single', '1', arm)
  const answer = succeeded(await get('pull/single:1'))
  assert.equal(answer.words.at(-1), `Status: Downloaded newer image for ${named('pull/single:1')}`)
  assert.equal((await inspect('pull/single:1')).Architecture, 'arm64')
  const warned = succeeded(await get('pull/single:1', { platform: 'linux/amd64' }))
  assert.equal(
    warned.words.at(-1),
    `WARNING: image with reference ${named('pull/single:1')} was found but its platform (linux/arm64/v8) does not match the specified platform (linux/amd64)`,
  )
})

test('what is not there is a 404 in words', async () => {
  registry.add('pull/some', '1', smallImage('some'))
  const unknown = `sha256:${'a'.repeat(64)}`
  for (const [path, shown] of [
    ['pull/some:none', 'pull/some:none'],
    [`pull/some@${unknown}`, `pull/some@${unknown}`],
    ['pull/nothing:1', 'pull/nothing:1'],
  ] as const) {
    const { status, error } = await get(path)
    const message = `manifest for ${named(shown)} not found: manifest unknown: manifest unknown`
    assert.deepEqual({ status, error }, { status: 404, error: message })
  }
})

test('names and platforms that cannot be are a 400', async () => {
  const ask = (image: string, options?: TransferOptions) => pull(engine.client, image, options)
  const cases = [
    [await ask('A B'), 'invalid reference format: repository name (library/A B) must be lowercase'],
    [await ask(named('a'), { tag: 'sha256:aaa' }), 'invalid tag format'],
    [
      await ask(named('a'), { tag: '1', platform: 'a/b/c/d' }),
      '"a/b/c/d": cannot parse platform specifier: invalid argument',
    ],
  ] as const
  for (const [{ status, error = '' }, message] of cases) {
    assert.equal(status, 400)
    assert.ok(error.endsWith(message), error)
  }
  const reserved = await ask('scratch', { tag: 'latest' })
  assert.deepEqual([reserved.status, reserved.error], [403, "'scratch' is a reserved name"])
})

test('nobody listens there', async () => {
  const { status, error } = await pull(engine.client, '127.0.0.1:1/pull/refused', { tag: '1' })
  assert.equal(status, 500)
  assert.equal(error, 'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused')
})

test('schema 1 and things that are no images are refused clearly, and leave nothing', async () => {
  const schema1 = jsonBlob(
    { schemaVersion: 1, name: 'pull/schema1', tag: '1', architecture: 'amd64', fsLayers: [], history: [] },
    'application/vnd.docker.distribution.manifest.v1+prettyjws',
  )
  registry.add('pull/schema1', '1', { target: schema1, manifests: [], blobs: [] })
  const old = await get('pull/schema1:1')
  if (isTare) assert.match(old.error ?? '', /schema 1/i)
  else assert.notEqual(old.error, undefined)

  const artifact = makeImage({
    layers: [makeLayer([{ path: 'chart' }])],
    flavour: 'oci',
    falsify: manifest => ({
      ...manifest,
      config: { ...manifest.config, mediaType: 'application/vnd.cncf.helm.config.v1+json' },
    }),
  })
  registry.add('pull/artifact', '1', artifact)
  const refused = await get('pull/artifact:1')
  assert.match(refused.error ?? '', /application\/vnd\.cncf\.helm\.config\.v1\+json/)
  assert.equal(await isThere('pull/artifact:1'), false)
})

test('credentials: none, wrong ones, right ones', async () => {
  await using closed = await FakeRegistry.start()
  const image = smallImage(`closed ${salt}`)
  closed.add('pull/closed', '1', image)
  const right = `Basic ${Buffer.from(`${USER.name}:${USER.password}`).toString('base64')}`
  closed.requireAuthorization(right)
  const ask = (auth?: Record<string, string>) => pull(engine.client, `${closed.host}/pull/closed`, { tag: '1', auth })
  const none = await ask()
  assert.equal(none.status, 500)
  assert.match(none.error ?? '', /no basic auth credentials$/)
  const wrong = await ask({ username: USER.name, password: 'wrong' })
  assert.deepEqual([wrong.status, wrong.error], [401, 'unauthorized: authentication required'])
  assert.equal(JSON.stringify(wrong.messages).includes('wrong'), false, 'no secret is told')
  succeeded(await ask({ username: USER.name, password: USER.password }))
})
