// The local images as a registry: the protocol as the specification has it, and clients of others that take images from here.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { run } from '../harness/command.ts'
import { TestDaemon, until } from '../harness/daemon.ts'
import { expectStatus } from '../harness/http-client.ts'
import { freePort } from '../harness/port.ts'

let daemon: TestDaemon
let permanent: string
before(async () => {
  permanent = `127.0.0.1:${await freePort()}`
  daemon = await TestDaemon.start({ flags: ['--registry-listen', permanent] })
  for (const [repo, tag] of [
    ['busybox', '2'],
    ['busybox', '10'],
    ['me/app', 'v1'],
    ['ghcr.io/a/b', 'v1'],
    ['quay.io/me/app', 'v1'],
  ])
    expectStatus(await daemon.client.post('/images/busybox/tag', undefined, { repo, tag }), 201)
})
after(() => daemon[Symbol.asyncDispose]())

type Manifest = { config: { digest: string; size: number }; layers: { digest: string; size: number }[] }
const fetchV2 = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`http://${permanent}/v2/${path}`, init)
const manifestOf = async (path: string): Promise<Manifest> => (await (await fetchV2(path)).json()) as Manifest
const sha256 = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`
const refusal = async (answer: Response): Promise<[number, string]> => {
  const { errors } = (await answer.json()) as { errors: { code: string; message: string }[] }
  assert.equal(answer.headers.get('docker-distribution-api-version'), 'registry/2.0')
  assert.ok(errors[0]?.message)
  return [answer.status, errors[0]?.code ?? '']
}

test('a manifest by tag and by digest, GET and HEAD, and only when it is new', async () => {
  const answer = await fetchV2('busybox/manifests/latest')
  const bytes = Buffer.from(await answer.arrayBuffer())
  const digest = sha256(bytes)
  assert.equal(answer.status, 200)
  assert.equal(answer.headers.get('docker-content-digest'), digest)
  assert.equal(answer.headers.get('docker-distribution-api-version'), 'registry/2.0')
  assert.equal(answer.headers.get('content-type'), 'application/vnd.oci.image.manifest.v1+json')
  const byDigest = await fetchV2(`library/busybox/manifests/${digest}`)
  assert.equal(sha256(Buffer.from(await byDigest.arrayBuffer())), digest)
  const head = await fetchV2('busybox/manifests/latest', { method: 'HEAD' })
  assert.deepEqual([head.status, head.headers.get('content-length')], [200, String(bytes.length)])
  assert.equal(head.headers.get('docker-content-digest'), digest)
  const known = await fetchV2('busybox/manifests/latest', { headers: { 'If-None-Match': `"${digest}"` } })
  assert.deepEqual([known.status, await known.text()], [304, ''])
})

test('blobs, whole and in parts', async () => {
  const { config, layers } = await manifestOf('busybox/manifests/latest')
  const [layer] = layers
  assert.ok(layer)
  for (const { digest, size } of [config, layer]) {
    const answer = await fetchV2(`busybox/blobs/${digest}`)
    const bytes = Buffer.from(await answer.arrayBuffer())
    assert.deepEqual([answer.status, bytes.length, sha256(bytes)], [200, size, digest])
    assert.equal(answer.headers.get('docker-content-digest'), digest)
    const head = await fetchV2(`busybox/blobs/${digest}`, { method: 'HEAD' })
    assert.deepEqual([head.status, head.headers.get('content-length')], [200, String(size)])
    const part = await fetchV2(`busybox/blobs/${digest}`, { headers: { Range: 'bytes=10-19' } })
    assert.deepEqual([part.status, part.headers.get('content-range')], [206, `bytes 10-19/${size}`])
    assert.deepEqual(Buffer.from(await part.arrayBuffer()), bytes.subarray(10, 20))
    const rest = await fetchV2(`busybox/blobs/${digest}`, { headers: { Range: `bytes=${size - 5}-` } })
    assert.deepEqual(Buffer.from(await rest.arrayBuffer()), bytes.subarray(size - 5))
    const beyond = await fetchV2(`busybox/blobs/${digest}`, { headers: { Range: `bytes=${size}-` } })
    assert.deepEqual([beyond.status, beyond.headers.get('content-range')], [416, `bytes */${size}`])
    const known = await fetchV2(`busybox/blobs/${digest}`, { headers: { 'If-None-Match': `"${digest}"` } })
    assert.equal(known.status, 304)
  }
})

test('lists of tags and repositories, in pages', async () => {
  const tags = await fetchV2('busybox/tags/list')
  assert.deepEqual(await tags.json(), { name: 'busybox', tags: ['10', '2', 'latest'] })
  const first = await fetchV2('busybox/tags/list?n=2')
  assert.deepEqual(await first.json(), { name: 'busybox', tags: ['10', '2'] })
  const link = first.headers.get('link') ?? ''
  assert.match(link, /^<\/v2\/busybox\/tags\/list\?last=2&n=2>; rel="next"$/)
  const next = await fetch(`http://${permanent}${link.slice(1, link.indexOf('>'))}`)
  assert.deepEqual(await next.json(), { name: 'busybox', tags: ['latest'] })
  assert.equal(next.headers.get('link'), null)
  assert.deepEqual(await (await fetchV2('busybox/tags/list?n=0')).json(), { name: 'busybox', tags: [] })
  const repositories = ['busybox', 'ghcr.io/a/b', 'me/app', 'quay.io/me/app']
  assert.deepEqual(await (await fetchV2('_catalog')).json(), { repositories })
  assert.deepEqual(await (await fetchV2('_catalog?last=busybox&n=1')).json(), { repositories: ['ghcr.io/a/b'] })
  assert.equal((await fetchV2('a/b/manifests/v1')).status, 200)
  const { digest } = (await manifestOf('busybox/manifests/latest')).config
  const referrers = (await (await fetchV2(`busybox/referrers/${digest}`)).json()) as { manifests: [] }
  assert.deepEqual(referrers.manifests, [])
})

