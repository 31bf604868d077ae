// Archives of several platforms: what save writes, what load takes, and that both fit other tools.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import type { ImageSummary, JsonMessage } from '../../src/api/image.ts'
import type { Index } from '../../src/oci/descriptor.ts'
import { hexOf } from '../../src/oci/digest.ts'
import type { Platform } from '../../src/oci/platform.ts'
import { run } from '../harness/command.ts'
import { TestDaemon, until } from '../harness/daemon.ts'
import { expectStatus } from '../harness/http-client.ts'
import { pull, push, storedFiles, succeeded } from '../harness/image-transfer.ts'
import {
  type Compression,
  type MadeImage,
  makeImage,
  makeIndex,
  makeLayer,
  noise,
  publish,
  smallImage,
} from '../harness/layer-image.ts'
import { TestRegistry } from '../harness/registry.ts'
import { suiteRoot } from '../harness/suite-root.ts'

const scratch = mkdtempSync(join(suiteRoot(), 'archives-'))
let daemon: TestDaemon
let registry: TestRegistry
before(async () => {
  ;[daemon, registry] = await Promise.all([TestDaemon.start({ busybox: false }), TestRegistry.start()])
})
after(async () => {
  rmSync(scratch, { recursive: true, force: true })
  await registry[Symbol.asyncDispose]()
  await daemon[Symbol.asyncDispose]()
})

// What a test that failed has left is not the next one's.
afterEach(async () => {
  for (const { Id } of (await daemon.client.get<ImageSummary[]>('/images/json', { all: 1 })).body) await forget(Id)
})

const ARM: Platform = { os: 'linux', architecture: 'arm64' }
const WINDOWS: Platform = { os: 'windows', architecture: 'amd64', 'os.version': '10.0.17763.1' }
const named = (path: string): string => `${registry.host}/${path}`
const imageOf = (content: string, platform?: Platform, compression: Compression = 'gzip'): MadeImage =>
  makeImage({
    layers: [makeLayer([{ path: 'file', content }], compression)],
    ...(platform ? { platform } : {}),
    flavour: compression === 'zstd' ? 'oci' : 'docker',
    config: { Cmd: ['/file'] },
  })

const bring = async (path: string, ...platforms: string[]): Promise<void> => {
  for (const platform of platforms) succeeded(await pull(daemon.client, named(path), { platform }))
}
const save = async (query: Readonly<Record<string, string>>): Promise<Buffer> => {
  const answer = await daemon.client.stream('GET', `/images/get?${new URLSearchParams(query)}`)
  const bytes = Buffer.concat((await answer.toArray()) as Buffer[])
  assert.equal(answer.statusCode, 200, bytes.toString())
  return bytes
}
type Loaded = { readonly words: readonly string[]; readonly error: string | undefined }
const load = async (body: Buffer, platform?: Platform): Promise<Loaded> => {
  const query = platform ? { platform: JSON.stringify(platform) } : {}
  const { text } = await daemon.client.request('POST', '/images/load', { body, query })
  const messages = text.split('\n').flatMap(line => (line.trim() ? [JSON.parse(line) as JsonMessage] : []))
  return {
    words: messages.flatMap(({ stream }) => stream?.trim() ?? []),
    error: messages.find(({ error }) => error !== undefined)?.error,
  }
}
const member = <Value>(archive: Buffer, path: string): Value =>
  JSON.parse(
    execFileSync('tar', ['-xOf', '-', path], { input: archive, encoding: 'utf8', maxBuffer: 1 << 26 }),
  ) as Value
const members = (archive: Buffer): string[] =>
  execFileSync('tar', ['-tf', '-'], { input: archive, encoding: 'utf8' }).trim().split('\n')
const forget = async (name: string): Promise<void> => {
  expectStatus(await daemon.client.request('DELETE', `/images/${name}`, { query: { force: 1 } }), 200)
}
type Inspect = {
  Id: string
  Architecture: string
  Os: string
  OsVersion?: string
  RepoTags: string[]
  RepoDigests: string[]
}
const inspect = async (name: string, platform?: Platform): Promise<Inspect> => {
  const query = platform ? { platform: JSON.stringify(platform) } : {}
  return expectStatus(await daemon.client.get<Inspect>(`/images/${name}/json`, query), 200)
}
const statusOf = async (name: string): Promise<number> => (await daemon.client.get(`/images/${name}/json`)).status
const stored = (): readonly string[] => storedFiles(daemon.dataRoot).blobs
/** For which of the tests' platforms a name is here. */
const available = async (name: string): Promise<string[]> => {
  const found: string[] = []
  for (const architecture of ['amd64', 'arm64', 's390x']) {
    const platform = JSON.stringify({ os: 'linux', architecture })
    if ((await daemon.client.get(`/images/${name}/json`, { platform })).status === 200) found.push(architecture)
  }
  return found
}
const skopeo = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await run(['skopeo', ...args])
  assert.equal(code, 0, `skopeo ${args.join(' ')}: ${stderr}`)
  return stdout
}

