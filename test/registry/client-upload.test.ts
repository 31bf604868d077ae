// Uploads to registries that lose connections, take no parts, and do not know what they have.
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { after, afterEach, before, test } from 'node:test'
import { mediaTypes } from '../../src/oci/descriptor.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { Registries } from '../../src/registry/registries.ts'
import type { RegistryConfig } from '../../src/registry/registry-config.ts'
import type { Repository } from '../../src/registry/repository.ts'
import { FakeRegistry } from '../harness/fake-registry.ts'
import { blobOf, noise } from '../harness/layer-image.ts'

const MiB = 1024 * 1024
const ALWAYS = Number.POSITIVE_INFINITY
let registry: FakeRegistry
before(async () => {
  registry = await FakeRegistry.start()
})
after(() => registry[Symbol.asyncDispose]())
afterEach(() => registry.heal())

let seed = 100
const fresh = (size: number) => blobOf(noise(size, seed++), mediaTypes.layer)
const repositoryAt = (host: string, config: Partial<RegistryConfig> = {}, path = 'up/there'): Repository =>
  new Registries({
    ...{ mirrors: [], insecure: [], certsDirectories: [], maxAttempts: 3, timeout: 2000, chunkSize: 3 * MiB },
    ...config,
  }).repository(parseReference(`${host}/${path}`))
const here = (): Repository => repositoryAt(registry.host)
/** From where the blob was read each time. */
const opener = (bytes: Buffer) => {
  const offsets: number[] = []
  const open = (offset: number) => {
    offsets.push(offset)
    // In pieces that fit no chunk.
    const pieces: Buffer[] = []
    for (let at = offset; at < bytes.length; at += 700_001) pieces.push(bytes.subarray(at, at + 700_001))
    return Readable.from(pieces)
  }
  return { open, offsets }
}
const has = (digest: string): boolean => registry.repository('up/there').blobs.has(digest)
const asked = (method: string) => registry.seen({ method, path: 'up/there/blobs/uploads/' })

test('a small blob goes with the request that ends its upload', async () => {
  const { descriptor, bytes } = fresh(1000)
  await here().uploadBlob(descriptor, opener(bytes).open)
  assert.ok(has(descriptor.digest))
  assert.deepEqual([asked('POST').length, asked('PATCH').length, asked('PUT').length], [1, 0, 1])
})

test('an empty one too', async () => {
  const { descriptor, bytes } = blobOf(Buffer.alloc(0), mediaTypes.layer)
  await here().uploadBlob(descriptor, opener(bytes).open)
  assert.ok(has(descriptor.digest))
})

test('a large one in parts, read once, and told as it goes', async () => {
  const { descriptor, bytes } = fresh(8 * MiB)
  const { open, offsets } = opener(bytes)
  const told: number[] = []
  await here().uploadBlob(descriptor, open, { onProgress: count => void told.push(count) })
  assert.ok(has(descriptor.digest))
  assert.deepEqual(
    asked('PATCH').map(({ headers }) => headers['content-range']),
    [`0-${3 * MiB - 1}`, `${3 * MiB}-${6 * MiB - 1}`, `${6 * MiB}-${8 * MiB - 1}`],
  )
  assert.deepEqual(offsets, [0])
  assert.equal(told.at(-1), 8 * MiB)
  assert.deepEqual(
    told,
    told.toSorted((one, other) => one - other),
  )
})

test('a connection that breaks costs what the registry has not got', async () => {
  const { descriptor, bytes } = fresh(8 * MiB)
  const { open, offsets } = opener(bytes)
  let part = 0
  registry.spoil({ method: 'PATCH' }, { kind: 'head', headers: {} }, 1, () => part++)
  registry.spoil({ method: 'PATCH' }, { kind: 'cut-upload', after: MiB })
  await here().uploadBlob(descriptor, open)
  assert.ok(has(descriptor.digest))
  assert.equal(part, 1)
  // The registry kept what had come of the part.
  assert.deepEqual(offsets, [0, 4 * MiB])
})

test('an upload that the registry forgot begins anew', async () => {
  const { descriptor, bytes } = fresh(5 * MiB)
  const gone = '{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN","message":"blob upload unknown to registry"}]}'
  const headers = { 'Content-Type': 'application/json' }
  registry.spoil({ method: 'PATCH' }, { kind: 'reply', status: 502 })
  registry.spoil({ method: 'GET', path: '/uploads/' }, { kind: 'reply', status: 404, headers, body: gone })
  await here().uploadBlob(descriptor, opener(bytes).open)
  assert.ok(has(descriptor.digest))
  assert.equal(asked('POST').length, 2)
})

test('the answer to the last request is lost: the blob is there', async () => {
  const { descriptor, bytes } = fresh(5 * MiB)
  registry.spoil({ method: 'PUT' }, { kind: 'cut', after: -1 })
  await here().uploadBlob(descriptor, opener(bytes).open)
  assert.ok(has(descriptor.digest))
  assert.equal(asked('PUT').length, 1)
})

