// Names that stand for several platforms, as people use them: pulled one by one from a real registry, listed, inspected, run,
// tagged, pushed whole or in part, and removed.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import type { ImageSummary } from '../../src/api/image.ts'
import { processorVariant } from '../../src/host/processor-variant.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { formatPlatform, hostPlatform, type Platform } from '../../src/oci/platform.ts'
import { busyboxTar } from '../harness/busybox-image.ts'
import { type CommandResult, run } from '../harness/command.ts'
import { TestDaemon } from '../harness/daemon.ts'
import { expectStatus } from '../harness/http-client.ts'
import { storedFiles } from '../harness/image-transfer.ts'
import {
  type MadeImage,
  type MadeLayer,
  makeImage,
  makeIndex,
  makeLayer,
  type Publication,
  publish,
  smallImage,
} from '../harness/layer-image.ts'
import { TestRegistry } from '../harness/registry.ts'

const HOST: Platform = { os: 'linux', architecture: hostPlatform().architecture }
const OTHER: Platform = { os: 'linux', architecture: 's390x' }
const THIRD: Platform = { os: 'linux', architecture: 'mips64le' }
const [host, other, third] = [HOST, OTHER, THIRD].map(formatPlatform) as [string, string, string]

let daemon: TestDaemon
let registry: TestRegistry
let base: MadeLayer
before(async () => {
  ;[daemon, registry] = await Promise.all([TestDaemon.start({ busybox: false }), TestRegistry.start()])
  base = makeLayer(readFileSync(busyboxTar()), 'gzip', 'oci')
})
after(async () => {
  await registry[Symbol.asyncDispose]()
  await daemon[Symbol.asyncDispose]()
})

const named = (path: string): string => `${registry.host}/${path}`
const tare = async (...args: readonly string[]): Promise<string> => {
  const { code, stdout, stderr } = await daemon.tare(args)
  assert.equal(code, 0, `tare ${args.join(' ')}: ${stdout}${stderr}`)
  return stdout
}
const fails = async (...args: readonly string[]): Promise<CommandResult> => {
  const result = await daemon.tare(args)
  assert.notEqual(result.code, 0, result.stdout)
  return result
}
type Inspect = { Id: string; Architecture: string; RepoTags: string[]; RepoDigests: string[] }
const inspect = async (path: string, platform?: Platform): Promise<Inspect> =>
  expectStatus(
    await daemon.client.get<Inspect>(`/images/${named(path)}/json`, platform && { platform: JSON.stringify(platform) }),
    200,
  )
const list = async (): Promise<ImageSummary[]> =>
  expectStatus(await daemon.client.get<ImageSummary[]>('/images/json', { manifests: 1 }), 200)
/** The bytes that a registry has under a name, as another client gets them. */
const raw = async (path: string): Promise<string> => {
  const { stdout, stderr } = await run(['skopeo', 'inspect', '--raw', '--tls-verify=false', `docker://${named(path)}`])
  assert.ok(stdout, stderr)
  return stdout
}

/** An image with a layer that all platforms share, and one of its own. */
const image = (platform: Platform, word: string): MadeImage =>
  makeImage({
    layers: [base, makeLayer([{ path: 'word', content: `${word} ${formatPlatform(platform)}\n` }], 'gzip', 'oci')],
    platform,
    flavour: 'oci',
    config: { Cmd: ['cat', '/word'], Env: ['PATH=/bin'] },
  })
const publishIndex = async (path: string, images: readonly MadeImage[]): Promise<Publication> => {
  const index = makeIndex(images, 'oci')
  const [repository = '', tag = ''] = path.split(':')
  await publish(registry.url, repository, tag, index)
  return index
}

test('one name, several platforms: each pull adds one, and the host’s is meant where none is asked for', async () => {
  const [mine, theirs] = [image(HOST, 'two'), image(OTHER, 'two')]
  const index = await publishIndex('two:1', [theirs, mine])
  await tare('pull', '--platform', other, named('two:1'))
  assert.equal((await inspect('two:1')).Id, theirs.id, 'the only one that is here')
  const pulled = await tare('pull', named('two:1'))
  assert.match(pulled, /: Already exists\n/, 'the layer that both have')
  assert.match(pulled, new RegExp(`Digest: ${index.target.descriptor.digest}\n`))

  assert.equal((await inspect('two:1')).Id, mine.id)
  assert.equal((await inspect('two:1', HOST)).Id, mine.id)
  const asked = await inspect('two:1', OTHER)
  assert.deepEqual([asked.Id, asked.Architecture], [theirs.id, OTHER.architecture])
  for (const each of [await inspect('two:1'), asked]) {
    assert.deepEqual(each.RepoTags, [named('two:1')])
    assert.deepEqual(each.RepoDigests, [`${named('two')}@${index.target.descriptor.digest}`])
  }
  const missing = await daemon.client.get<{ message: string }>(`/images/${named('two:1')}/json`, {
    platform: JSON.stringify(THIRD),
  })
  assert.equal(missing.status, 404)
  assert.match(missing.body.message, new RegExp(`does not match the specified platform \\(${third}\\)`))
  assert.equal(
    await tare('image', 'inspect', '--platform', other, '--format', '{{.Id}}', named('two:1')),
    `${theirs.id}\n`,
  )

  await daemon.restart()
  assert.equal((await inspect('two:1', OTHER)).Id, theirs.id, 'after a restart too')
  assert.equal(await tare('images', '-q', '--no-trunc', named('two')), `${mine.id}\n`, 'one line')
})

