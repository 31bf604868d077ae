// Registries that hang, break, lead astray and say no: what the client makes of it, in dockerd's words.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { connect, type Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { after, afterEach, before, test } from 'node:test'
import { mediaTypes } from '../../src/oci/descriptor.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { Registries } from '../../src/registry/registries.ts'
import type { Credentials, RegistryConfig } from '../../src/registry/registry-config.ts'
import type { Repository } from '../../src/registry/repository.ts'
import { certificates, outwardAddress, writeCertsDirectory } from '../harness/certificates.ts'
import { FakeRegistry } from '../harness/fake-registry.ts'
import { blobOf, noise, smallImage } from '../harness/layer-image.ts'
import { freePort } from '../harness/port.ts'
import { suiteRoot } from '../harness/suite-root.ts'

const ALWAYS = Number.POSITIVE_INFINITY
const image = smallImage('content')
const large = blobOf(noise(400_000), mediaTypes.layer)
let registry: FakeRegistry
before(async () => {
  registry = await FakeRegistry.start()
  registry.add('team/app', '1', image)
  registry.repository('team/app').blobs.set(large.descriptor.digest, large.bytes)
})
after(() => registry[Symbol.asyncDispose]())
afterEach(() => registry.heal())

const settings = (config: Partial<RegistryConfig>): Registries =>
  new Registries({ mirrors: [], insecure: [], certsDirectories: [], maxAttempts: 3, timeout: 500, ...config })
const repositoryAt = (host: string, config: Partial<RegistryConfig> = {}, credentials?: Credentials): Repository =>
  settings(config).repository(parseReference(`${host}/team/app`), { credentials })
const here = (config: Partial<RegistryConfig> = {}): Repository => repositoryAt(registry.host, config)
const says = (kind: string, message: string | RegExp) => (error: unknown) => {
  assert.equal((error as { kind?: string }).kind, kind)
  const text = (error as Error).message
  if (typeof message === 'string') assert.equal(text, message)
  else assert.match(text, message)
  return true
}
const manifests = { path: '/manifests/' }

test('a manifest and a blob, whole and from the middle', async () => {
  const repository = here()
  assert.equal(repository.name, `${registry.host}/team/app`)
  const { descriptor, bytes } = await repository.manifest('1')
  assert.deepEqual(bytes, image.target.bytes)
  assert.deepEqual(descriptor, image.target.descriptor)
  assert.deepEqual(await repository.resolve('1'), descriptor)
  assert.deepEqual(await repository.tags(), ['1'])
  const { stream, offset, size } = await repository.blob(large.descriptor, { offset: 100_000 })
  assert.deepEqual([offset, size], [100_000, large.bytes.length])
  assert.deepEqual(await buffer(stream), large.bytes.subarray(100_000))
})

test('a registry without ranges begins at its first byte', async () => {
  registry.spoil({ path: large.descriptor.digest }, { kind: 'no-range' })
  const { stream, offset } = await here().blob(large.descriptor, { offset: 100_000 })
  assert.equal(offset, 0)
  assert.deepEqual(await buffer(stream), large.bytes)
})

test('one question to be let in, then one connection for all of them', async () => {
  const repository = here()
  for (let time = 0; time < 3; time++) await repository.manifest('1')
  assert.equal(registry.seen({ path: /^\/v2\/$/ }).length, 1)
})

test('words of connections that do not come about', async () => {
  const port = await freePort()
  await assert.rejects(
    repositoryAt(`127.0.0.1:${port}`).manifest('1'),
    says('Internal', `Get "http://127.0.0.1:${port}/v2/": dial tcp 127.0.0.1:${port}: connect: connection refused`),
  )
  await assert.rejects(
    repositoryAt('nosuch.invalid').manifest('1'),
    says(
      'Internal',
      /^Get "https:\/\/nosuch\.invalid\/v2\/": dial tcp: lookup nosuch\.invalid: (no such host|Temporary failure)/,
    ),
  )
})

test('a registry that closes each connection', async () => {
  registry.spoil({ path: /^\/v2\/$/ }, { kind: 'cut', after: -1 }, ALWAYS)
  const word = /^Get "http:\/\/127\.0\.0\.1:\d+\/v2\/": (EOF|read tcp: read: connection reset by peer)$/
  await assert.rejects(here().manifest('1'), says('Internal', word))
})

test('one that closes the first is asked again', async () => {
  registry.spoil(manifests, { kind: 'cut', after: -1 }, 2)
  await here().manifest('1')
  // One more was for the connection that had been kept open.
  assert.ok(registry.seen(manifests).length >= 3)
})