test('what is not there, or must not be, in the words of the protocol', async () => {
  const nothing = `sha256:${'0'.repeat(64)}`
  assert.deepEqual(await refusal(await fetchV2('nobody/manifests/latest')), [404, 'NAME_UNKNOWN'])
  assert.deepEqual(await refusal(await fetchV2('nobody/tags/list')), [404, 'NAME_UNKNOWN'])
  assert.deepEqual(await refusal(await fetchV2('busybox/manifests/nothing')), [404, 'MANIFEST_UNKNOWN'])
  assert.deepEqual(await refusal(await fetchV2(`busybox/manifests/${nothing}`)), [404, 'MANIFEST_UNKNOWN'])
  assert.deepEqual(await refusal(await fetchV2(`busybox/blobs/${nothing}`)), [404, 'BLOB_UNKNOWN'])
  assert.deepEqual(await refusal(await fetchV2('busybox/blobs/sha256:abc')), [400, 'DIGEST_INVALID'])
  assert.deepEqual(await refusal(await fetchV2('Busybox/manifests/latest')), [400, 'NAME_INVALID'])
  assert.deepEqual(await refusal(await fetchV2('..%2f..%2fetc/manifests/x')), [400, 'NAME_INVALID'])
  assert.deepEqual(await refusal(await fetchV2('busybox/tags/list?n=x')), [400, 'PAGINATION_NUMBER_INVALID'])
  for (const [method, path] of [
    ['PUT', 'busybox/manifests/latest'],
    ['DELETE', 'busybox/manifests/latest'],
    ['POST', 'busybox/blobs/uploads/'],
    ['PATCH', 'busybox/blobs/uploads/x'],
  ] as const) {
    const answer = await fetchV2(path, { method, ...(method === 'DELETE' ? {} : { body: 'x' }) })
    assert.equal(answer.headers.get('allow'), 'GET, HEAD')
    assert.deepEqual(await refusal(answer), [405, 'UNSUPPORTED'])
  }
  assert.equal((await fetch(`http://${permanent}/images/json`)).status, 404)
})