test('the list of manifests and the tree tell what is here of an index', async () => {
  const [mine, theirs, absent] = [image(HOST, 'tree'), image(OTHER, 'tree'), image(THIRD, 'tree')]
  const index = await publishIndex('tree:1', [mine, theirs, absent])
  await tare('pull', '-q', named('tree:1'))
  await tare('pull', '-q', '--platform', other, named('tree:1'))
  const row = (await list()).find(({ RepoTags }) => RepoTags?.includes(named('tree:1')))
  assert.deepEqual(
    row?.Manifests?.map(({ ID, Available, Descriptor }) => [ID, Available, Descriptor.platform]),
    [
      [mine.target.descriptor.digest, true, HOST],
      [theirs.target.descriptor.digest, true, OTHER],
      [absent.target.descriptor.digest, false, THIRD],
    ],
  )
  assert.deepEqual(
    (await list()).filter(({ RepoDigests }) => RepoDigests?.some(name => name.endsWith(index.target.descriptor.digest)))
      .length,
    1,
  )
  const tree = await tare('images', '--tree')
  for (const platform of [host, other, third]) assert.match(tree, new RegExp(`─ ${platform} `))
})

test('run and create take the platform that is asked for, and pull it when it is missing', async () => {
  await publishIndex('run:1', [image(HOST, 'run'), image(OTHER, 'run')])
  assert.equal(await tare('run', '--rm', '--network=none', '-q', named('run:1')), `run ${host}\n`)
  assert.equal(await tare('run', '--rm', '--network=none', '--platform', host, named('run:1')), `run ${host}\n`)
  const created = await daemon.tare(['create', '--platform', other, named('run:1')])
  assert.equal(created.code, 0, created.stderr)
  assert.match(created.stderr, /^Unable to find image .* locally\n/)
  const id = created.stdout.trim()
  const format = '{{.Image}} {{.ImageManifestDescriptor.platform.architecture}}'
  assert.equal(
    await tare('inspect', '--format', format, id),
    `${(await inspect('run:1', OTHER)).Id} ${OTHER.architecture}\n`,
  )
  assert.match((await fails('start', id)).stderr, new RegExp(`platform \\(${other}\\) cannot run on this host`))
  const { stderr } = await fails('create', '--platform', third, named('run:1'))
  assert.match(stderr, new RegExp(`no matching manifest for ${third} in the manifest list entries`))

  // The name cannot go from under a container of any of its platforms.
  assert.match((await fails('rmi', named('run:1'))).stderr, /container [0-9a-f]{12} is using its referenced image/)
  await tare('rm', id)
  await tare('rmi', named('run:1'))
})

test('a name that is given here goes on meaning all platforms; pushed whole, the registry has the same index', async () => {
  const index = await publishIndex('origin:1', [image(HOST, 'push'), image(OTHER, 'push')])
  for (const platform of [host, other]) await tare('pull', '-q', '--platform', platform, named('origin:1'))
  await tare('tag', named('origin:1'), named('copy:2'))
  assert.equal((await inspect('copy:2', OTHER)).Architecture, OTHER.architecture)
  const pushed = await tare('push', named('copy:2'))
  assert.match(pushed, new RegExp(`2: digest: ${index.target.descriptor.digest} size: ${index.target.bytes.length}\n`))
  assert.equal(digestOf(await raw('copy:2')), index.target.descriptor.digest)
  for (const platform of [HOST, OTHER]) {
    const flags = ['--override-os', 'linux', '--override-arch', platform.architecture, '--tls-verify=false']
    const { code, stderr } = await run([
      'skopeo',
      ...flags.slice(0, 4),
      'inspect',
      flags[4] as string,
      `docker://${named('copy:2')}`,
    ])
    assert.equal(code, 0, stderr)
  }
})