test('silence ends: before the header, and in the middle of a body', async () => {
  registry.spoil(manifests, { kind: 'hang', after: -1 }, ALWAYS)
  await assert.rejects(
    here().manifest('1'),
    says('Internal', `Get "${registry.url}/v2/team/app/manifests/1": net/http: timeout awaiting response headers`),
  )
  registry.heal()
  registry.spoil({ path: large.descriptor.digest }, { kind: 'hang', after: 1000 })
  const { stream } = await here().blob(large.descriptor)
  await assert.rejects(buffer(stream), says('Unavailable', 'read tcp: i/o timeout'))
})

test('a reader who takes his time is no silence', async () => {
  const { stream } = await here({ timeout: 200 }).blob(large.descriptor)
  const [first] = (await stream
    .iterator({ destroyOnReturn: false })
    .next()
    .then(({ value }) => [value])) as [Buffer]
  await new Promise(resolve => setTimeout(resolve, 700))
  const rest = await buffer(stream)
  assert.deepEqual(Buffer.concat([first, rest]), large.bytes)
})

test('a body that breaks says so', async () => {
  registry.spoil({ path: large.descriptor.digest }, { kind: 'cut', after: 1000 })
  const { stream } = await here().blob(large.descriptor)
  await assert.rejects(
    buffer(stream),
    says('Unavailable', /^(unexpected EOF|read tcp: read: connection reset by peer)$/),
  )
})

test('who goes away is let go at once, with his reason', async () => {
  const reason = new Error('enough')
  registry.spoil(manifests, { kind: 'reply', status: 503, headers: { 'Retry-After': '30' } })
  const waiting = new AbortController()
  const asked = here().manifest('1', { signal: waiting.signal })
  await registry.asked(manifests)
  waiting.abort(reason)
  await assert.rejects(asked, reason)
  registry.heal()
  registry.spoil({ path: large.descriptor.digest }, { kind: 'hang', after: 1000 })
  const reading = new AbortController()
  const { stream } = await here({ timeout: 30_000 }).blob(large.descriptor, { signal: reading.signal })
  const read = buffer(stream)
  reading.abort(reason)
  await assert.rejects(read, reason)
  await assert.rejects(here().manifest('1', { signal: AbortSignal.abort(reason) }), reason)
})

test('too many requests: as long as it says, or not at all', async () => {
  const body = '{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}'
  const headers = { 'Content-Type': 'application/json' }
  registry.spoil(manifests, { kind: 'reply', status: 429, headers: { ...headers, 'Retry-After': '1' }, body })
  const began = performance.now()
  await here().manifest('1')
  assert.ok(performance.now() - began >= 990)
  registry.heal()
  registry.spoil(
    { method: 'HEAD', path: '/manifests/' },
    { kind: 'reply', status: 429, headers: { 'Retry-After': '1' } },
  )
  const resolving = performance.now()
  await here().resolve('1')
  assert.ok(performance.now() - resolving >= 990)
  registry.heal()
  registry.spoil({ path: large.descriptor.digest }, { kind: 'reply', status: 503, headers: { 'Retry-After': '0' } })
  const { stream } = await here().blob(large.descriptor)
  stream.destroy()
  registry.spoil({ path: large.descriptor.digest }, { kind: 'reply', status: 503 })
  await assert.rejects(here().blob(large.descriptor), says('Unavailable', /503 Service Unavailable$/))
  registry.heal()
  registry.spoil(
    manifests,
    { kind: 'reply', status: 429, headers: { ...headers, 'Retry-After': '3600' }, body },
    ALWAYS,
  )
  await assert.rejects(here().manifest('1'), says('Unavailable', 'toomanyrequests: slow down'))
  assert.equal(registry.seen(manifests).length, 1)
})

test('servers in trouble are asked as often as is allowed', async () => {
  registry.spoil(manifests, { kind: 'reply', status: 503, headers: { 'Retry-After': '0' } }, ALWAYS)
  await assert.rejects(
    here().manifest('1'),
    says('Internal', 'received unexpected HTTP status: 503 Service Unavailable'),
  )
  assert.equal(registry.seen(manifests).length, 3)
})

