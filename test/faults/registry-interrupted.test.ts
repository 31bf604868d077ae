// Pulls and pushes that are broken off: by kill -9, by who asked, by a full disk. Nothing half-done shows, and the next try goes
// on where the last one stopped.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { shortId } from '../../src/oci/digest.ts'
import { TestDaemon } from '../harness/daemon.ts'
import { FakeRegistry } from '../harness/fake-registry.ts'
import { expectStatus } from '../harness/http-client.ts'
import { pull, push, storedFiles, storyOf, succeeded } from '../harness/image-transfer.ts'
import { layerOf, type MadeImage, makeImage, makeLayer, noise } from '../harness/layer-image.ts'
import { FaultBench } from '../harness/registry-faults.ts'
import { suiteRoot } from '../harness/suite-root.ts'
import { until } from '../harness/until.ts'

const SIZE = 2_000_000
/** What has come is written in pieces of 256 KiB. */
const HALF = 4 * 2 ** 18
const NEVER = new Promise<never>(() => {})
let seeds = 0
const freshLayer = (size = SIZE) => makeLayer([{ path: `file${seeds}`, content: noise(size, ++seeds) }])
const blobPath = (image: MadeImage): string => `/blobs/${layerOf(image).descriptor.digest}`
const rangesOf = (registry: FakeRegistry, image: MadeImage): (string | undefined)[] =>
  registry.seen({ method: 'GET', path: blobPath(image) }).map(({ headers }) => headers.range)

/** For those who break nothing of it. */
let bench: FaultBench
before(async () => {
  bench = await FaultBench.start(['--max-concurrent-downloads', '2', '--max-download-attempts', '1'])
})
after(() => bench[Symbol.asyncDispose]())

/** Starts a pull that nobody waits for, and gives what breaks it off. */
const begin = async (bench: FaultBench, path: string): Promise<{ abandon(): void }> => {
  const query = { fromImage: `${bench.registry.host}/${path}`, tag: '1' }
  const answer = await bench.daemon.client.stream('POST', '/images/create', { query })
  answer.on('error', () => {})
  answer.resume()
  return { abandon: () => void answer.destroy() }
}

test('kill -9 in the middle of a pull: the next daemon goes on at that byte', async () => {
  await using bench = await FaultBench.start()
  const { daemon, registry } = bench
  const image = makeImage({ layers: [freshLayer(), freshLayer(1000)] })
  registry.add('killed', '1', image)
  registry.spoil({ path: blobPath(image) }, { kind: 'hold', after: HALF, until: NEVER })
  await begin(bench, 'killed')
  await bench.received(HALF)
  await daemon.kill9()
  registry.heal()
  await daemon.start()

  assert.equal(await bench.idOf('killed'), undefined, 'no partial image')
  await bench.assertStored({ blobs: [], snapshots: [], ingest: [], partial: [] })
  await bench.assertPulls('killed', image)
  assert.deepEqual(rangesOf(registry, image), [`bytes=${HALF}-`])
  assert.deepEqual(storedFiles(daemon.dataRoot).partial, [])
})

test('what lay half done and was spoilt meanwhile is fetched once more from its beginning', async () => {
  await using bench = await FaultBench.start()
  const { daemon, registry } = bench
  const image = makeImage({ layers: [makeLayer([{ path: 'file', content: noise(SIZE, ++seeds) }], 'none')] })
  registry.add('spoilt', '1', image)
  const spoilt = Buffer.from(layerOf(image).bytes).fill(0, 5000, 6000)
  registry.repository('spoilt').blobs.set(layerOf(image).descriptor.digest, spoilt)
  registry.spoil({ path: blobPath(image) }, { kind: 'hold', after: HALF, until: NEVER })
  await begin(bench, 'spoilt')
  // The bytes are no compressed ones, so that no decompressor notices: only the digest does, at the end.
  await bench.received(HALF)
  await daemon.kill9()
  registry.heal()
  registry.add('spoilt', '1', image)
  await daemon.start()
  await bench.assertPulls('spoilt', image)
  assert.deepEqual(rangesOf(registry, image), [`bytes=${HALF}-`, undefined])
})

test('two pulls of one layer share one download', async () => {
  const { registry } = bench
  const shared = freshLayer()
  const [one, two] = [1, 2].map(n => makeImage({ layers: [shared, freshLayer(n * 1000)] })) as [MadeImage, MadeImage]
  registry.add('share/one', '1', one)
  registry.add('share/two', '1', two)
  const { promise: released, resolve: goOn } = Promise.withResolvers<void>()
  registry.spoil({ path: blobPath(one) }, { kind: 'hold', after: HALF, until: released })
  const first = bench.pull('share/one')
  await registry.asked({ path: blobPath(one) })
  const second = bench.pull('share/two')
  await registry.asked({ path: `/v2/share/two/blobs/${two.layers[1]?.descriptor.digest}` })
  goOn()
  const [a, b] = await Promise.all([first, second])
  for (const answer of [succeeded(a), succeeded(b)])
    assert.equal(storyOf(answer, shortId(shared.descriptor.digest)).at(-1), 'Pull complete')
  assert.equal(registry.seen({ method: 'GET', path: blobPath(one) }).length, 1)
  assert.deepEqual([await bench.idOf('share/one'), await bench.idOf('share/two')], [one.id, two.id])
})