test('pushed when one of them is not here, or with --platform, the one manifest goes', async () => {
  const [mine, theirs] = [image(HOST, 'part'), image(OTHER, 'part')]
  const absent = image(THIRD, 'part')
  const index = await publishIndex('part:1', [mine, theirs, absent])
  for (const platform of [host, other]) await tare('pull', '-q', '--platform', platform, named('part:1'))
  await tare('tag', named('part:1'), named('some:1'))
  const answer = await daemon.client.request('POST', `/images/${named('some')}/push`, {
    query: { tag: '1' },
    headers: { 'X-Registry-Auth': 'e30=' },
  })
  const lines = answer.text
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as { aux?: object; errorDetail?: object })
  const note = lines.find(({ aux }) => aux && 'manifestPushedInsteadOfIndex' in aux)
  assert.deepEqual(note?.aux, {
    manifestPushedInsteadOfIndex: true,
    originalIndex: index.target.descriptor,
    selectedManifest: mine.target.descriptor,
  })
  assert.equal(digestOf(await raw('some:1')), mine.target.descriptor.digest)
  assert.match((await daemon.docker(['push', named('some:1')])).stdout, /Not all multiplatform-content is present/)

  const chosen = await tare('push', '--platform', other, named('some:1'))
  assert.match(chosen, new RegExp(`digest: ${theirs.target.descriptor.digest}`))
  assert.equal(digestOf(await raw('some:1')), theirs.target.descriptor.digest)
  const { stderr } = await fails('push', '--platform', third, named('some:1'))
  assert.match(stderr, new RegExp(`does not match the specified platform \\(${third}\\)`))
  // The name here goes on meaning what it meant.
  assert.equal((await inspect('some:1', HOST)).Id, mine.id)
})

test('an index with more than images is pushed whole only when all of it is here', async () => {
  const mine = smallImage('attested', { platform: HOST, flavour: 'oci' })
  const proof = smallImage('proof', { platform: { os: 'unknown', architecture: 'unknown' }, flavour: 'oci' })
  const plain = makeIndex([mine, proof], 'oci')
  const content = JSON.parse(plain.target.bytes.toString())
  content.manifests[1].annotations = {
    'vnd.docker.reference.type': 'attestation-manifest',
    'vnd.docker.reference.digest': mine.target.descriptor.digest,
  }
  const bytes = Buffer.from(JSON.stringify(content))
  const descriptor = { ...plain.target.descriptor, digest: digestOf(bytes), size: bytes.length }
  await publish(registry.url, 'attested', '1', { ...plain, target: { bytes, descriptor } })
  await tare('pull', '-q', named('attested:1'))
  await tare('tag', named('attested:1'), named('unattested:1'))
  await tare('push', named('unattested:1'))
  assert.equal(digestOf(await raw('unattested:1')), mine.target.descriptor.digest)
})

test('the best variant of the host’s architecture is pulled where none is asked for', {
  skip: process.arch !== 'x64' || processorVariant() === 'v1' ? 'this processor has no variants' : false,
}, async () => {
  const variants = ['v4', 'v3', 'v2', undefined].map(variant =>
    image({ ...HOST, ...(variant && { variant }) }, `variant ${variant}`),
  )
  await publishIndex('variants:1', variants)
  await tare('pull', '-q', named('variants:1'))
  const best = variants.find(({ platform }) => platform.variant === processorVariant())
  assert.equal((await inspect('variants:1')).Id, best?.id)
  await tare('pull', '-q', '--platform', host, named('variants:1'))
  assert.equal((await inspect('variants:1', HOST)).Id, variants.at(-1)?.id, 'asked without a variant')
  assert.equal((await inspect('variants:1')).Id, best?.id)
})

test('rmi takes a name with all its platforms, or one platform of it', async () => {
  const before = storedFiles(daemon.dataRoot)
  const [mine, theirs] = [image(HOST, 'gone'), image(OTHER, 'gone')]
  await publishIndex('gone:1', [mine, theirs])
  for (const platform of [host, other]) await tare('pull', '-q', '--platform', platform, named('gone:1'))
  const one = await tare('rmi', '--platform', other, named('gone:1'))
  assert.match(one, new RegExp(`Deleted: ${theirs.id}\n`))
  assert.doesNotMatch(one, /Untagged/)
  assert.equal((await inspect('gone:1')).Id, mine.id)
  assert.match(
    (await fails('rmi', '--platform', other, named('gone:1'))).stderr,
    /does not match the specified platform/,
  )

  await tare('pull', '-q', '--platform', other, named('gone:1'))
  const all = await tare('rmi', named('gone:1'))
  assert.match(all, new RegExp(`^Untagged: ${named('gone:1')}\n`))
  for (const { id } of [mine, theirs]) assert.match(all, new RegExp(`Deleted: ${id}\n`))
  assert.deepEqual(storedFiles(daemon.dataRoot), before)
})