test('what registries say, in the words of dockerd', async () => {
  const json = { 'Content-Type': 'application/json' }
  const cases: [number, Record<string, string>, string, string, string][] = [
    [
      404,
      json,
      '<html>nope</html>',
      'Internal',
      `error parsing HTTP 404 response body: invalid character '<' looking for beginning of value: "<html>nope</html>"`,
    ],
    [
      404,
      json,
      '{}',
      'Internal',
      'error parsing HTTP 404 response body: no error details found in HTTP response body: "{}"',
    ],
    [404, { 'Content-Type': 'text/html' }, '<html>nope</html>', 'Internal', 'unknown: <html>nope</html>'],
    [
      403,
      {},
      'go away',
      'NotFound',
      `pull access denied for HOST/team/app, repository does not exist or may require 'docker login': denied: go away`,
    ],
    [
      404,
      json,
      '{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry"}]}',
      'NotFound',
      'repository HOST/team/app not found: name unknown: repository name not known to registry',
    ],
    [400, json, '{"errors":[{"code":"OF_ITS_OWN","message":"strange"}]}', 'Internal', 'unknown: strange'],
    [
      200,
      { 'Content-Type': 'text/html' },
      '<html>portal</html>',
      'Internal',
      "error unmarshalling content: invalid character '<' looking for beginning of value",
    ],
  ]
  for (const [status, headers, body, kind, message] of cases) {
    registry.heal()
    registry.spoil(manifests, { kind: 'reply', status, headers, body }, ALWAYS)
    await assert.rejects(here().manifest('1'), says(kind, message.replace('HOST', registry.host)))
  }
  registry.heal()
  await assert.rejects(
    here().resolve('2'),
    says('NotFound', `manifest for ${registry.host}/team/app:2 not found: manifest unknown: manifest unknown`),
  )
})

test('a page of a proxy is not read to its end, nor shown', async () => {
  const body = 'x'.repeat(200_000)
  registry.spoil(manifests, { kind: 'reply', status: 403, headers: { 'Content-Type': 'text/html' }, body }, ALWAYS)
  await assert.rejects(here().manifest('1'), (error: Error) => error.message.length < 1000)
})

test('manifests that are not what they say', async () => {
  const other = `sha256:${'1'.repeat(64)}`
  registry.spoil(manifests, { kind: 'head', headers: { 'Docker-Content-Digest': other } })
  await assert.rejects(here().manifest('1'), says('Internal', `manifest verification failed for digest ${other}`))
  registry.spoil(manifests, { kind: 'replace', body: Buffer.alloc(4 * 1024 * 1024 + 1, ' ') })
  await assert.rejects(here().manifest('1'), says('Internal', 'response body is larger than 4194304 bytes'))
})

test('a blob of another size than its manifest says is not read', async () => {
  const { descriptor } = large
  for (const size of [descriptor.size - 1, descriptor.size + 1]) {
    await assert.rejects(
      here().blob({ ...descriptor, size }),
      says('Internal', `failed size validation: ${descriptor.size} != ${size}: failed precondition`),
    )
  }
})

test('redirects: in a circle, and to where credentials do not go', async () => {
  const circle = {
    kind: 'reply',
    status: 307,
    headers: { Location: `${registry.url}/v2/team/app/manifests/1?secret` },
  } as const
  registry.spoil(manifests, circle, ALWAYS)
  await assert.rejects(
    here().manifest('1'),
    says('Internal', `Get "${registry.url}/v2/team/app/manifests/1": stopped after 10 redirects`),
  )
  assert.equal(registry.seen(manifests).length, 11)
  await using storage = await FakeRegistry.start()
  storage.add('team/app', '1', image)
  await using closed = await FakeRegistry.start()
  closed.requireAuthorization(`Basic ${Buffer.from('u:p').toString('base64')}`)
  const Location = `${storage.url}/v2/team/app/manifests/1`
  closed.spoil(manifests, { kind: 'reply', status: 302, headers: { Location } }, ALWAYS)
  await repositoryAt(closed.host, {}, { username: 'u', password: 'p' }).manifest('1')
  assert.match(closed.seen(manifests)[0]?.headers.authorization ?? '', /^Basic /)
  assert.equal(storage.seen(manifests)[0]?.headers.authorization, undefined)
})

test('mirrors first, the registry when they fail, its error when all do', async () => {
  await using mirror = await FakeRegistry.start()
  const config = { mirrors: [`${registry.host}=${mirror.url}`] }
  mirror.add('team/app', '1', image)
  const repository = repositoryAt(registry.host, config, { username: 'u', password: 'secret' })
  await repository.manifest('1')
  assert.equal(registry.requests.length, 0)
  // It has the manifest, but not this blob.
  assert.equal((await buffer((await repository.blob(large.descriptor)).stream)).length, large.bytes.length)
  assert.equal(
    mirror.requests.some(({ headers }) => headers.authorization !== undefined),
    false,
  )
  // From here on the registry is asked, which served the last.
  registry.heal()
  await repository.manifest('1')
  assert.equal(registry.seen(manifests).length, 1)
  await assert.rejects(
    repositoryAt(registry.host, config).manifest('2'),
    says('NotFound', /^manifest for .*:2 not found/),
  )
  const gone = { mirrors: [`${registry.host}=http://127.0.0.1:${await freePort()}`] }
  await here(gone).manifest('1')
})