test('a blob is served only where a name reaches it', async () => {
  const { text } = await daemon.client.request('POST', '/images/create', {
    query: { fromSrc: '-', changes: 'LABEL secret=1' },
    body: Buffer.alloc(1024),
  })
  const id = (JSON.parse(text.trim()) as { status: string }).status
  const files = readdirSync(join(daemon.dataRoot, 'content/blobs/sha256'))
  assert.ok(files.includes(id.slice('sha256:'.length)), 'it is in the store')
  assert.deepEqual(await refusal(await fetchV2(`busybox/blobs/${id}`)), [404, 'BLOB_UNKNOWN'])
  expectStatus(await daemon.client.post(`/images/${id}/tag`, undefined, { repo: 'named' }), 201)
  assert.equal((await fetchV2(`named/blobs/${id}`)).status, 200)
  assert.deepEqual(await refusal(await fetchV2(`busybox/blobs/${id}`)), [404, 'BLOB_UNKNOWN'])
  expectStatus(await daemon.client.delete('/images/named'), 200)
  assert.deepEqual(await refusal(await fetchV2(`named/blobs/${id}`)), [404, 'NAME_UNKNOWN'])
})

test('skopeo copies from it, and finds the same digest', async () => {
  const folder = join(daemon.root, 'layout')
  const source = `docker://${permanent}/busybox:latest`
  const inspect = await run(['skopeo', 'inspect', '--tls-verify=false', source])
  assert.equal(inspect.code, 0, inspect.stderr)
  const { Digest, RepoTags } = JSON.parse(inspect.stdout) as { Digest: string; RepoTags: string[] }
  assert.deepEqual(RepoTags, ['10', '2', 'latest'])
  const digests = join(daemon.root, 'digest')
  const copy = await run([
    ...['skopeo', 'copy', '--src-tls-verify=false', '--preserve-digests', '--digestfile', digests],
    ...[source, `oci:${folder}:busybox`],
  ])
  assert.equal(copy.code, 0, copy.stderr)
  const { layers } = await manifestOf(`busybox/manifests/${Digest}`)
  for (const { digest } of layers)
    assert.ok(readdirSync(join(folder, 'blobs/sha256')).includes(digest.slice('sha256:'.length)))
})

test('another engine pulls from it, and has the same image', async () => {
  await using other = await TestDaemon.start({ busybox: false })
  const pulled = await other.docker(['pull', `${permanent}/busybox`])
  assert.equal(pulled.code, 0, pulled.stderr)
  const idOf = async (one: TestDaemon, name: string) =>
    expectStatus(await one.client.get<{ Id: string }>(`/images/${name}/json`), 200).Id
  assert.equal(await idOf(other, `${permanent}/busybox`), await idOf(daemon, 'busybox'))
  const ran = await other.docker(['run', '--rm', '--network', 'none', `${permanent}/busybox`, 'echo', 'hi'])
  assert.equal(ran.stdout, 'hi\n', ran.stderr)
})

test('served for as long as a request goes on: the address, a line a request, and the end', async () => {
  const address = `127.0.0.1:${await freePort()}`
  const stream = await daemon.client.stream('POST', '/registry/serve', { query: { listen: address } })
  let text = ''
  stream.on('data', chunk => {
    text += chunk
  })
  stream.on('error', () => {})
  await until('the address', () => text.includes('\n'))
  assert.deepEqual(JSON.parse(text.split('\n')[0] as string), { Address: address })
  assert.equal((await fetch(`http://${address}/v2/`)).status, 200)
  assert.equal((await fetch(`http://${address}/v2/nobody/tags/list`)).status, 404)
  await until('the requests', () => text.trim().split('\n').length === 3)
  const lines = text.trim().split('\n').slice(1)
  assert.deepEqual(
    lines.map(line => JSON.parse(line)),
    [{ Request: 'GET /v2/ 200' }, { Request: 'GET /v2/nobody/tags/list 404' }],
  )
  stream.destroy()
  await until('nobody to answer any more', () =>
    fetch(`http://${address}/v2/`).then(
      () => false,
      () => true,
    ),
  )
})

test('where it cannot listen', async () => {
  const refused = async (listen: string) => {
    const { status, body } = await daemon.client.post<{ message: string }>('/registry/serve', undefined, { listen })
    return [status, body.message]
  }
  assert.deepEqual(await refused(permanent), [409, `listen tcp ${permanent}: bind: address already in use`])
  assert.deepEqual(await refused('nonsense'), [400, 'invalid address to listen on: nonsense: want HOST:PORT'])
  assert.deepEqual(await refused('127.0.0.1:99999'), [
    400,
    'invalid address to listen on: 127.0.0.1:99999: want HOST:PORT',
  ])
})
