import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Database } from '../database.ts'
import { mediaTypes } from '../oci/descriptor.ts'
import { type Digest, digestOf } from '../oci/digest.ts'
import { parsePlatform } from '../oci/platform.ts'
import { parseReference } from '../oci/reference.ts'
import { ImageTable } from './image-table.ts'
import { nameFromParts } from './name-from-parts.ts'
import { nearestPlatform, noSuchImage, resolveImages } from './resolve.ts'

const one: Digest = `sha256:abc1${'0'.repeat(60)}`
const two: Digest = `sha256:abc2${'0'.repeat(60)}`
const manifest = digestOf('manifest')

const tableWith = (database: Database): ImageTable => {
  const table = new ImageTable(database)
  for (const id of [one, two])
    table.put({
      id,
      manifest: { mediaType: mediaTypes.manifest, digest: digestOf(id), size: 1 },
      diffIds: [],
      blobs: [],
    })
  table.name([parseReference('debian:latest')], one)
  table.name([parseReference('abc2:latest')], one)
  table.name([parseReference(`debian@${manifest}`)], one)
  return table
}

test('an image is found by name, by id, and by the start of an id that is only its own', () => {
  using database = new Database(':memory:')
  const table = tableWith(database)
  for (const name of [
    'debian',
    'debian:latest',
    'docker.io/library/debian',
    one,
    one.slice(7),
    'abc1',
    'sha256:abc1',
    `debian@${manifest}`,
    `debian:9@${manifest}`,
  ]) {
    assert.equal(resolveImages(table, name)[0], one, name)
  }
  for (const name of ['debian:9', 'abc', 'abcd', digestOf('other'), 'localhost/debian'])
    assert.equal(resolveImages(table, name)[0], undefined, name)
  // A name goes before an id.
  assert.equal(resolveImages(table, 'abc2')[0], one)
  assert.equal(resolveImages(table, 'abc20')[0], two)
})

test('a name moves, and what was renamed is known to a later process', () => {
  using database = new Database(':memory:')
  const table = tableWith(database)
  table.name([parseReference('debian:latest')], two)
  table.unname(parseReference('abc2:latest'))
  for (const later of [table, new ImageTable(database)]) {
    assert.equal(resolveImages(later, 'debian')[0], two)
    assert.equal(resolveImages(later, 'abc2')[0], two)
    assert.equal(later.namesOf(one).length, 1)
    assert.equal(typeof later.lastTagged(two), 'number')
  }
  table.drop(two)
  assert.equal(resolveImages(new ImageTable(database), 'debian')[0], undefined)
})

test('what is missing is named as Docker names it', () => {
  assert.equal(noSuchImage('nope').message, 'No such image: nope:latest')
  assert.equal(noSuchImage('a.io/nope:1').message, 'No such image: a.io/nope:1')
  assert.equal(noSuchImage('0'.repeat(64)).message, `No such image: sha256:${'0'.repeat(64)}`)
  assert.throws(() => noSuchImage('UPPER'), { kind: 'InvalidArgument' })
})

test('repo and tag of the API make a name', () => {
  assert.equal(nameFromParts('', 'x'), undefined)
  assert.equal(nameFromParts('a', '')?.tag, 'latest')
  assert.equal(nameFromParts('a:1', '')?.tag, '1')
  assert.equal(nameFromParts('a', '2')?.tag, '2')
  assert.throws(() => nameFromParts(`a@${one}`, ''), { message: 'cannot import digest reference' })
  assert.throws(() => nameFromParts('a', ':::'), { message: 'invalid tag format' })
})

test('a name of several platforms means all that are here, and outlives the removal of one', () => {
  using database = new Database(':memory:')
  const table = tableWith(database)
  const members = [one, two, digestOf('not here')].map(id => ({
    mediaType: mediaTypes.manifest,
    digest: id === one || id === two ? digestOf(id) : id,
    size: 1,
  }))
  const target = { mediaType: mediaTypes.index, digest: digestOf('index'), size: 1, members }
  table.name([parseReference('multi:1')], two, target)
  for (const later of [table, new ImageTable(database)]) {
    assert.deepEqual(resolveImages(later, 'multi:1'), [two, one])
    assert.ok(later.namesOf(one).some(({ path }) => path === 'library/multi'))
    assert.deepEqual(later.targets(), [digestOf('index')])
  }
  table.drop(two)
  for (const later of [table, new ImageTable(database)]) assert.deepEqual(resolveImages(later, 'multi:1'), [one])
  table.drop(one)
  assert.deepEqual(resolveImages(table, 'multi:1'), [])
})

test('of several platforms the nearest is taken', () => {
  const offered = ['linux/386', 'linux/arm/v7', 'linux/amd64', 'windows/amd64'].map(text => ({
    platform: parsePlatform(text),
  }))
  const nearest = (wanted: string) => nearestPlatform(offered, parsePlatform(wanted))?.platform
  assert.deepEqual(nearest('linux/amd64'), parsePlatform('linux/amd64'))
  assert.deepEqual(nearest('linux/arm64'), parsePlatform('linux/arm/v7'))
  assert.deepEqual(nearest('linux/386'), parsePlatform('linux/386'))
  assert.equal(nearest('linux/s390x'), undefined)
})
