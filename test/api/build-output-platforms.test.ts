// Builds for several platforms: one index under the tags, all of it pushed, archived and listed.
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import type { ImageInspect, ImageSummary } from '../../src/api/image.ts'
import type { Index } from '../../src/oci/descriptor.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { BuildContext } from '../harness/build-cli.ts'
import { run } from '../harness/command.ts'
import { TestDaemon } from '../harness/daemon.ts'
import { Emulation, FOREIGN, importForeign, noEmulation } from '../harness/foreign.ts'
import { TestRegistry } from '../harness/registry.ts'
import { USER } from '../harness/registry-user.ts'

const own = process.arch === 'arm64' ? 'arm64' : 'amd64'
const host = `linux/${own}`
const foreign = `linux/${FOREIGN.architecture}`
const both = ['--platform', `${foreign},${host}`]
const skip = noEmulation() ?? false

let daemon: TestDaemon
let registry: TestRegistry
before(async () => {
  ;[daemon, registry] = await Promise.all([TestDaemon.start(), TestRegistry.start()])
})
after(async () => {
  await daemon[Symbol.asyncDispose]()
  await registry[Symbol.asyncDispose]()
})

const FILES = {
  Dockerfile: `FROM --platform=$BUILDPLATFORM busybox AS tools
RUN echo made once && cat /proc/sys/kernel/random/uuid >/made
FROM scratch
ARG TARGETPLATFORM
COPY --from=tools /made /
COPY file /file
LABEL for=$TARGETPLATFORM
`,
  file: 'content\n',
}
const inspect = async (name: string, platform?: string): Promise<ImageInspect> => {
  const asked =
    platform === undefined
      ? undefined
      : { platform: JSON.stringify({ os: 'linux', architecture: platform.split('/')[1] }) }
  const { status, body } = await daemon.client.get<ImageInspect>(`/images/${name}/json`, asked)
  assert.equal(status, 200, JSON.stringify(body))
  return body
}
const metadataOf = (path: string): Record<string, string> => JSON.parse(readFileSync(path, 'utf8'))

test('both platforms are under each tag; what does not depend on the platform is done once; iidfile has the host’s', async () => {
  using context = new BuildContext(FILES)
  const told = await context.build(daemon, [...both, '-t', 'two:a', '-t', 'two:b', '--iidfile', context.path('iid')])
  assert.equal(told.match(/ made once$/gm)?.length, 1, told)
  assert.match(told, new RegExp(`\\[${foreign} tools 2/2\\] RUN`))
  assert.match(told, new RegExp(`\\[${host} tools 2/2\\] RUN`))
  for (const name of ['two:a', 'two:b']) {
    for (const platform of [host, foreign])
      assert.deepEqual((await inspect(name, platform)).Config?.Labels, { for: platform })
    assert.equal((await inspect(name)).Id, readFileSync(context.path('iid'), 'utf8'))
  }
  const { body } =
    await daemon.client.get<(ImageSummary & { Manifests: { Available: boolean }[] })[]>('/images/json?manifests=1')
  const row = body.find(({ RepoTags }) => RepoTags?.includes('two:a'))
  assert.deepEqual(row?.RepoTags, ['two:a', 'two:b'])
  assert.deepEqual(
    row?.Manifests.map(({ Available }) => Available),
    [true, true],
  )
  const tree = await daemon.tare(['images', '--tree', 'two'])
  assert.match(tree.stdout, new RegExp(`${foreign}[^]*${host}`))
  // The name leads to one image again.
  await context.build(daemon, ['-t', 'two:b'])
  const platform = JSON.stringify({ os: 'linux', architecture: FOREIGN.architecture })
  assert.equal((await daemon.client.get('/images/two:a/json', { platform })).status, 200)
  assert.equal((await daemon.client.get('/images/two:b/json', { platform })).status, 404)
})