test('at most so many layers come at a time', async () => {
  const { registry } = bench
  const image = makeImage({ layers: [1, 2, 3].map(() => freshLayer(100_000)) })
  registry.add('many', '1', image)
  const held = Promise.withResolvers<void>()
  const paths = image.layers.map(({ descriptor }) => `/blobs/${descriptor.digest}`)
  for (const path of paths) registry.spoil({ path }, { kind: 'hold', after: 1000, until: held.promise })
  const under = bench.pull('many')
  const begun = () => paths.filter(path => registry.seen({ path }).length > 0).length
  await until('two to come', () => begun() === 2)
  assert.equal(begun(), 2)
  held.resolve()
  const answer = succeeded(await under)
  assert.equal(begun(), 3)
  assert.equal(answer.messages.filter(({ status }) => status === 'Waiting').length, 1)
})

test('what a pull has brought or counts on stays, whoever prunes and removes meanwhile', async () => {
  const { daemon, registry } = bench
  const [shared, quick, slow] = [freshLayer(1000), freshLayer(1000), freshLayer()]
  const first = makeImage({ layers: [shared] })
  const image = makeImage({ layers: [shared, quick, slow] })
  registry.add('pruned/first', '1', first)
  registry.add('pruned/image', '1', image)
  succeeded(await bench.pull('pruned/first'))
  const held = Promise.withResolvers<void>()
  registry.spoil({ path: slow.descriptor.digest }, { kind: 'hold', after: HALF, until: held.promise })
  const under = bench.pull('pruned/image')
  await bench.received(HALF)
  const removed = await daemon.client.delete(`/images/${registry.host}/pruned/first:1`)
  assert.equal(removed.status, 200)
  const filters = { dangling: ['false'] }
  assert.equal((await daemon.client.post('/images/prune', undefined, { filters })).status, 200)
  held.resolve()
  succeeded(await under)
  assert.equal(await bench.idOf('pruned/image'), image.id)
  const { body } = await daemon.client.get<{ RootFS: { Layers: string[] } }>(`/images/${image.id}/json`)
  assert.deepEqual(
    body.RootFS.Layers,
    image.layers.map(({ diffId }) => diffId),
  )
  for (const { descriptor } of image.layers)
    assert.ok(storedFiles(daemon.dataRoot).blobs.includes(descriptor.digest.slice(7)))
})

test('of two that share a download, one may leave', async () => {
  const { registry } = bench
  const image = makeImage({ layers: [freshLayer()] })
  registry.add('leave', '1', image)
  const { promise: released, resolve: goOn } = Promise.withResolvers<void>()
  registry.spoil({ path: blobPath(image) }, { kind: 'hold', after: HALF, until: released })
  const leaver = await begin(bench, 'leave')
  await registry.asked({ path: blobPath(image) })
  const stays = bench.pull('leave')
  await registry.asked({ path: '/v2/leave/manifests/' }, 2)
  leaver.abandon()
  goOn()
  succeeded(await stays)
  assert.equal(registry.seen({ method: 'GET', path: blobPath(image) }).length, 1)
  assert.equal(await bench.idOf('leave'), image.id)
})

test('who asked goes away: the pull ends, and the next one goes on at that byte', async () => {
  const { registry } = bench
  const image = makeImage({ layers: [freshLayer()] })
  registry.add('gone', '1', image)
  registry.spoil({ path: blobPath(image) }, { kind: 'hold', after: HALF, until: NEVER })
  const stored = storedFiles(bench.daemon.dataRoot)
  const asker = await begin(bench, 'gone')
  await bench.received(HALF)
  asker.abandon()
  await bench.assertStored(stored)
  assert.equal(await bench.idOf('gone'), undefined)
  registry.heal()
  await bench.assertPulls('gone', image)
  assert.deepEqual(rangesOf(registry, image), [`bytes=${HALF}-`])
})

