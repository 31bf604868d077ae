import assert from 'node:assert/strict'
import { appendFileSync, existsSync, readFileSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { digestOf } from '../../oci/digest.ts'
import type { ContentStore } from './content-store.ts'

/** What a content store does. `reopen` gives another one over the same bytes, as after a restart. */
export const contentStoreSuite = (
  name: string,
  make: () => { store: ContentStore; reopen: () => ContentStore } & Disposable,
): void => {
  const absent = digestOf('never written')

  test(`${name}: what is written can be read, by a later process too`, async () => {
    using place = make()
    const digest = place.store.write(Buffer.from('hello'))
    assert.equal(digest, digestOf('hello'))
    for (const store of [place.store, place.reopen()]) {
      assert.equal(store.has(digest), true)
      assert.equal(store.size(digest), 5)
      assert.equal(store.readSync(digest).toString(), 'hello')
      assert.equal((await buffer(store.open(digest))).toString(), 'hello')
      assert.deepEqual(store.list(), [digest])
    }
  })

  test(`${name}: a stream is stored whole, whatever its chunks`, async () => {
    using place = make()
    const bytes = Buffer.alloc(1_000_003, 'abc')
    const chunks = [bytes.subarray(0, 1), bytes.subarray(1, 500_000), Buffer.alloc(0), bytes.subarray(500_000)]
    const stored = await place.store.ingest(Readable.from(chunks), { digest: digestOf(bytes), size: bytes.length })
    assert.deepEqual(stored, { digest: digestOf(bytes), size: bytes.length })
    assert.deepEqual(place.store.readSync(stored.digest), bytes)
  })

  test(`${name}: what is not there is NotFound, at once`, () => {
    using place = make()
    assert.equal(place.store.has(absent), false)
    for (const ask of [
      () => place.store.size(absent),
      () => place.store.readSync(absent),
      () => place.store.open(absent),
    ]) {
      assert.throws(ask, { kind: 'NotFound', message: `content ${absent}: not found` })
    }
    place.store.remove(absent)
  })

  test(`${name}: another digest or size than expected is refused, and nothing stays`, async () => {
    using place = make()
    const ingest = (expected: object) => place.store.ingest(Readable.from([Buffer.from('12345')]), expected)
    await assert.rejects(ingest({ digest: absent }), { kind: 'InvalidArgument', message: /unexpected digest/ })
    await assert.rejects(ingest({ size: 4 }), { kind: 'InvalidArgument', message: /unexpected size/ })
    await assert.rejects(ingest({ size: 6 }), { kind: 'InvalidArgument', message: /unexpected size/ })
    assert.deepEqual(place.store.list(), [])
  })

  test(`${name}: a stream that fails or is aborted leaves nothing`, async () => {
    using place = make()
    const failing = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.from('half')
      throw new Error('cut off')
    }
    await assert.rejects(place.store.ingest(Readable.from(failing())), /cut off/)
    const controller = new AbortController()
    const aborting = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.from('half')
      controller.abort(new Error('no longer wanted'))
      yield Buffer.from('more')
    }
    await assert.rejects(place.store.ingest(Readable.from(aborting()), {}, controller.signal), /no longer wanted/)
    assert.deepEqual(place.reopen().list(), [])
  })

  test(`${name}: two at once for the same content end as one`, async () => {
    using place = make()
    const twice = await Promise.all([1, 2].map(() => place.store.ingest(Readable.from([Buffer.from('same')]))))
    assert.deepEqual(new Set(twice.map(({ digest }) => digest)).size, 1)
    assert.deepEqual(place.store.list(), [digestOf('same')])
  })

  test(`${name}: what is removed is gone, and can come back`, () => {
    using place = make()
    const digest = place.store.write(Buffer.from('x'))
    place.store.remove(digest)
    assert.equal(place.store.has(digest), false)
    assert.equal(place.store.write(Buffer.from('x')), digest)
    assert.equal(place.store.has(digest), true)
  })

  test(`${name}: a blob that is gathered is shown when it is adopted, also by a later process`, () => {
    using place = make()
    const digest = digestOf('gathered')
    const path = place.store.partialPath(digest)
    writeFileSync(path, 'gath')
    assert.equal(place.store.has(digest), false)
    const later = place.reopen()
    assert.equal(later.partialPath(digest), path)
    assert.equal(readFileSync(path, 'utf8'), 'gath')
    appendFileSync(path, 'ered')
    later.adopt(digest)
    assert.equal(later.readSync(digest).toString(), 'gathered')
    assert.equal(existsSync(path), false)
    assert.throws(() => later.adopt(digest), { code: 'ENOENT' })
  })

  test(`${name}: what nobody gathered further for a week is cleared away`, () => {
    using place = make()
    const day = 24 * 3600
    const now = Date.now() / 1000
    for (const [what, age] of [
      ['old', 8],
      ['young', 6],
    ] as const) {
      const path = place.store.partialPath(digestOf(what))
      writeFileSync(path, what)
      utimesSync(path, now - age * day, now - age * day)
    }
    const later = place.reopen()
    assert.equal(existsSync(later.partialPath(digestOf('old'))), false)
    assert.equal(existsSync(later.partialPath(digestOf('young'))), true)
  })

  test(`${name}: of more than there is room for, the oldest is cleared away`, () => {
    using place = make()
    const now = Date.now() / 1000
    for (const [what, age] of [
      ['older', 3],
      ['newer', 2],
      ['newest', 1],
    ] as const) {
      const path = place.store.partialPath(digestOf(what))
      writeFileSync(path, '')
      // Only its length counts, so a hole will do.
      truncateSync(path, 4 * 2 ** 30)
      utimesSync(path, now - age, now - age)
    }
    const later = place.reopen()
    assert.deepEqual(
      ['older', 'newer', 'newest'].map(what => existsSync(later.partialPath(digestOf(what)))),
      [false, true, true],
    )
  })
}
