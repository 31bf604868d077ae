// What is stored is damaged by hand, and `POST /system/check` says what, and mends it: from the registry, from the tree, from the
// blob, or by removing the image.
import assert from 'node:assert/strict'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { CheckMessage, CheckProblem, CheckSummary } from '../../src/api/system-check.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { TestDaemon } from '../harness/daemon.ts'
import { expectStatus } from '../harness/http-client.ts'
import { pull, succeeded } from '../harness/image-transfer.ts'
import { layerOf, makeImage, makeIndex, makeLayer, noise, publish, smallImage } from '../harness/layer-image.ts'
import { TestRegistry } from '../harness/registry.ts'

let daemon: TestDaemon
let registry: TestRegistry
before(async () => {
  ;[daemon, registry] = await Promise.all([TestDaemon.start(), TestRegistry.start()])
})
after(async () => {
  await registry[Symbol.asyncDispose]()
  await daemon[Symbol.asyncDispose]()
})

type Found = { readonly problems: readonly CheckProblem[]; readonly summary: CheckSummary; readonly checked: string[] }

const check = async (repair = false, asked = daemon): Promise<Found> => {
  const answer = await asked.client.request('POST', '/system/check', { query: repair ? { repair: 1 } : {} })
  assert.equal(answer.status, 200, answer.text)
  const messages = answer.text
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as CheckMessage)
  const last = messages.at(-1)
  assert.ok(last && 'Summary' in last, answer.text)
  const problems = messages.flatMap(message => ('Problem' in message ? message.Problem : []))
  assert.equal(last.Summary.Problems, problems.length)
  assert.equal(last.Summary.Repaired, problems.filter(({ Repaired }) => Repaired).length)
  const checked = messages.flatMap(message =>
    'Checked' in message ? `${message.Checked.Kind} ${message.Checked.Id}` : [],
  )
  return { problems, summary: last.Summary, checked }
}

/** Found without being touched, mended, and not found again. */
const foundAndMended = async (
  kind: CheckProblem['Kind'],
  id: string,
  detail: RegExp,
  repair: RegExp,
): Promise<void> => {
  const first = await check()
  assert.deepEqual(
    first.problems.map(({ Kind, Id, Repaired }) => [Kind, Id, Repaired]),
    [[kind, id, false]],
    JSON.stringify(first.problems),
  )
  assert.match(first.problems[0]?.Detail ?? '', detail)
  const mended = await check(true)
  assert.deepEqual(
    mended.problems.map(({ Kind, Id, Repaired }) => [Kind, Id, Repaired]),
    [[kind, id, true]],
    JSON.stringify(mended.problems),
  )
  assert.match(mended.problems[0]?.Repair ?? '', repair)
  assert.deepEqual((await check()).problems, [])
}

const blobPath = (digest: string, of = daemon): string => join(of.dataRoot, 'content/blobs/sha256', digest.slice(7))
const flip = (path: string, at = -10): void => {
  const bytes = readFileSync(path)
  const index = at < 0 ? bytes.length + at : at
  bytes[index] = (bytes[index] as number) ^ 0x10
  writeFileSync(path, bytes)
}

type Inspect = { Id: string; GraphDriver: { Data: { UpperDir: string } }; RootFS: { Layers: string[] } }
const inspect = async (name: string, of = daemon): Promise<Inspect> =>
  expectStatus(await of.client.get<Inspect>(`/images/${name}/json`), 200)
const isThere = async (name: string): Promise<boolean> =>
  (await daemon.client.get(`/images/${name}/json`)).status === 200
const treeOf = async (name: string): Promise<string> => (await inspect(name)).GraphDriver.Data.UpperDir

/** An image that was pulled. */
const pulled = async (name: string, image = smallImage(name)) => {
  await publish(registry.url, name, 'latest', image)
  const full = `${registry.host}/${name}:latest`
  succeeded(await pull(daemon.client, full))
  return { name: full, image }
}
const forget = async (name: string): Promise<void> => {
  expectStatus(await daemon.client.delete(`/images/${name}`, { force: 1 }), 200)
}

