import assert from 'node:assert/strict'
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
}