test('a registry that takes no parts gets it whole', async () => {
  const { descriptor, bytes } = fresh(8 * MiB)
  registry.spoil({ method: 'PATCH' }, { kind: 'reply', status: 416 })
  await here().uploadBlob(descriptor, opener(bytes).open)
  assert.ok(has(descriptor.digest))
  const [, whole] = asked('PATCH')
  assert.deepEqual([whole?.headers['content-length'], whole?.headers['content-range']], [String(8 * MiB), undefined])
})

test('a registry that does not want it says so, once it was asked often enough', async () => {
  const { descriptor, bytes } = fresh(5 * MiB)
  registry.spoil({ method: 'POST' }, { kind: 'reply', status: 503, headers: { 'Retry-After': '0' } }, ALWAYS)
  await assert.rejects(here().uploadBlob(descriptor, opener(bytes).open), {
    kind: 'Internal',
    message: 'received unexpected HTTP status: 503 Service Unavailable',
  })
  assert.equal(asked('POST').length, 3)
  registry.heal()
  const headers = { 'Content-Type': 'application/json' }
  const body = '{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}'
  registry.spoil({ method: 'POST' }, { kind: 'reply', status: 403, headers, body }, ALWAYS)
  await assert.rejects(here().uploadBlob(descriptor, opener(bytes).open), {
    kind: 'Forbidden',
    message: 'denied: requested access to the resource is denied',
  })
  assert.equal(asked('POST').length, 1)
})

test('a blob that can not be read is nobody’s fault but its own', async () => {
  const { descriptor, bytes } = fresh(5 * MiB)
  const broken = () =>
    new Readable({
      read() {
        this.destroy(Object.assign(new Error('EIO: i/o error'), { code: 'EIO' }))
      },
    })
  const there = repositoryAt(registry.host, {}, 'up/broken')
  await assert.rejects(there.uploadBlob(descriptor, broken), { message: 'EIO: i/o error' })
  await assert.rejects(
    there.uploadBlob(descriptor, () => Readable.from([bytes.subarray(0, 1000)])),
    { message: 'the blob ended after 1000 bytes' },
  )
  assert.ok(!registry.repository('up/broken').blobs.has(descriptor.digest))
})

test('who goes away in the middle is let go, and the source is closed', async () => {
  const { descriptor, bytes } = fresh(5 * MiB)
  // A path of its own: requests that the test before broke off may still arrive.
  const match = { method: 'PATCH', path: 'up/away' }
  registry.spoil(match, { kind: 'hang', after: -1 })
  const controller = new AbortController()
  let source: Readable | undefined
  const upload = repositoryAt(registry.host, {}, 'up/away').uploadBlob(
    descriptor,
    offset => {
      source = Readable.from([bytes.subarray(offset)])
      return source
    },
    { signal: controller.signal },
  )
  await registry.asked(match)
  const reason = new Error('enough')
  controller.abort(reason)
  await assert.rejects(upload, reason)
  assert.ok(source?.destroyed)
})

test('a token that ends in the middle is renewed', async () => {
  await using closed = await FakeRegistry.start({ tokens: true })
  const { descriptor, bytes } = fresh(8 * MiB)
  closed.spoil({ method: 'PATCH' }, { kind: 'head', headers: {} }, 1, () => closed.forgetTokens())
  await repositoryAt(closed.host).uploadBlob(descriptor, opener(bytes).open)
  assert.ok(closed.repository('up/there').blobs.has(descriptor.digest))
  assert.equal(closed.seen({ path: '/token' }).length, 2)
})

test('a registry that takes no token at all is not asked for ever', async () => {
  await using closed = await FakeRegistry.start({ tokens: true })
  const { descriptor, bytes } = fresh(5 * MiB)
  const headers = { 'WWW-Authenticate': `Bearer realm="${closed.url}/token",service="fake"` }
  closed.spoil({ method: 'POST' }, { kind: 'reply', status: 401, headers }, ALWAYS)
  await assert.rejects(repositoryAt(closed.host).uploadBlob(descriptor, opener(bytes).open), { kind: 'Unauthorized' })
  assert.ok(closed.seen({ method: 'POST' }).length <= 4)
})

test('what is there is not sent; what lies beside is mounted; what is not goes on with the upload that was opened', async () => {
  const [one, other] = [fresh(1000), fresh(1001)]
  registry.repository('up/beside').blobs.set(one.descriptor.digest, one.bytes)
  const repository = here()
  assert.equal(await repository.hasBlob(one.descriptor.digest), false)
  assert.equal(await repository.mountBlob(one.descriptor.digest, 'up/beside'), true)
  assert.equal(await repository.hasBlob(one.descriptor.digest), true)
  assert.equal(await repository.mountBlob(other.descriptor.digest, 'up/beside'), false)
  await repository.uploadBlob(other.descriptor, opener(other.bytes).open)
  assert.ok(has(other.descriptor.digest))
  assert.equal(asked('POST').length, 2)
})

test('a manifest is known by the digest that the registry gives it', async () => {
  const bytes = Buffer.from('{"schemaVersion":2}')
  const repository = here()
  assert.equal(await repository.putManifest('1', bytes, mediaTypes.index), digestOf(bytes))
  const other = digestOf('rewritten')
  registry.spoil({ method: 'PUT' }, { kind: 'head', headers: { 'Docker-Content-Digest': other } })
  assert.equal(await repository.putManifest('1', bytes, mediaTypes.index), other)
})
