// Builds bring their base images. With TARE_TEST_PEER the same is asked of Docker's classic builder; where Tare does more, the
// test says so.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { shortId } from '../../src/oci/digest.ts'
import { type BuildResult, buildTar, contextTar } from '../harness/build.ts'
import { busyboxTar } from '../harness/busybox-image.ts'
import { launcher, run, runInTerminal } from '../harness/command.ts'
import { type TestDaemon, until } from '../harness/daemon.ts'
import { type EngineUnderTest, engineUnderTest } from '../harness/engine-under-test.ts'
import { FakeRegistry } from '../harness/fake-registry.ts'
import { expectStatus } from '../harness/http-client.ts'
import {
  layerOf,
  type MadeImage,
  makeImage,
  makeIndex,
  makeLayer,
  noise,
  publish,
  smallImage,
} from '../harness/layer-image.ts'
import { TestRegistry } from '../harness/registry.ts'
import { USER } from '../harness/registry-user.ts'
import { suiteRoot } from '../harness/suite-root.ts'

const isTare = process.env.TARE_TEST_PEER === undefined
/** What only Tare does is not asked of others. */
const ours = { skip: isTare ? false : 'Docker does otherwise' }

let engine: EngineUnderTest
let registry: TestRegistry
let closed: TestRegistry
/** The client's configuration, which knows the closed registry. */
let config: string
const basic = `${USER.name}:${USER.password}`

const system = makeLayer(readFileSync(busyboxTar()))
const salt = String(Date.now())
const based = (label: string, architecture = 'amd64', onBuild?: readonly string[]): MadeImage =>
  makeImage({
    layers: [system],
    platform: { os: 'linux', architecture },
    config: { Labels: { label: `${label} ${salt}` }, ...(onBuild ? { OnBuild: onBuild } : {}) },
  })
const amd = based('multi')
const arm = based('multi', 'arm64')
const windows = smallImage('windows', { platform: { os: 'windows', architecture: 'amd64', 'os.version': '10.0.1' } })

before(async () => {
  ;[engine, registry, closed] = await Promise.all([
    engineUnderTest(),
    TestRegistry.start(),
    TestRegistry.start({ htpasswd: true }),
  ])
  await publish(registry.url, 'multi', 'latest', makeIndex([amd, arm, windows]))
  const headers = { Authorization: `Basic ${Buffer.from(basic).toString('base64')}` }
  await publish(closed.url, 'secret', 'latest', smallImage(`secret ${salt}`), { headers })
  config = mkdtempSync(join(suiteRoot(), 'build-pull-'))
  const auths = { [closed.host]: { auth: Buffer.from(basic).toString('base64') } }
  writeFileSync(join(config, 'config.json'), JSON.stringify({ auths }))
})
after(async () => {
  rmSync(config, { recursive: true, force: true })
  await registry[Symbol.asyncDispose]()
  await closed[Symbol.asyncDispose]()
  await engine[Symbol.asyncDispose]()
})

const named = (path: string): string => `${registry.host}/${path}`
const build = (dockerfile: string, query: Readonly<Record<string, string>> = {}): Promise<BuildResult> =>
  buildTar(engine.client, contextTar({ Dockerfile: dockerfile }), query)
const built = async (...args: Parameters<typeof build>): Promise<BuildResult> => {
  const result = await build(...args)
  assert.equal(result.error, undefined)
  return result
}
const forget = async (path: string): Promise<void> => {
  expectStatus(await engine.client.request('DELETE', `/images/${named(path)}`, { query: { force: 1 } }), 200)
}
/** All that was said, a message a line; how far something had come is left out. */
const told = ({ messages }: BuildResult): string[] =>
  messages.flatMap(({ stream, status, id, progressDetail }) => {
    if (stream !== undefined) return stream.trim() === '' ? [] : [stream.trim()]
    if (status === undefined || progressDetail?.current !== undefined) return []
    return [id === undefined ? status : `${id}: ${status}`]
  })