test('layers that lie elsewhere are fetched there when the registry has them not', async () => {
  const foreign = blobOf(noise(5000, 7), mediaTypes.layer)
  await using elsewhere = await FakeRegistry.start()
  elsewhere.repository('x').blobs.set(foreign.descriptor.digest, foreign.bytes)
  const urls = ['ftp://nowhere/', `${elsewhere.url}/v2/x/blobs/${foreign.descriptor.digest}`]
  const { stream } = await here().blob({ ...foreign.descriptor, urls })
  assert.deepEqual(await buffer(stream), foreign.bytes)
  await assert.rejects(here().blob(foreign.descriptor), says('Internal', 'blob unknown: blob unknown to registry'))
})

test('certificates: unknown, of a folder, and not looked at', async context => {
  const address = outwardAddress()
  if (address === undefined) return context.skip('this host has no address but loopback')
  await using secure = await FakeRegistry.start({ tls: true, address })
  secure.add('team/app', '1', image)
  await assert.rejects(
    repositoryAt(secure.host).manifest('1'),
    says(
      'Internal',
      `Get "${secure.url}/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority`,
    ),
  )
  writeCertsDirectory(suiteRoot(), secure.host)
  await repositoryAt(secure.host, { certsDirectories: [suiteRoot()] }).manifest('1')
  await repositoryAt(secure.host, { insecure: [`${address}/32`] }).manifest('1')
  await using plain = await FakeRegistry.start({ address })
  plain.add('team/app', '1', image)
  await assert.rejects(
    repositoryAt(plain.host).manifest('1'),
    says('Internal', `Get "https://${plain.host}/v2/": http: server gave HTTP response to HTTPS client`),
  )
  await repositoryAt(plain.host, { insecure: [plain.host] }).manifest('1')
  assert.ok(certificates().ca)
})

test('through a proxy: whole URLs in clear, a tunnel for TLS', async context => {
  const address = outwardAddress()
  if (address === undefined) return context.skip('this host has no address but loopback')
  await using plain = await FakeRegistry.start({ address })
  await using secure = await FakeRegistry.start({ address, tls: true })
  for (const fake of [plain, secure]) fake.add('team/app', '1', image)
  const seen: string[] = []
  const open = new Set<Socket>()
  const proxy = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers['proxy-authorization']}`)
    const url = new URL(request.url ?? '')
    const headers = { ...request.headers }
    delete headers['proxy-authorization']
    fetch(url, { headers: { accept: headers.accept ?? '' } }).then(async answer => {
      response.writeHead(answer.status, { 'Content-Type': answer.headers.get('content-type') ?? '' })
      response.end(Buffer.from(await answer.arrayBuffer()))
    })
  })
  proxy.on('connect', (request, socket: Socket, head) => {
    seen.push(`${request.method} ${request.url} ${request.headers['proxy-authorization']}`)
    const [host = '', port] = (request.url ?? '').split(':')
    const there = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      there.write(head)
      socket.pipe(there).pipe(socket)
    })
    for (const end of [socket, there]) {
      open.add(end)
      end.on('error', () => {})
    }
  })
  await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
  const bound = proxy.address()
  const url = `http://user:word@127.0.0.1:${typeof bound === 'object' && bound ? bound.port : 0}`
  const basic = `Basic ${Buffer.from('user:word').toString('base64')}`
  writeCertsDirectory(suiteRoot(), secure.host)
  const config = { httpProxy: url, httpsProxy: url, certsDirectories: [suiteRoot()] }
  try {
    await repositoryAt(secure.host, config).manifest('1')
    assert.deepEqual(seen, [`CONNECT ${secure.host} ${basic}`])
    seen.length = 0
    await repositoryAt(plain.host, { ...config, httpsProxy: '', insecure: [plain.host] }).manifest('1')
    assert.deepEqual(seen, [`GET ${plain.url}/v2/ ${basic}`, `GET ${plain.url}/v2/team/app/manifests/1 ${basic}`])
    seen.length = 0
    await repositoryAt(plain.host, { ...config, httpsProxy: '', noProxy: address, insecure: [plain.host] }).manifest(
      '1',
    )
    assert.deepEqual(seen, [])
  } finally {
    for (const socket of open) socket.destroy()
    proxy.closeAllConnections()
    await new Promise(resolve => proxy.close(resolve))
  }
})
