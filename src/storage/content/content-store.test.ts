import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from '../../../test/harness/until.ts'
import { mediaTypes } from '../../oci/descriptor.ts'
import { digestOf } from '../../oci/digest.ts'
import { settle } from '../settle.ts'
import { contentStoreSuite } from './content-store.suite.ts'
import { ContentStore } from './content-store.ts'

const make = () => {
  const root = mkdtempSync(join(tmpdir(), 'tare-content-'))
  return {
    root,
    store: new ContentStore(root),
    reopen: () => new ContentStore(root),
    [Symbol.dispose]: () => rmSync(root, { recursive: true }),
  }
}

contentStoreSuite('ContentStore', make)

test('it is an OCI image layout from the start', () => {
  using place = make()
  const read = (name: string) => JSON.parse(readFileSync(join(place.root, 'content', name), 'utf8'))
  assert.deepEqual(read('oci-layout'), { imageLayoutVersion: '1.0.0' })
  assert.deepEqual(read('index.json'), { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] })
  const manifest = { mediaType: mediaTypes.manifest, digest: digestOf('m'), size: 1 }
  place.store.publish([manifest])
  assert.deepEqual(read('index.json').manifests, [manifest])
})

test('what was under way when the process died is cleared away', () => {
  using place = make()
  writeFileSync(join(place.root, 'content/ingest/half'), 'half')
  place.reopen()
  assert.deepEqual(readdirSync(join(place.root, 'content/ingest')), [])
  assert.equal(existsSync(join(place.root, 'content/blobs/sha256')), true)
})

test('an adopted blob that the host did not live to write down is gone with the next boot, and only then', async () => {
  using place = make()
  const gather = (text: string): void => writeFileSync(new ContentStore(place.root).partialPath(digestOf(text)), text)
  gather('lost')
  new ContentStore(place.root, 'boot one').adopt(digestOf('lost'))
  assert.equal(new ContentStore(place.root, 'boot one').has(digestOf('lost')), true)
  const after = new ContentStore(place.root, 'boot two')
  assert.equal(after.has(digestOf('lost')), false)
  gather('kept')
  after.adopt(digestOf('kept'))
  const awake = setInterval(() => {}, 1000)
  await settle(place.root)
  // The mark goes after that, on another thread.
  await until('the mark to go', () => readdirSync(join(place.root, 'content', 'unsettled')).length === 0)
  clearInterval(awake)
  assert.deepEqual(new ContentStore(place.root, 'boot three').list(), [digestOf('kept')])
})