const requests = (path: string): number =>
  registry.log().match(new RegExp(`"(?:GET|HEAD) /v2/${path}/manifests/latest`, 'g'))?.length ?? 0
type Inspect = { Id: string; Architecture: string; Config: { Labels: Record<string, string> } }
const inspect = async (name: string): Promise<Inspect> =>
  expectStatus(await engine.client.get<Inspect>(`/images/${name}/json`), 200)

test('a base image that is not here comes between the step and its state; then it is here', async () => {
  const image = based('fresh')
  const digest = await publish(registry.url, 'fresh', 'latest', image)
  const name = named('fresh')
  const fresh = told(await built(`FROM ${name}\nRUN echo hi\n`))
  assert.deepEqual(fresh.slice(0, 2), [`Step 1/2 : FROM ${name}`, 'latest: Pulling from fresh'])
  const layer = shortId(system.descriptor.digest)
  assert.ok(fresh.includes(`${layer}: Pull complete`) || fresh.includes(`${layer}: Already exists`), fresh.join('\n'))
  const end = fresh.indexOf(`Digest: ${digest}`)
  assert.deepEqual(fresh.slice(end, end + 4), [
    `Digest: ${digest}`,
    `Status: Downloaded newer image for ${name}:latest`,
    `---> ${shortId(image.id)}`,
    'Step 2/2 : RUN echo hi',
  ])
  assert.ok(fresh.includes('hi'))
  const again = told(await built(`FROM ${name}\n`))
  assert.deepEqual(again.slice(0, 2), [`Step 1/1 : FROM ${name}`, `---> ${shortId(image.id)}`])
})

test('pull=1 asks the registry also for what is here', async () => {
  const name = named('moves')
  const first = based('first')
  const second = based('second')
  const digest = await publish(registry.url, 'moves', 'latest', first)
  await built(`FROM ${name}\n`)
  const same = told(await built(`FROM ${name}\n`, { pull: '1' }))
  assert.deepEqual(same.slice(1, 5), [
    'latest: Pulling from moves',
    `Digest: ${digest}`,
    `Status: Image is up to date for ${name}:latest`,
    `---> ${shortId(first.id)}`,
  ])
  await publish(registry.url, 'moves', 'latest', second)
  assert.equal((await built(`FROM ${name}\n`)).id, first.id)
  assert.equal((await built(`FROM ${name}\n`, { pull: '1' })).id, second.id)
})

test('COPY --from and ONBUILD bring theirs too', async () => {
  await publish(registry.url, 'files', 'latest', based('files'))
  const copied = told(await built(`FROM scratch\nCOPY --from=${named('files')} /etc/passwd /x\n`))
  assert.ok(copied.indexOf('latest: Pulling from files') > copied.findIndex(line => line.startsWith('Step 2/2')))
  await publish(registry.url, 'more', 'latest', based('more'))
  await publish(
    registry.url,
    'trigger',
    'latest',
    based('trigger', 'amd64', [`COPY --from=${named('more')} /etc/passwd /y`]),
  )
  const triggered = told(await built(`FROM ${named('trigger')}\n`))
  assert.ok(triggered.includes('latest: Pulling from trigger'))
  assert.ok(triggered.includes('latest: Pulling from more'))
})

test('stages that need the same image bring it once', async () => {
  await publish(registry.url, 'shared', 'latest', based('shared'))
  const name = named('shared')
  const dockerfile = `FROM ${name} AS a\nFROM ${name} AS b\nFROM ${name}\nCOPY --from=a /etc/passwd /a\nCOPY --from=b /etc/passwd /b\nCOPY --from=${name} /etc/group /c\n`
  const lines = told(await built(dockerfile))
  assert.equal(lines.filter(line => line === 'latest: Pulling from shared').length, 1)
  if (!isTare) return
  assert.equal(requests('shared'), 1)
  await built(dockerfile, { pull: '1' })
  assert.equal(requests('shared'), 2)
})