test('several platforms: saved with their index, removed, loaded, and nothing differs', async () => {
  const [amd, arm, other] = [
    imageOf('amd'),
    imageOf('arm', ARM, 'none'),
    imageOf('other', { os: 'linux', architecture: 's390x' }),
  ]
  const index = makeIndex([amd, arm, other])
  await publish(registry.url, 'multi', '1', index)
  const name = named('multi:1')
  await bring('multi:1', 'linux/amd64', 'linux/arm64')
  const before = stored()
  const archive = await save({ names: name })
  const { digest, size, mediaType } = index.target.descriptor
  assert.deepEqual(member<Index>(archive, 'index.json').manifests, [
    {
      ...{ mediaType, digest, size },
      annotations: { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': '1' },
    },
  ])
  type Item = { Config: string; RepoTags: string[] | null }
  assert.deepEqual(
    member<Item[]>(archive, 'manifest.json').map(({ Config, RepoTags }) => [Config, RepoTags]),
    [
      [`blobs/sha256/${hexOf(amd.id)}`, [name]],
      [`blobs/sha256/${hexOf(arm.id)}`, null],
    ],
  )
  assert.deepEqual(
    members(archive).flatMap(path => (/^blobs\/sha256\/./.test(path) ? [path.slice(13)] : [])),
    before,
  )

  await forget(name)
  assert.deepEqual(stored(), [])
  assert.deepEqual(await load(archive), { words: [`Loaded image: ${name}`], error: undefined })
  assert.deepEqual(stored(), before)
  assert.equal((await inspect(name)).Id, amd.id)
  assert.equal((await inspect(name, ARM)).Id, arm.id)
  assert.deepEqual((await inspect(name)).RepoDigests, [])
  assert.deepEqual(await available(name), ['amd64', 'arm64'])
  // Once more changes nothing, and neither does what is in it beside other archives' images.
  assert.deepEqual(await load(archive), { words: [`Loaded image: ${name}`], error: undefined })
  assert.deepEqual(stored(), before)

  await forget(name)
  assert.deepEqual(await load(archive, ARM), { words: [`Loaded image: ${name}`], error: undefined })
  assert.deepEqual(await available(name), ['arm64'])
  assert.equal((await inspect(name)).Id, arm.id)
  await forget(name)
  const refused = await load(archive, { os: 'linux', architecture: 's390x' })
  assert.deepEqual(refused, {
    words: [],
    error: 'requested platform (linux/s390x) not found: image might be filtered out',
  })
  assert.deepEqual(stored(), [])
})

test('one of several platforms can be saved', async () => {
  const [amd, arm] = [imageOf('one amd'), imageOf('one arm', ARM)]
  await publish(registry.url, 'one', '1', makeIndex([amd, arm]))
  const name = named('one:1')
  await bring('one:1', 'linux/amd64', 'linux/arm64')
  const archive = await save({ names: name, platform: JSON.stringify(ARM) })
  const [top] = member<Index>(archive, 'index.json').manifests
  assert.deepEqual([top?.digest, top?.platform], [arm.target.descriptor.digest, ARM])
  const missing = await daemon.client.get<{ message: string }>('/images/get', {
    names: name,
    platform: JSON.stringify(WINDOWS),
  })
  assert.deepEqual(
    [missing.status, missing.body.message],
    [404, 'no suitable export target found for platform windows/amd64'],
  )
  await forget(name)
  assert.deepEqual((await load(archive)).words, [`Loaded image: ${name}`])
  assert.equal((await inspect(name)).Id, arm.id)
  assert.equal((await inspect(name)).Architecture, 'arm64')
  const file = join(scratch, 'one.tar')
  writeFileSync(file, archive)
  for (const client of ['docker', 'tare'] as const) {
    const taken = await daemon[client](['load', '--platform', 'linux/arm64', '-i', file])
    assert.deepEqual([taken.code, taken.stdout], [0, `Loaded image: ${name}\n`], taken.stderr)
    const refused = await daemon[client](['load', '--platform', 'linux/386', '-i', file])
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /requested platform \(linux\/386\) not found: image might be filtered out/)
    const gone = await daemon[client](['save', '--platform', 'linux/386', '-o', join(scratch, 'none.tar'), name])
    assert.match(gone.stderr, /no suitable export target found for platform linux\/386/)
    const saved = await daemon[client](['save', '--platform', 'linux/arm64', '-o', join(scratch, 'again.tar'), name])
    assert.equal(saved.code, 0, saved.stderr)
  }
  // The same platform is a match, another one is none.
  assert.equal((await load(archive, ARM)).error, undefined)
  const other = await load(archive, { os: 'linux', architecture: 'amd64' })
  assert.equal(other.error, 'requested platform (linux/amd64) not found: image might be filtered out')
  await forget(name)
})

