import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mediaTypes } from '../../oci/descriptor.ts'
import { digestOf } from '../../oci/digest.ts'
import { parseReference } from '../../oci/reference.ts'
import { isRepositoryName, ServedRepositories } from './repositories.ts'

const target = (name: string) => ({ mediaType: mediaTypes.manifest, digest: digestOf(Buffer.from(name)), size: 1 })
const serving = (...names: string[]) =>
  new ServedRepositories(names.map(name => ({ reference: parseReference(name), target: target(name) })))
/** Which local name a served one leads to. */
const leadsTo = (served: ServedRepositories, name: string, registry?: string): string | undefined => {
  const digest = served.find(name, registry)?.tags.get('1')?.digest
  return ALL.find(local => target(local).digest === digest)
}
const ALL = [
  'debian:1',
  'me/app:1',
  'ghcr.io/a/b:1',
  'ghcr.io/me/app:1',
  'quay.io/x:1',
  'other.io/x:1',
  'localhost:5000/c/d:1',
]

test('names of Docker Hub, short and with what is implied', () => {
  const served = serving(...ALL)
  for (const name of ['debian', 'library/debian', 'docker.io/library/debian'])
    assert.equal(leadsTo(served, name), 'debian:1', name)
  assert.equal(leadsTo(served, 'me/app'), 'me/app:1')
})

test('names of other registries, whole and by their path alone where it is clear', () => {
  const served = serving(...ALL)
  for (const name of ['ghcr.io/a/b', 'a/b']) assert.equal(leadsTo(served, name), 'ghcr.io/a/b:1', name)
  assert.equal(leadsTo(served, 'ghcr.io/me/app'), 'ghcr.io/me/app:1')
  assert.equal(leadsTo(served, 'x'), undefined, 'it could be one of two')
  assert.equal(leadsTo(served, 'c/d'), 'localhost:5000/c/d:1')
})

test('a client that says whose mirror it takes this for gets that one', () => {
  const served = serving(...ALL)
  assert.equal(leadsTo(served, 'x', 'other.io'), 'other.io/x:1')
  assert.equal(leadsTo(served, 'me/app', 'ghcr.io'), 'ghcr.io/me/app:1')
  assert.equal(leadsTo(served, 'library/debian', 'docker.io'), 'debian:1')
  assert.equal(leadsTo(served, 'debian', '192.168.1.1:5000'), 'debian:1')
})

test('the list has each repository once', () => {
  assert.deepEqual(serving(...ALL).list(), [
    'c/d',
    'debian',
    'ghcr.io/a/b',
    'ghcr.io/me/app',
    'me/app',
    'other.io/x',
    'quay.io/x',
  ])
  assert.deepEqual(serving().list(), [])
})

test('tags and digests of one repository come together', () => {
  const served = serving('debian:1', 'debian:2', `debian@${digestOf(Buffer.from('x'))}`)
  const { tags, targets } = served.find('debian') ?? {}
  assert.deepEqual([...(tags?.keys() ?? [])], ['1', '2'])
  assert.equal(targets?.length, 3)
})

test('what can be the name of a repository', () => {
  for (const name of ['a', 'a/b/c', 'a.b-c__d', 'ghcr.io/a']) assert.ok(isRepositoryName(name), name)
  for (const name of ['', 'A', 'a//b', '/a', 'a/', '../etc', 'a..b', 'a:1', 'x'.repeat(256)])
    assert.ok(!isRepositoryName(name), name)
})