test('what is whole is found whole', async () => {
  const { name, image } = await pulled('whole')
  const { problems, summary, checked } = await check()
  assert.deepEqual(problems, [])
  // Config, manifest and layer of two images.
  assert.deepEqual(summary, { Blobs: 6, Layers: 2, Problems: 0, Repaired: 0 })
  const layer = layerOf(image)
  for (const line of [
    `config ${image.id}`,
    `manifest ${image.target.descriptor.digest}`,
    `blob ${layer.descriptor.digest}`,
    `tree ${layer.diffId}`,
    `database ${join(daemon.dataRoot, 'tare.db')}`,
  ])
    assert.ok(checked.includes(line), line)
  await forget(name)
})

test('a layer of which a byte is another one is fetched again', async () => {
  const { name, image } = await pulled('flipped')
  const { digest } = layerOf(image).descriptor
  flip(blobPath(digest))
  await foundAndMended('blob', digest, /other bytes.*flipped:latest/, /^fetched again from 127\.0\.0\.1:\d+\/flipped$/)
  assert.equal(digestOf(readFileSync(blobPath(digest))), digest)
  await forget(name)
})

test('so is one that is cut off, and one that is gone', async () => {
  const { name, image } = await pulled('cut')
  const { digest, size } = layerOf(image).descriptor
  truncateSync(blobPath(digest), size - 1)
  await foundAndMended('blob', digest, new RegExp(`has ${size - 1} bytes, not ${size}`), /^fetched again/)
  unlinkSync(blobPath(digest))
  await foundAndMended('blob', digest, /the blob is not there/, /^fetched again/)
  await forget(name)
})

test('manifest, index and configuration are fetched again, or written again', async () => {
  const image = smallImage('parts')
  const index = makeIndex([image, smallImage('other platform', { platform: { os: 'linux', architecture: 's390x' } })])
  await publish(registry.url, 'parts', 'latest', index)
  const name = `${registry.host}/parts:latest`
  succeeded(await pull(daemon.client, name))
  const { digest: indexDigest } = index.target.descriptor
  flip(blobPath(indexDigest), 5)
  await foundAndMended('index', indexDigest, /other bytes.*parts:latest/, /^fetched again/)
  const { digest: manifest } = image.target.descriptor
  writeFileSync(blobPath(manifest), '{}')
  await foundAndMended('manifest', manifest, /has 2 bytes/, /^fetched again/)
  unlinkSync(blobPath(image.id))
  await foundAndMended('config', image.id, /is not there/, /^(fetched|written) again/)
  await forget(name)
})