test('names that share images, and images without names, each keep what they are', async () => {
  const [amd, arm] = [imageOf('share amd'), imageOf('share arm', ARM)]
  await publish(registry.url, 'share', '1', makeIndex([amd, arm]))
  await publish(registry.url, 'share', 'single', amd)
  await bring('share:1', 'linux/amd64', 'linux/arm64')
  await bring('share:single', 'linux/amd64')
  const alone = smallImage('alone')
  await publish(registry.url, 'alone', '1', alone)
  await bring('alone:1', 'linux/amd64')
  const answer = await daemon.client.stream('GET', `/images/get?names=${named('share')}&names=${alone.id}`)
  const archive = Buffer.concat((await answer.toArray()) as Buffer[])
  for (const name of ['share:1', 'share:single', 'alone:1']) await forget(named(name))
  const { words } = await load(archive)
  assert.deepEqual(
    words.toSorted(),
    [
      `Loaded image ID: ${alone.id}`,
      `Loaded image: ${named('share:1')}`,
      `Loaded image: ${named('share:single')}`,
    ].toSorted(),
  )
  assert.deepEqual(await available(named('share:1')), ['amd64', 'arm64'])
  assert.deepEqual(await available(named('share:single')), ['amd64'])
  assert.deepEqual((await inspect(alone.id)).RepoTags, [])
  for (const name of [named('share:1'), named('share:single'), alone.id]) await forget(name)
  assert.deepEqual(stored(), [])
})

test("another tool's layout gives the host's platform, or the one that is asked for", async () => {
  const [amd, arm] = [imageOf('layout amd', undefined, 'zstd'), imageOf('layout arm', ARM, 'zstd')]
  await publish(registry.url, 'layout', '1', makeIndex([arm, amd], 'oci'))
  const file = join(scratch, 'layout.tar')
  await skopeo(
    'copy',
    '-q',
    '--src-tls-verify=false',
    '--all',
    `docker://${named('layout:1')}`,
    `oci-archive:${file}:team/layout:1`,
  )
  const archive = readFileSync(file)
  assert.deepEqual((await load(archive)).words, ['Loaded image: team/layout:1'])
  assert.deepEqual(await available('team/layout:1'), ['amd64'])
  assert.deepEqual((await load(archive, ARM)).words, ['Loaded image: team/layout:1'])
  assert.deepEqual(await available('team/layout:1'), ['amd64', 'arm64'])
  assert.equal((await inspect('team/layout:1')).Id, amd.id)
  const refused = await load(archive, { os: 'linux', architecture: 's390x' })
  assert.equal(refused.error, 'requested platform (linux/s390x) not found: image might be filtered out')
  await forget('team/layout:1')
  assert.deepEqual(stored(), [])

  const foreign = join(scratch, 'foreign.tar')
  await publish(
    registry.url,
    'foreign',
    '1',
    makeIndex([imageOf('f1', ARM), imageOf('f2', { os: 'linux', architecture: 's390x' })], 'oci'),
  )
  await skopeo(
    'copy',
    '-q',
    '--src-tls-verify=false',
    '--all',
    `docker://${named('foreign:1')}`,
    `oci-archive:${foreign}:team/foreign:1`,
  )
  const { error } = await load(readFileSync(foreign))
  assert.equal(error, 'no matching manifest for linux/amd64 in the manifest list entries')
  assert.deepEqual(stored(), [])
})