test('a push sends the whole index, which another engine pulls; the digest is the one that metadata has', async () => {
  using context = new BuildContext(FILES)
  const name = `${new URL(registry.url).host}/built/two:1`
  await context.build(daemon, [...both, '-t', name, '--push', '--metadata-file', context.path('m.json')])
  const raw = await run(['skopeo', 'inspect', '--raw', '--tls-verify=false', `docker://${name}`])
  assert.equal(raw.code, 0, raw.stderr)
  const index = JSON.parse(raw.stdout) as Index
  assert.deepEqual(
    index.manifests.map(({ platform }) => platform?.architecture),
    [FOREIGN.architecture, own],
  )
  const metadata = metadataOf(context.path('m.json'))
  assert.equal(digestOf(raw.stdout.trimEnd()), metadata['containerimage.digest'])
  for (const { platform } of index.manifests) {
    const architecture = platform?.architecture ?? ''
    const config = await run([
      ...['skopeo', 'inspect', '--config', '--tls-verify=false', '--override-arch', architecture],
      `docker://${name}`,
    ])
    assert.equal(JSON.parse(config.stdout).config.Labels.for, `linux/${architecture}`, config.stderr)
  }
})

test('type=registry pushes one platform; the digest in the metadata is the registry’s', async () => {
  using context = new BuildContext(FILES)
  const name = `${new URL(registry.url).host}/built/one:1`
  await context.build(daemon, ['-o', 'type=registry', '-t', name, '--metadata-file', context.path('m.json')])
  const digest = await run(['skopeo', 'inspect', '--format', '{{.Digest}}', '--tls-verify=false', `docker://${name}`])
  assert.equal(digest.stdout.trim(), metadataOf(context.path('m.json'))['containerimage.digest'], digest.stderr)
})

test('an archive has both platforms, and loads; a directory has one for each', async () => {
  using context = new BuildContext({ ...FILES, Dockerfile: `${FILES.Dockerfile}LABEL archive=yes\n` })
  const archive = context.path('a.tar')
  await context.build(daemon, [...both, '-o', `type=oci,dest=${archive},name=loaded:1`, '-o', context.path('out')])
  const loaded = await daemon.tare(['load', '-i', archive])
  assert.match(loaded.stdout, /Loaded image: loaded:1/, loaded.stderr)
  for (const platform of [host, foreign])
    assert.equal((await inspect('loaded:1', platform)).Architecture, platform.split('/')[1])
  for (const platform of [host, foreign])
    assert.equal(readFileSync(`${context.path('out')}/${platform.replace('/', '_')}/file`, 'utf8'), 'content\n')
})

test('steps run on the platform that they are for', { skip }, async () => {
  await importForeign(daemon.client, FOREIGN.architecture, foreign)
  await daemon.tare(['tag', 'busybox', `busybox:${own}`])
  await using _emulation = await Emulation.register('PF')
  using context = new BuildContext({ Dockerfile: 'ARG TARGETARCH\nFROM busybox:$TARGETARCH\nRUN uname -m >/machine\n' })
  await context.build(daemon, [...both, '-o', context.path('out')])
  const machine = (platform: string) => readFileSync(`${context.path('out')}/linux_${platform}/machine`, 'utf8')
  assert.equal(machine(FOREIGN.architecture), `${FOREIGN.machine}\n`)
  assert.equal(machine(own), own === 'amd64' ? 'x86_64\n' : 'aarch64\n')
})

test('a push shows the registry who the client is', async () => {
  await using closed = await TestRegistry.start({ htpasswd: true })
  using context = new BuildContext(FILES)
  const name = `${closed.host}/closed/app:1`
  const env = { DOCKER_CONFIG: context.path('config') }
  const refused = await context.try(daemon, ['-t', name, '--push'], { env })
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /no basic auth credentials|unauthorized|authentication required/)
  mkdirSync(context.path('config'))
  const auth = Buffer.from(`${USER.name}:${USER.password}`).toString('base64')
  writeFileSync(`${context.path('config')}/config.json`, JSON.stringify({ auths: { [closed.host]: { auth } } }))
  await context.build(daemon, ['-t', name, '--push', '--cache-to', `type=registry,ref=${closed.host}/closed/cache`], {
    env,
  })
  const again = await context.build(daemon, ['--cache-from', `type=registry,ref=${closed.host}/closed/cache`], { env })
  assert.doesNotMatch(again, /failed to import/)
})
