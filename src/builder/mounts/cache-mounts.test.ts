import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { Database } from '../../database.ts'
import { type CacheMountRequest, CacheMounts, type Sharing } from './cache-mounts.ts'

let directory: string
let database: Database
let caches: CacheMounts
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tare-cache-mounts-'))
  database = new Database(':memory:')
  caches = new CacheMounts(join(directory, 'caches'), database)
})
afterEach(() => {
  database[Symbol.dispose]()
  rmSync(directory, { recursive: true })
})

const { signal } = new AbortController()
const wanted = (sharing: Sharing, rest: Partial<CacheMountRequest> = {}): CacheMountRequest => ({
  ...{ key: 'k', description: 'd', sharing, mode: 0o755, uid: 0, gid: 0, fill: undefined },
  ...rest,
})

test('shared is one directory for all, private one each', async () => {
  const [a, b] = await Promise.all([caches.acquire(wanted('shared'), signal), caches.acquire(wanted('shared'), signal)])
  assert.equal(a.directory, b.directory)
  const c = await caches.acquire(wanted('private'), signal)
  assert.notEqual(c.directory, a.directory)
  c[Symbol.dispose]()
  assert.equal((await caches.acquire(wanted('private'), signal)).directory, c.directory, 'taken up again')
})

test('locked waits until it is let go, or until nobody wants it any more', async () => {
  const first = await caches.acquire(wanted('locked'), signal)
  const gone = new AbortController()
  const given = caches.acquire(wanted('locked'), gone.signal)
  const second = caches.acquire(wanted('locked'), signal)
  gone.abort(new Error('the client is gone'))
  await assert.rejects(given, /the client is gone/)
  let got = false
  void second.then(() => {
    got = true
  })
  await new Promise(resolve => setImmediate(resolve))
  assert.equal(got, false)
  first[Symbol.dispose]()
  first[Symbol.dispose]()
  assert.equal((await second).directory, first.directory)
})

test('others who share wait until it is filled; what cannot be filled is nowhere', async () => {
  const filled = Promise.withResolvers<void>()
  const fill = async (to: string): Promise<void> => {
    await filled.promise
    writeFileSync(join(to, 'f'), '')
  }
  const both = [caches.acquire(wanted('shared', { fill }), signal), caches.acquire(wanted('shared', { fill }), signal)]
  filled.resolve()
  const [a, b] = await Promise.all(both)
  assert.equal(a?.directory, b?.directory)
  assert.ok(existsSync(join(a?.directory ?? '', 'f')))
  const broken = () => Promise.reject(new Error('no such file'))
  await assert.rejects(caches.acquire(wanted('shared', { key: 'other', fill: broken }), signal), /no such file/)
  assert.equal(readdirSync(join(directory, 'caches')).length, 1)
  assert.equal((await caches.list()).length, 1)
})

test('sizes are measured again after a use; what is in use stays', async () => {
  const held = await caches.acquire(wanted('shared', { mode: 0o1777, uid: 3 }), signal)
  assert.equal(statSync(held.directory).mode & 0o7777, 0o1777)
  writeFileSync(join(held.directory, 'f'), Buffer.alloc(10_000, 1))
  const [listed] = await caches.list()
  assert.equal(listed?.inUse, true)
  assert.equal(await caches.remove(listed?.id ?? 0), false)
  held[Symbol.dispose]()
  assert.ok(((await caches.list())[0]?.size ?? 0) >= 10_000)
  using _again = await caches.acquire(wanted('shared'), signal)
  rmSync(join(held.directory, 'f'))
  assert.equal((await caches.list())[0]?.size, 0)
  assert.equal((await caches.list())[0]?.uses, 2)
})

test('a start removes what is half there, and knows the rest', async () => {
  const held = await caches.acquire(wanted('shared'), signal)
  const lost = await caches.acquire(wanted('shared', { key: 'lost' }), signal)
  rmSync(lost.directory, { recursive: true })
  mkdirSync(join(directory, 'caches', '99'))
  const next = new CacheMounts(join(directory, 'caches'), database)
  await next.recover()
  assert.deepEqual(
    (await next.list()).map(({ key }) => key),
    ['k'],
  )
  assert.deepEqual(readdirSync(join(directory, 'caches')), [held.directory.split('/').at(-1)])
})
