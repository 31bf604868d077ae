import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Database } from '../database.ts'
import { type Digest, digestOf } from '../oci/digest.ts'
import { parseReference } from '../oci/reference.ts'
import { ImageTable } from './image-table.ts'
import { nameFromParts } from './import.ts'
import { noSuchImage, resolveImage } from './resolve.ts'

const one: Digest = `sha256:abc1${'0'.repeat(60)}`
const two: Digest = `sha256:abc2${'0'.repeat(60)}`
const manifest = digestOf('manifest')

const tableWith = (database: Database): ImageTable => {
  const table = new ImageTable(database)
  for (const id of [one, two]) table.add({ id, manifest, manifestSize: 1, diffIds: [], blobs: [] })
  table.name(parseReference('debian:latest'), one)
  table.name(parseReference('abc2:latest'), one)
  table.name(parseReference(`debian@${manifest}`), one)
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
    assert.equal(resolveImage(table, name), one, name)
  }
  for (const name of ['debian:9', 'abc', 'abcd', digestOf('other'), 'localhost/debian'])
    assert.equal(resolveImage(table, name), undefined, name)
  // A name goes before an id.
  assert.equal(resolveImage(table, 'abc2'), one)
  assert.equal(resolveImage(table, 'abc20'), two)
})

test('a name moves, and what was renamed is known to a later process', () => {
  using database = new Database(':memory:')
  const table = tableWith(database)
  table.name(parseReference('debian:latest'), two)
  table.unname(parseReference('abc2:latest'))
  for (const later of [table, new ImageTable(database)]) {
    assert.equal(resolveImage(later, 'debian'), two)
    assert.equal(resolveImage(later, 'abc2'), two)
    assert.equal(later.namesOf(one).length, 1)
    assert.equal(typeof later.lastTagged(two), 'number')
  }
  table.drop(two)
  assert.equal(resolveImage(new ImageTable(database), 'debian'), undefined)
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