test('what was made here is made again: manifest, configuration, and a plain layer from its tree', async () => {
  const created = expectStatus(
    await daemon.client.post<{ Id: string }>('/containers/create', { Image: 'busybox', Cmd: ['touch', '/made'] }),
    201,
  )
  expectStatus(await daemon.client.post(`/containers/${created.Id}/start`), 204)
  expectStatus(await daemon.client.post(`/containers/${created.Id}/wait`), 200)
  const query = { container: created.Id, repo: 'made', tag: '1' }
  const { Id } = expectStatus(await daemon.client.post<{ Id: string }>('/commit', {}, query), 201)
  expectStatus(await daemon.client.delete(`/containers/${created.Id}`), 204)
  const layer = (await inspect('made:1')).RootFS.Layers[1] as string
  flip(blobPath(layer), 150)
  await foundAndMended('blob', layer, /other bytes.*made:1/, /^made again from its tree$/)
  const { manifests } = JSON.parse(readFileSync(join(daemon.dataRoot, 'content/index.json'), 'utf8')) as {
    manifests: { digest: string; annotations?: Record<string, string> }[]
  }
  const manifest = manifests.find(({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] === 'made:1')
    ?.digest as string
  truncateSync(blobPath(manifest), 10)
  await foundAndMended('manifest', manifest, /has 10 bytes/, /^written again/)
  flip(blobPath(Id), 3)
  await foundAndMended('config', Id, /other bytes/, /^written again/)
  await forget('made:1')
})

const TREE = makeImage({
  layers: [
    makeLayer([
      { path: 'etc/', type: 'directory' },
      { path: 'etc/passwd', content: 'root:x:0:0\n', mode: 0o644 },
      { path: 'etc/shadow', content: 'secret', mode: 0o600 },
      { path: 'data', content: noise(300_000) },
    ]),
  ],
})

const DAMAGE: Readonly<Record<string, readonly [(tree: string) => void, RegExp]>> = {
  'a byte of a file': [tree => flip(join(tree, 'data')), /\/data .*has other bytes/],
  'a file cut off': [tree => truncateSync(join(tree, 'data'), 1000), /\/data has 1000 bytes, not 300000/],
  'a file gone': [tree => unlinkSync(join(tree, 'etc/passwd')), /\/etc\/passwd is not there/],
  'a file too many': [
    tree => writeFileSync(join(tree, 'etc/evil'), ''),
    /\/etc\/evil a file that the layer does not have/,
  ],
  'a mode': [tree => chmodSync(join(tree, 'etc/shadow'), 0o644), /\/etc\/shadow has mode 0644, not 0600/],
  'all of it': [tree => rmSync(tree, { recursive: true }), /the tree is not there/],
}
for (const [what, [damage, detail]] of Object.entries(DAMAGE)) {
  test(`a tree is unpacked again: ${what}`, async () => {
    const { name, image } = await pulled('tree', TREE)
    damage(await treeOf(name))
    await foundAndMended('tree', layerOf(image).diffId, detail, /^unpacked again from its blob$/)
    const tree = await treeOf(name)
    assert.equal(readFileSync(join(tree, 'etc/passwd'), 'utf8'), 'root:x:0:0\n')
    assert.deepEqual(readdirSync(tree).sort(), ['data', 'etc'])
    await forget(name)
  })
}

test('blob and tree of one layer, both broken', async () => {
  const { name, image } = await pulled('both')
  const layer = layerOf(image)
  flip(blobPath(layer.descriptor.digest))
  appendFileSync(join(await treeOf(name), 'file'), 'more')
  const { problems } = await check(true)
  assert.deepEqual(
    problems.map(({ Kind, Repaired }) => [Kind, Repaired]),
    [
      ['blob', true],
      ['tree', true],
    ],
  )
  assert.deepEqual((await check()).problems, [])
  await forget(name)
})

test('a container that runs on a broken tree goes on; it is named, and has the mended one after a restart', async () => {
  const tree = await treeOf('busybox')
  const { Id } = expectStatus(
    await daemon.client.post<{ Id: string }>(
      '/containers/create',
      { Image: 'busybox', Cmd: ['sleep', '600'] },
      { name: 'runs-on' },
    ),
    201,
  )
  expectStatus(await daemon.client.post(`/containers/${Id}/start`), 204)
  const read = async (): Promise<string> => (await daemon.docker(['exec', Id, 'cat', '/etc/group'])).stdout
  const before = await read()
  flip(join(tree, 'etc/group'))
  const { problems } = await check(true)
  assert.match(problems[0]?.Repair ?? '', /^unpacked again from its blob; restart what runs on it: runs-on$/)
  assert.ok(existsSync(tree), 'the mounted overlay still reads from the old tree')
  assert.notEqual((await read()).length, 0)
  assert.deepEqual((await check()).problems, [])
  expectStatus(await daemon.client.post(`/containers/${Id}/restart`, undefined, { t: 0 }), 204)
  assert.equal(await read(), before)
  // Nobody reads from it any more, so it is a stray now.
  const { problems: strays } = await check(true)
  assert.deepEqual(
    strays.map(({ Kind, Id, Repaired }) => [Kind, Id, Repaired]),
    [['stray', tree, true]],
  )
  assert.ok(!existsSync(tree))
  expectStatus(await daemon.client.delete(`/containers/${Id}`, { force: 1 }), 204)
})

test('an image that cannot be made whole is removed, unless a container uses it', async () => {
  const { name, image } = await pulled('lost')
  const { digest } = layerOf(image).descriptor
  rmSync(join(registry.folder, 'storage/docker/registry/v2/repositories/lost'), { recursive: true })
  rmSync(join(registry.folder, 'storage/docker/registry/v2/blobs/sha256', digest.slice(7, 9), digest.slice(7)), {
    recursive: true,
  })
  flip(blobPath(digest))
  const { Id } = expectStatus(
    await daemon.client.post<{ Id: string }>('/containers/create', { Image: name, Cmd: ['x'] }),
    201,
  )
  const kept = await check(true)
  assert.deepEqual(
    kept.problems.map(({ Kind, Repaired }) => [Kind, Repaired]),
    [['blob', false]],
  )
  assert.match(kept.problems[0]?.Repair ?? '', new RegExp(`used by container ${Id.slice(0, 12)}: remove that first`))
  assert.ok(await isThere(name))
  expectStatus(await daemon.client.delete(`/containers/${Id}`), 204)
  await foundAndMended('blob', digest, /other bytes/, /could not be fetched again: .*; removed .*lost:latest/)
  assert.ok(!(await isThere(name)))
  assert.ok(!existsSync(blobPath(digest)))
})

test('what nobody knows is told, and removed when it is old enough to be nobody’s', async () => {
  const folder = join(daemon.dataRoot, 'snapshots/backup')
  mkdirSync(folder)
  await foundAndMended('stray', folder, /nothing recorded/, /^removed$/)
  assert.ok(!existsSync(folder))
  const bytes = Buffer.from('stray')
  const digest = digestOf(bytes)
  writeFileSync(blobPath(digest), bytes)
  assert.deepEqual((await check(true)).problems, [], 'it may be about to be recorded')
  utimesSync(blobPath(digest), 1, 1)
  await foundAndMended('stray', digest, /nothing recorded/, /^removed$/)
  assert.ok(!existsSync(blobPath(digest)))
})

test('volumes and what containers have written', async () => {
  expectStatus(await daemon.client.post('/volumes/create', { Name: 'lost-volume' }), 201)
  const data = join(daemon.dataRoot, 'volumes/lost-volume/_data')
  rmSync(data, { recursive: true })
  await foundAndMended('volume', 'lost-volume', /_data is not there/, /made again, empty/)
  expectStatus(await daemon.client.delete('/volumes/lost-volume'), 204)

  const { Id } = expectStatus(
    await daemon.client.post<{ Id: string }>('/containers/create', { Image: 'busybox' }, { name: 'written' }),
    201,
  )
  const { GraphDriver } = expectStatus(
    await daemon.client.get<{ GraphDriver: { Data: { UpperDir: string } } }>(`/containers/${Id}/json`),
    200,
  )
  const { UpperDir } = GraphDriver.Data
  renameSync(UpperDir, `${UpperDir}.away`)
  const { problems } = await check(true)
  assert.deepEqual(
    problems.map(({ Kind, Id: id, Repaired }) => [Kind, id, Repaired]),
    [['container', Id, false]],
  )
  assert.match(problems[0]?.Detail ?? '', /what container written has written is gone/)
  renameSync(`${UpperDir}.away`, UpperDir)
  expectStatus(await daemon.client.delete(`/containers/${Id}`), 204)
})

test('an image whose configuration is damaged is listed and refused, not fatal; it can be mended or removed', async () => {
  const { name, image } = await pulled('damaged')
  flip(blobPath(image.id), 3)
  await daemon.restart()
  const listed = expectStatus(await daemon.client.get<{ Id: string; RepoTags: string[] }[]>('/images/json'), 200)
  assert.ok(listed.some(({ RepoTags }) => RepoTags.includes(name)))
  for (const answer of [
    await daemon.client.get(`/images/${name}/json`),
    await daemon.client.post('/containers/create', { Image: name, Cmd: ['x'] }),
  ]) {
    assert.equal(answer.status, 500)
    assert.match(answer.text, /the configuration of image [0-9a-f]{12} is damaged: tare system check --repair/)
  }
  await foundAndMended('config', image.id, /other bytes/, /^fetched again/)
  assert.equal((await inspect(name)).Id, image.id)
  flip(blobPath(image.id), 3)
  await daemon.restart()
  await forget(name)
  assert.ok(!(await isThere(name)))
})

test('two checks at a time are one too many; pulls and removals go on beside one', async () => {
  const big = makeImage({ layers: [makeLayer([{ path: 'big', content: noise(40 << 20, 7) }], 'none')] })
  const { name } = await pulled('busy', big)
  const first = check()
  const answer = await daemon.client.request<{ message: string }>('POST', '/system/check')
  assert.equal(answer.status, 409)
  assert.equal(answer.body.message, 'a check of the storage is already running')
  const beside = await pulled('beside')
  await forget(beside.name)
  await forget(name)
  const { problems } = await first
  assert.deepEqual(problems, [])
  assert.deepEqual((await check()).problems, [])
  assert.ok(!existsSync(blobPath(layerOf(big).descriptor.digest)), 'what was removed meanwhile is gone')
})