test('the platform that is asked for is the one that comes', async () => {
  const name = named('multi')
  assert.equal((await built(`FROM ${name}\n`, { platform: 'linux/arm64' })).id, arm.id)
  if (!isTare) return
  // Docker's store has one platform a name, and takes what is there.
  assert.equal((await built(`FROM --platform=linux/amd64 ${name}\n`)).id, amd.id)
  assert.equal((await built(`FROM --platform=linux/arm64 ${name}\n`)).id, arm.id)
  assert.equal((await built(`FROM ${name}\n`)).id, amd.id)
  assert.equal((await built(`FROM ${arm.id}\n`, { pull: '1' })).id, arm.id)
  const { error } = await build(`FROM ${name}\n`, { platform: 'linux/s390x' })
  assert.match(error ?? '', /^no matching manifest for linux\/s390x in the manifest list entries/)
})

test('files for an arm64 stage come from an arm64 image', ours, async () => {
  await publish(registry.url, 'parts', 'latest', makeIndex([based('parts'), based('parts', 'arm64')]))
  await built(`FROM --platform=linux/arm64 ${named('multi')}\nCOPY --from=${named('parts')} /etc/passwd /x\n`)
  const rows = expectStatus(
    await engine.client.get<{ RepoTags: string[]; Id: string }[]>('/images/json', { all: 1 }),
    200,
  )
  const row = rows.find(({ RepoTags }) => RepoTags.includes(named('parts:latest')))
  assert.equal((await inspect(row?.Id ?? '')).Architecture, 'arm64')
})

test('an image for another processor is never used in silence', async () => {
  await publish(registry.url, 'foreign', 'latest', based('foreign', 'arm64'))
  const warning =
    /---> \[Warning\] The requested image's platform \(linux\/arm64\) does not match the detected host platform \(linux\/amd64\S*\) and no specific platform was requested/
  for (const _ of ['pulled', 'here'])
    assert.match((await built(`FROM ${named('foreign')}\nENV a=b\n`, { nocache: '1' })).text, warning)
})

test('what a registry refuses is told in its words', async () => {
  const words = `manifest for ${named('nosuch')}:latest not found: manifest unknown: manifest unknown`
  const base = await build(`FROM ${named('nosuch')}\n`)
  assert.equal(base.error, words)
  assert.equal(base.status, 200)
  const copy = await build(`FROM scratch\nCOPY --from=${named('nosuch')} /x /\n`)
  assert.equal(copy.error, `invalid from flag value ${named('nosuch')}: ${words}`)
  const failed = await build(`FROM ${named('multi')}\nFROM ${named('nosuch')}\nCOPY --from=0 / /\n`)
  assert.equal(failed.error, words)
  const bad = await build('FROM Foo\n')
  assert.equal(bad.error, 'invalid reference format: repository name (library/Foo) must be lowercase')
})

test('an image of another operating system', ours, async () => {
  const words = 'image operating system "windows" cannot be used on this platform: operating system is not supported'
  const { error } = await build(`FROM ${named('multi')}\n`, { platform: 'windows/amd64' })
  assert.equal(error, words)
  const copy = await build(`FROM scratch\nCOPY --from=${windows.id} /file /\n`)
  assert.equal(copy.error, `invalid from flag value ${windows.id}: ${words}`)
})

test('credentials come with the build, by registry', async () => {
  const name = `${closed.host}/secret`
  const attempt = async (configs: object): Promise<string | undefined> => {
    const { text } = await engine.client.request('POST', '/build', {
      body: contextTar({ Dockerfile: `FROM ${name}\n` }),
      query: { pull: '1' },
      headers: { 'X-Registry-Config': Buffer.from(JSON.stringify(configs)).toString('base64') },
    })
    return text.match(/"error":"((?:[^"\\]|\\.)*)"/)?.[1]
  }
  const good = { username: USER.name, password: USER.password }
  assert.match((await attempt({})) ?? '', /no basic auth credentials$/)
  assert.match((await attempt({ 'https://index.docker.io/v1/': good })) ?? '', /no basic auth credentials$/)
  assert.equal(
    await attempt({ [closed.host]: { ...good, password: 'wrong' } }),
    'unauthorized: authentication required',
  )
  assert.equal(await attempt({ [closed.host]: good }), undefined)
  assert.equal(await attempt({ [`http://${closed.host}/v1/`]: good }), undefined)
})