test('the daemon is stopped in the middle of a pull: it does not wait, and goes on afterwards', async () => {
  await using bench = await FaultBench.start()
  const { daemon, registry } = bench
  const image = makeImage({ layers: [freshLayer()] })
  registry.add('stopped', '1', image)
  registry.spoil({ path: blobPath(image) }, { kind: 'hold', after: HALF, until: NEVER })
  await begin(bench, 'stopped')
  await bench.received(HALF)
  const begun = performance.now()
  assert.equal(await daemon.stop(), 0)
  assert.ok(performance.now() - begun < 8000)
  registry.heal()
  await daemon.start()
  await bench.assertPulls('stopped', image)
  assert.deepEqual(rangesOf(registry, image), [`bytes=${HALF}-`])
})

test('a disk that fills in the middle', async () => {
  const disk = mkdtempSync(join(suiteRoot(), 'disk'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', disk])
  try {
    await using registry = await FakeRegistry.start()
    await using daemon = await TestDaemon.start({ busybox: false, dataRoot: join(disk, 'data') })
    const free = () => {
      const { bavail, bsize } = statfsSync(disk)
      return (bavail * bsize) / 2 ** 20
    }
    const [small, large] = [2, 64].map(mebibytes =>
      makeImage({ layers: [makeLayer([{ path: 'zeros', content: noise(mebibytes * 2 ** 20, ++seeds) }])] }),
    ) as [MadeImage, MadeImage]
    registry.add('disk', 'small', small)
    registry.add('disk', 'large', large)
    succeeded(await pull(daemon.client, `${registry.host}/disk`, { tag: 'small' }))
    const [before, room] = [storedFiles(daemon.dataRoot), free()]

    const { error } = await pull(daemon.client, `${registry.host}/disk`, { tag: 'large' })
    assert.match(error ?? '', /no space left on device/i)
    assert.deepEqual(storedFiles(daemon.dataRoot), before)
    assert.ok(free() > room - 1, `${free()} MiB of ${room} are free again`)
    assert.equal((await daemon.client.get('/_ping')).status, 200)

    // With room for it (or here: with less of it) the next one succeeds; what was there is still whole.
    registry.add('disk', 'large', makeImage({ layers: [freshLayer()] }))
    succeeded(await pull(daemon.client, `${registry.host}/disk`, { tag: 'large' }))
    const { body } = await daemon.client.get<{ Id: string }>(`/images/${registry.host}/disk:small/json`)
    assert.equal(body.Id, small.id)
  } finally {
    execFileSync('umount', [disk])
    rmSync(disk, { recursive: true })
  }
})

test('a push that is broken off by kill -9 leaves the image as it was, and the next one succeeds', async () => {
  await using bench = await FaultBench.start()
  const { daemon, registry } = bench
  const image = makeImage({ layers: [freshLayer()] })
  registry.add('source', '1', image)
  succeeded(await bench.pull('source'))
  const before = storedFiles(daemon.dataRoot)
  await using other = await FakeRegistry.start()
  const repo = `${other.host}/pushed`
  expectStatus(await daemon.client.post(`/images/${registry.host}/source:1/tag`, undefined, { repo, tag: '1' }), 201)
  other.spoil({ method: 'PATCH' }, { kind: 'hang', after: -1 }, Number.POSITIVE_INFINITY)
  other.spoil({ method: 'PUT' }, { kind: 'hang', after: -1 }, Number.POSITIVE_INFINITY)
  const answer = await daemon.client.stream('POST', `/images/${repo}/push`, { query: { tag: '1' } })
  answer.on('error', () => {})
  answer.resume()
  await other.asked({ path: '/blobs/uploads/' })
  await daemon.kill9()
  other.heal()
  await daemon.start()
  await bench.assertStored(before)
  assert.equal(other.repository('pushed').tags.size, 0, 'no name before all of it is there')
  const [aux] = succeeded(await push(daemon.client, repo, { tag: '1' })).aux
  assert.equal(aux?.Digest, image.target.descriptor.digest)
})

test('a registry that refuses an upload: its words, and nothing is named', async () => {
  const { daemon, registry } = bench
  registry.add('refused', '1', makeImage({ layers: [freshLayer(1000)] }))
  succeeded(await bench.pull('refused'))
  await using other = await FakeRegistry.start()
  const repo = `${other.host}/refused`
  expectStatus(await daemon.client.post(`/images/${registry.host}/refused:1/tag`, undefined, { repo, tag: '1' }), 201)
  const body = '{"errors":[{"code":"DENIED","message":"quota exceeded","detail":{}}]}'
  const headers = { 'Content-Type': 'application/json' }
  other.spoil({ method: 'POST' }, { kind: 'reply', status: 403, headers, body }, Number.POSITIVE_INFINITY)
  const { error } = await push(daemon.client, repo, { tag: '1' })
  assert.equal(error, 'denied: quota exceeded')
  assert.equal(other.seen({ method: 'PUT', path: '/manifests/' }).length, 0)
  other.heal()
  succeeded(await push(daemon.client, repo, { tag: '1' }))
})
