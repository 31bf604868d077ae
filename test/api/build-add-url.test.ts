// ADD of files at URLs, from a server on loopback. Asked of BuildKit, but where a comment says otherwise.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, afterEach, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { encodeEntry, endOfArchive, tarEntry } from '../../src/storage/archive/tar-writer.ts'
import { type BuildResult, build, lastOutput } from '../harness/build.ts'
import { TestDaemon } from '../harness/daemon.ts'
import { WebServer } from '../harness/web-server.ts'

type Served = { body: Buffer | string; headers?: Record<string, string>; status?: number }

let daemon: TestDaemon
let web: WebServer
let files: Record<string, Served> = {}
before(async () => {
  daemon = await TestDaemon.start()
  web = await WebServer.start((request, response) => {
    const { body, headers = {}, status = 200 } = files[request.url ?? ''] ?? { body: 'none', status: 404 }
    const same = headers.ETag !== undefined && request.headers['if-none-match'] === headers.ETag
    response.writeHead(same ? 304 : status, headers).end(same ? undefined : body)
  })
})
after(async () => {
  await web[Symbol.asyncDispose]()
  await daemon[Symbol.asyncDispose]()
})
afterEach(() => {
  files = {}
  web.requests.length = 0
})

const archive = gzipSync(
  Buffer.concat([encodeEntry(tarEntry({ path: 'x', type: 'directory', mode: 0o750 })), endOfArchive()]),
)
const digest = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`
const add = (step: string, context = {}): Promise<BuildResult> =>
  build(
    daemon.client,
    `FROM busybox\n${step.replaceAll('URL', web.url)}\nRUN cd /t && find . -mindepth 1 | sort | tr '\\n' '\\0' | xargs -0 stat -c '%u:%g %a %Y %n'`,
    context,
    { nocache: 1 },
  )
const listing = async (step: string): Promise<string[]> => {
  const result = await add(step, { own: 'x' })
  assert.equal(result.error, undefined)
  // Times of what was made just now differ.
  return lastOutput(result)
    .trim()
    .split('\n')
    .map(line => line.replace(/ 1[6-9]\d{8} | 2\d{9} /, ' now '))
}

const CASES: readonly (readonly [string, string, Served, readonly string[]])[] = [
  ['ADD URL/f/a.txt /t/', '/f/a.txt', { body: 'a' }, ['0:0 600 0 ./a.txt']],
  ['ADD URL/f/a.txt?q=1 /t/', '/f/a.txt?q=1', { body: 'a' }, ['0:0 600 0 ./a.txt']],
  ['ADD URL/f/a%20b.txt /t/', '/f/a%20b.txt', { body: 'a' }, ['0:0 600 0 ./a b.txt']],
  ['ADD URL/d/ /t/', '/d/', { body: 'a' }, ['0:0 600 0 ./d']],
  ['ADD URL/ /t/', '/', { body: 'a' }, ['0:0 600 0 ./__unnamed__']],
  // BuildKit does not look at the header.
  [
    'ADD URL/ /t/',
    '/',
    { body: 'a', headers: { 'Content-Disposition': 'attachment; filename="../n.txt"' } },
    ['0:0 600 0 ./n.txt'],
  ],
  [
    'ADD URL/f /t/',
    '/f',
    { body: 'a', headers: { 'Last-Modified': 'Wed, 21 Oct 2015 07:28:00 GMT' } },
    ['0:0 600 1445412480 ./f'],
  ],
  ['ADD URL/f /t/name', '/f', { body: 'a' }, ['0:0 600 0 ./name']],
  ['ADD --chmod=644 --chown=3:4 URL/f /t/f', '/f', { body: 'a' }, ['3:4 644 0 ./f']],
  ['ADD URL/x.tgz /t/', '/x.tgz', { body: archive }, ['0:0 600 0 ./x.tgz']],
  ['ADD --unpack=true URL/x.tgz /t/', '/x.tgz', { body: archive }, ['0:0 750 0 ./x']],
  ['ADD URL/f own /t/', '/f', { body: 'a' }, ['0:0 600 0 ./f', '0:0 644 now ./own']],
  [`ADD --checksum=${digest('a')} URL/f /t/`, '/f', { body: 'a' }, ['0:0 600 0 ./f']],
]
for (const [step, path, served, expected] of CASES) {
  test(step, async () => {
    files[path] = served
    assert.deepEqual(await listing(step), expected)
  })
}

for (const [step, expected] of [
  ['ADD URL/no /t/', /invalid response status 404/],
  [`ADD --checksum=${digest('b')} URL/f /t/`, new RegExp(`digest mismatch ${digest('a')}: ${digest('b')}`)],
  ['ADD --checksum=md5:58 URL/f /t/', /unsupported digest algorithm/],
  ['ADD --checksum=sha256:58 URL/f /t/', /invalid checksum digest length/],
  [`ADD --checksum=${digest('a')} own /t/`, /checksum requires HTTP\(S\) or Git sources/],
  [`ADD --checksum=${digest('a')} URL/f URL/g /t/`, /checksum can't be specified for multiple sources/],
  ['COPY URL/f /t/', /source can't be a URL for COPY/],
] as const) {
  test(`fails: ${step.slice(0, 60)}`, async () => {
    files['/f'] = { body: 'a' }
    assert.match((await add(step, { own: 'x' })).error ?? '', expected)
  })
}

test('redirects are followed; the name is that which was asked for', async () => {
  files['/from/x'] = { body: '', status: 302, headers: { Location: '/to/y' } }
  files['/to/y'] = { body: 'there' }
  assert.deepEqual(await listing('ADD URL/from/x /t/'), ['0:0 600 0 ./x'])
})

test('what the server says is the same is neither sent nor built again; what has changed is', async () => {
  const { client } = daemon
  const dockerfile = `FROM busybox\nADD ${web.url}/f /t/\n`
  files['/f'] = { body: 'one', headers: { ETag: '"1"' } }
  const first = await build(client, dockerfile)
  const second = await build(client, dockerfile)
  assert.equal(second.id, first.id)
  assert.match(second.text, /Using cache/)
  files['/f'] = { body: 'two', headers: { ETag: '"2"' } }
  const third = await build(client, dockerfile)
  assert.equal(third.error, undefined)
  assert.notEqual(third.id, first.id)
  assert.deepEqual(web.requests, ['GET /f', 'GET /f', 'GET /f'])
})

test('with a checksum nobody is asked for what is here', async () => {
  files['/f'] = { body: 'sum' }
  const dockerfile = `FROM busybox\nADD --checksum=${digest('sum')} ${web.url}/f /t/\n`
  const first = await build(daemon.client, dockerfile)
  assert.equal(first.error, undefined)
  assert.equal((await build(daemon.client, dockerfile)).id, first.id)
  assert.deepEqual(web.requests, ['GET /f'])
})

test('a file that breaks off fails the build and is not kept', async () => {
  files['/f'] = { body: 'short', headers: { 'Content-Length': '50', Connection: 'close' } }
  const { error } = await add('ADD URL/f /t/')
  assert.match(error ?? '', /aborted|reset|hang up/)
  files['/f'] = { body: 'whole' }
  assert.deepEqual(await listing('ADD URL/f /t/'), ['0:0 600 0 ./f'])
})