test('a client that goes away stops the pull, and nothing but what came so far is left', ours, async () => {
  await using slow = await FakeRegistry.start()
  const image = makeImage({ layers: [makeLayer([{ path: 'big', content: noise(1_000_000) }])] })
  slow.add('slow', '1', image)
  const { digest } = layerOf(image).descriptor
  slow.spoil({ path: `/blobs/${digest}` }, { kind: 'hold', after: 500_000, until: new Promise(() => {}) })
  const name = `${slow.host}/slow:1`
  const body = contextTar({ Dockerfile: `FROM ${name} AS a\nFROM ${name}\nCOPY --from=a /big /copy\n` })
  const answer = await engine.client.stream('POST', '/build', { body })
  let text = ''
  answer.on('data', chunk => {
    text += chunk
  })
  answer.on('error', () => {})
  await until('the pull to be under way', () => text.includes('"Downloading"'))
  answer.destroy()
  const builds = join((engine as TestDaemon).dataRoot, 'builder')
  await until('the build to end', () => readdirSync(builds).join() === 'cache-mounts,contexts,mounts')
  assert.equal((await engine.client.get(`/images/${name}/json`)).status, 404)
  // The next one goes on where this one stopped.
  const again = await buildTar(engine.client, body)
  assert.equal(again.error, undefined)
  const [, range] = slow.seen({ method: 'GET', path: `/blobs/${digest}` }).map(({ headers }) => headers.range)
  assert.match(range ?? '', /^bytes=\d+-/)
  assert.equal((await engine.client.get(`/images/${name}/json`)).status, 200)
})

test('docker build', async () => {
  await publish(registry.url, 'client', 'latest', based('client'))
  const folder = join(config, 'context')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'Dockerfile'), `FROM ${named('client')}\nCOPY --from=${closed.host}/secret /file /file\n`)
  const env = { DOCKER_BUILDKIT: '0', DOCKER_CONFIG: config, DOCKER_HOST: engine.host }
  const { code, stdout, stderr } = await run(['docker', 'build', '--pull', folder], { env })
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^Step 1\/2 : FROM \S+\nlatest: Pulling from client\n/m)
  assert.match(stdout, /\nlatest: Pulling from secret\n[^]*\nSuccessfully built [0-9a-f]{12}\n$/)
})

test('tare build shows what comes under the step that needs it', ours, async () => {
  await publish(registry.url, 'shown', 'latest', based('shown'))
  const folder = join(config, 'shown')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'Dockerfile'), `FROM ${named('shown')}\nCOPY --from=${closed.host}/secret /file /file\n`)
  const env = { DOCKER_CONFIG: config, DOCKER_HOST: engine.host }
  const plain = await run([launcher, 'build', '--pull', '--progress', 'plain', folder], { env })
  assert.equal(plain.code, 0, plain.stderr)
  assert.match(plain.stderr, /#2 \[1\/2\] FROM \S+\n#2 [\d.]+ latest: Pulling from shown\n/)
  assert.match(plain.stderr, /#2 [\d.]+ Status: Downloaded newer image for \S+\n#2 DONE/)
  assert.match(plain.stderr, /#3 [\d.]+ Digest: sha256:[^]*#3 CACHED/)
  await forget('shown')
  const terminal = await runInTerminal(`${launcher} build ${folder}`, { env })
  assert.equal(terminal.code, 0, terminal.stdout)
  assert.match(terminal.stdout, /=> \[1\//)
  const missing = await run([launcher, 'build', '-'], {
    env,
    stdin: `FROM busybox\nCOPY --from=${named('nosuch')} /x /\n`,
  })
  assert.equal(missing.code, 1)
  assert.match(
    missing.stderr,
    /Dockerfile:2\n[^]*>>> COPY --from=[^]*ERROR: failed to build: failed to solve: invalid from flag value/,
  )
})
