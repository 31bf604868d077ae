// An image of another operating system: pulled, inspected, tagged, saved and pushed as any other; run never.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { shortId } from '../../src/oci/digest.ts'
import { run } from '../harness/command.ts'
import { TestDaemon } from '../harness/daemon.ts'
import { FakeRegistry } from '../harness/fake-registry.ts'
import { expectStatus } from '../harness/http-client.ts'
import { pull, push, storedFiles, storyOf, succeeded } from '../harness/image-transfer.ts'
import { type MadeLayer, makeImage, makeIndex, makeLayer, smallImage } from '../harness/layer-image.ts'

const FOREIGN = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip'
const platform = { os: 'windows', architecture: 'amd64', 'os.version': '10.0.17763.1' }

let daemon: TestDaemon
let registry: FakeRegistry
before(async () => {
  ;[daemon, registry] = await Promise.all([TestDaemon.start(), FakeRegistry.start()])
})
after(async () => {
  await registry[Symbol.asyncDispose]()
  await daemon[Symbol.asyncDispose]()
})

/** Windows' layers have everything below Files, names with backslashes in their pax headers, and could not be unpacked here. */
const layer = makeLayer([
  { path: 'Files', type: 'directory' },
  { path: 'Files/Windows', type: 'directory' },
  { path: 'Files/Windows/System32.dll', content: 'binary' },
  { path: 'Hives', type: 'directory' },
  { path: 'Hives/Software_Delta', content: 'registry' },
])
const windows = makeImage({ layers: [layer], platform, config: { Cmd: ['cmd.exe'] } })
const linux = smallImage('beside windows')
const index = makeIndex([linux, windows])

type Inspect = { Id: string; Os: string; OsVersion: string; RootFS: { Layers: string[] }; RepoDigests: string[] }
const inspect = (name: string) => daemon.client.get<Inspect>(`/images/${name}/json`)

test('pulled by its platform, inspected, tagged, saved, pushed', async () => {
  const digest = registry.add('windows/server', '1', index)
  const name = `${registry.host}/windows/server:1`
  const answer = succeeded(await pull(daemon.client, name, { platform: 'windows/amd64' }))
  assert.equal(storyOf(answer, shortId(layer.descriptor.digest)).at(-1), 'Pull complete')
  assert.equal(answer.words.at(-1), `Status: Downloaded newer image for ${name}`)
  const { Id, Os, OsVersion, RootFS, RepoDigests } = expectStatus(await inspect(name), 200)
  assert.deepEqual(
    { Id, Os, OsVersion, layers: RootFS.Layers, RepoDigests },
    {
      ...{ Id: windows.id, Os: 'windows', OsVersion: '10.0.17763.1', layers: [layer.diffId] },
      RepoDigests: [`${registry.host}/windows/server@${digest}`],
    },
  )

  const repo = `${registry.host}/windows/copy`
  expectStatus(await daemon.client.post(`/images/${name}/tag`, undefined, { repo, tag: '1' }), 201)
  const aux = succeeded(await push(daemon.client, repo, { tag: '1' })).aux.at(-1)
  assert.equal(aux?.Digest, windows.target.descriptor.digest, 'of the index only this one is here')
  assert.ok(registry.repository('windows/copy').blobs.get(layer.descriptor.digest)?.equals(layer.bytes))

  const file = join(daemon.root, 'windows.tar')
  const saved = await daemon.tare(['save', '-o', file, `${repo}:1`])
  assert.equal(saved.code, 0, saved.stderr)
  const inside = (path: string) => execFileSync('tar', ['-xOf', file, path])
  const [entry] = JSON.parse(inside('manifest.json').toString()) as { Config: string; Layers: string[] }[]
  assert.ok(inside(entry?.Config ?? '').equals(windows.config.bytes))
  assert.equal(entry?.Layers.length, 1)
  const archived = await run(['skopeo', 'inspect', '--raw', `docker-archive:${file}:${repo}:1`])
  assert.equal(archived.code, 0, archived.stderr)
  assert.equal((await daemon.tare(['rmi', '-f', windows.id])).code, 0)
})

test('running it is refused, and names the operating system; nothing is run in its place', async () => {
  registry.add('windows/run', '1', windows)
  const name = `${registry.host}/windows/run:1`
  succeeded(await pull(daemon.client, name, { platform: 'windows/amd64' }))
  for (const args of [
    ['run', '--rm', name],
    ['run', '--rm', '--platform', 'windows/amd64', name],
    ['create', name],
  ]) {
    const { code, stdout, stderr } = await daemon.tare(args)
    assert.ok(code !== 0 && stdout === '', `${args.join(' ')}: ${stdout}`)
    assert.match(stderr, /operating system|windows/i)
  }
  const built = await daemon.tare(['build', '-'], { stdin: `FROM ${name}\nRUN echo never\n` })
  assert.notEqual(built.code, 0)
  assert.match(built.stdout + built.stderr, /operating system|windows/i)
  assert.deepEqual((await daemon.client.get<unknown[]>('/containers/json', { all: 1 })).body, [])
  assert.equal((await daemon.tare(['rmi', '-f', windows.id])).code, 0)
})

test('layers that lie elsewhere are fetched from there, and are not pushed', async () => {
  await using elsewhere = await FakeRegistry.start()
  elsewhere.add('licensed', '1', makeImage({ layers: [layer] }))
  const url = `${elsewhere.url}/v2/licensed/blobs/${layer.descriptor.digest}`
  const own = makeLayer([{ path: 'Files/app.exe', content: 'app' }])
  const foreign: MadeLayer = { ...layer, descriptor: { ...layer.descriptor, mediaType: FOREIGN } }
  const image = makeImage({
    layers: [foreign, own],
    platform,
    falsify: manifest => ({
      ...manifest,
      layers: manifest.layers.map(descriptor =>
        descriptor.mediaType === FOREIGN ? { ...descriptor, urls: [url] } : descriptor,
      ),
    }),
  })
  const digest = registry.add('windows/foreign', '1', { ...image, blobs: [image.config, own] })
  const name = `${registry.host}/windows/foreign:1`
  succeeded(await pull(daemon.client, name, { platform: 'windows/amd64' }))
  assert.equal(elsewhere.seen({ method: 'GET', path: '/blobs/' }).length, 1)
  assert.equal(expectStatus(await inspect(name), 200).Id, image.id)

  await using other = await FakeRegistry.start()
  const repo = `${other.host}/foreign`
  expectStatus(await daemon.client.post(`/images/${name}/tag`, undefined, { repo, tag: '1' }), 201)
  const pushed = succeeded(await push(daemon.client, repo, { tag: '1' }))
  assert.deepEqual(storyOf(pushed, shortId(layer.diffId)), ['Preparing', 'Skipped foreign layer'])
  assert.equal(pushed.aux[0]?.Digest, digest)
  assert.equal(other.repository('foreign').blobs.has(layer.descriptor.digest), false)
  assert.equal((await daemon.tare(['rmi', '-f', image.id])).code, 0)
})

test('nothing of them is left', () => {
  const { blobs } = storedFiles(daemon.dataRoot)
  for (const { descriptor } of [layer, windows.config, windows.target])
    assert.equal(blobs.includes(descriptor.digest.slice(7)), false, descriptor.mediaType)
})