test('skopeo reads what is saved', async () => {
  const [amd, arm] = [imageOf('skopeo amd'), imageOf('skopeo arm', ARM)]
  const index = makeIndex([amd, arm])
  await publish(registry.url, 'read', '1', index)
  const name = named('read:1')
  await bring('read:1', 'linux/amd64', 'linux/arm64')
  const file = join(scratch, 'saved.tar')
  writeFileSync(file, await save({ names: name }))
  const to = '--dest-tls-verify=false'
  await skopeo(
    'copy',
    '-q',
    '--all',
    '--preserve-digests',
    to,
    `oci-archive:${file}`,
    `docker://${named('read:copied')}`,
  )
  const copied = await skopeo('inspect', '--raw', '--tls-verify=false', `docker://${named('read:copied')}`)
  assert.equal(copied, index.target.bytes.toString())
  await skopeo('copy', '-q', to, `docker-archive:${file}:${name}`, `docker://${named('read:docker')}`)
  const config = await skopeo('inspect', '--config', '--raw', '--tls-verify=false', `docker://${named('read:docker')}`)
  assert.equal(config, amd.config.bytes.toString())
  await forget(name)
})

test('what is being saved can be removed meanwhile: the archive is whole all the same', async () => {
  const image = makeImage({ layers: [makeLayer([{ path: 'big', content: noise(24 << 20) }], 'none')] })
  await publish(registry.url, 'going', '1', image)
  const name = named('going:1')
  await bring('going:1', 'linux/amd64')
  const whole = stored()
  const answer = await daemon.client.stream('GET', `/images/${name}/get`)
  const chunks: Buffer[] = []
  const reader = answer[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  chunks.push((await reader.next()).value as Buffer)
  await forget(name)
  assert.equal(await statusOf(name), 404)
  assert.deepEqual(stored(), whole, 'the blobs are leased')
  for (let next = await reader.next(); !next.done; next = await reader.next()) chunks.push(next.value)
  await until('the blobs to be given up', () => stored().length === 0)
  assert.deepEqual((await load(Buffer.concat(chunks))).words, [`Loaded image: ${name}`])
  assert.equal((await inspect(name)).Id, image.id)

  // A reader that goes away lets go of them too.
  const left = await daemon.client.stream('GET', `/images/${name}/get`)
  await once(left)
  await forget(name)
  left.destroy()
  await until('the blobs to be given up', () => stored().length === 0)
})
const once = async (stream: NodeJS.ReadableStream): Promise<void> => {
  await new Promise<void>(resolve => stream.once('data', () => resolve()))
  stream.pause()
}

test('an index whose images are not in the archive, or are broken, brings nothing', async () => {
  const [amd, arm] = [imageOf('broken amd'), imageOf('broken arm', ARM)]
  const index = makeIndex([amd, arm], 'oci')
  const folder = join(scratch, 'broken')
  const pack = (...blobs: readonly { descriptor: { digest: `sha256:${string}` }; bytes: Buffer }[]): Buffer => {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(join(folder, 'blobs/sha256'), { recursive: true })
    for (const { descriptor, bytes } of blobs)
      writeFileSync(join(folder, 'blobs/sha256', hexOf(descriptor.digest)), bytes)
    writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
    const annotations = { 'org.opencontainers.image.ref.name': 'broken:1' }
    writeFileSync(
      join(folder, 'index.json'),
      JSON.stringify({ schemaVersion: 2, manifests: [{ ...index.target.descriptor, annotations }] }),
    )
    return execFileSync('tar', ['-C', folder, '-cf', '-', '.'])
  }
  const { digest } = index.target.descriptor
  assert.equal((await load(pack())).error, `invalid archive: blobs/sha256/${hexOf(digest)}: no such file`)
  assert.equal((await load(pack(index.target))).error, `invalid archive: it has none of the images of ${digest}`)
  const without = await load(pack(index.target, amd.target, amd.config, arm.target, arm.config))
  assert.equal(without.error, `invalid archive: it has none of the images of ${digest}`)
  const [layer] = amd.layers
  assert.ok(layer)
  const wrong = { ...layer, bytes: Buffer.from('other bytes') }
  const changed = await load(pack(index.target, amd.target, amd.config, wrong))
  assert.equal(changed.error, `invalid archive: ${layer.descriptor.digest} has other content`)
  assert.deepEqual(stored(), [])
  // The one that is whole comes.
  assert.deepEqual((await load(pack(index.target, ...arm.blobs, arm.target, amd.target))).words, [
    'Loaded image: broken:1',
  ])
  assert.deepEqual(await available('broken:1'), ['arm64'])
  await forget('broken:1')
  assert.deepEqual(stored(), [])
})

test('an image of Windows: pulled, inspected, tagged, saved, loaded, pushed, and never run', async () => {
  const [amd, windows] = [imageOf('linux'), imageOf('windows', WINDOWS)]
  await publish(registry.url, 'win', '1', makeIndex([amd, windows]))
  const name = named('win:1')
  const platform = 'windows/amd64'
  assert.equal((await daemon.docker(['pull', '--platform', platform, name])).code, 0)
  const { Os, OsVersion, Id, Architecture } = await inspect(name)
  assert.deepEqual([Os, OsVersion, Id, Architecture], ['windows', '10.0.17763.1', windows.id, 'amd64'])
  assert.deepEqual(storedFiles(daemon.dataRoot).snapshots, [], 'nothing of it is unpacked')
  const ran = await daemon.docker(['run', '--rm', '--platform', platform, name])
  const words = 'image operating system "windows" cannot be used on this platform: operating system is not supported'
  assert.equal(ran.code, 125)
  assert.ok(ran.stderr.includes(words), ran.stderr)
  const kept = await daemon.docker(['run', '--rm', name])
  assert.ok(kept.stderr.includes(words), kept.stderr)

  const tagged = named('win:tagged')
  assert.equal((await daemon.docker(['tag', name, tagged])).code, 0)
  const before = stored()
  const file = join(scratch, 'windows.tar')
  assert.equal((await daemon.docker(['save', '-o', file, name, tagged])).code, 0)
  for (const one of [name, tagged]) await forget(one)
  assert.deepEqual(stored(), [])
  const loaded = await daemon.docker(['load', '-i', file])
  assert.equal(loaded.code, 0, loaded.stderr)
  assert.deepEqual(loaded.stdout.trim().split('\n').sort(), [`Loaded image: ${name}`, `Loaded image: ${tagged}`].sort())
  assert.deepEqual(stored(), before)
  assert.deepEqual(storedFiles(daemon.dataRoot).snapshots, [])
  assert.equal((await inspect(tagged)).Id, windows.id)

  succeeded(await push(daemon.client, named('win'), { tag: 'tagged', platform: JSON.stringify(WINDOWS) }))
  const raw = await skopeo('inspect', '--raw', '--tls-verify=false', `docker://${tagged}`)
  assert.equal(raw, windows.target.bytes.toString())

  // One that skopeo packed has its layers plain, and no index.
  for (const one of [name, tagged]) await forget(one)
  const plain = join(scratch, 'plain.tar')
  await skopeo(
    'copy',
    '-q',
    '--src-tls-verify=false',
    '--override-os',
    'windows',
    `docker://${name}`,
    `docker-archive:${plain}:team/win:1`,
  )
  assert.deepEqual((await load(readFileSync(plain))).words, ['Loaded image: team/win:1'])
  assert.equal((await inspect('team/win:1')).Id, windows.id)
  await forget('team/win:1')
  assert.deepEqual(stored(), [])
})

test('a layer that Windows and Linux have alike is unpacked when Linux needs it', async () => {
  const layers = [makeLayer([{ path: 'data', content: 'the same everywhere' }])]
  const [linux, windows] = [makeImage({ layers }), makeImage({ layers, platform: WINDOWS })]
  await publish(registry.url, 'alike', '1', makeIndex([linux, windows]))
  const name = named('alike:1')
  await bring('alike:1', 'windows/amd64')
  assert.equal(storedFiles(daemon.dataRoot).snapshots.length, 0)
  await bring('alike:1', 'linux/amd64')
  assert.equal(storedFiles(daemon.dataRoot).snapshots.length, 1)
  const archive = await save({ names: name })
  await forget(name)
  assert.deepEqual(storedFiles(daemon.dataRoot).snapshots, [])
  assert.equal((await load(archive, WINDOWS)).error, undefined)
  assert.equal(storedFiles(daemon.dataRoot).snapshots.length, 0)
  assert.equal((await load(archive)).error, undefined)
  assert.equal(storedFiles(daemon.dataRoot).snapshots.length, 1)
  await forget(name)
  assert.deepEqual([stored(), storedFiles(daemon.dataRoot).snapshots], [[], []])
})
