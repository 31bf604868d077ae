import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Digest } from '../oci/digest.ts'
import { familiarName, parseReference } from '../oci/reference.ts'
import type { ImageUser } from './image.ts'
import { planRemoval } from './remove.ts'

const id: Digest = `sha256:${'ab'.repeat(32)}`
const stopped: ImageUser = { containerId: 'c'.repeat(64), running: false }
const running: ImageUser = { containerId: 'd'.repeat(64), running: true }

type Case = { asked: string; names?: string[]; users?: ImageUser[]; force?: boolean }

const plan = ({ asked, names = [], users = [], force = false }: Case): { untag: string[]; remove: boolean } => {
  const references = names.map(parseReference)
  const reference = references.find(name => familiarName(name) === asked)
  const { untag, remove } = planRemoval({ id, asked, reference, names: references, users, force })
  return { untag: untag.map(familiarName), remove }
}

test('the last name takes the image with it; another name does not', () => {
  assert.deepEqual(plan({ asked: 'a:1', names: ['a:1'] }), { untag: ['a:1'], remove: true })
  assert.deepEqual(plan({ asked: 'a:1', names: ['a:1', 'a:2'] }), { untag: ['a:1'], remove: false })
})

test('by id a single name goes, several repositories need force', () => {
  assert.deepEqual(plan({ asked: 'abab', names: ['a:1'] }), { untag: ['a:1'], remove: true })
  assert.deepEqual(plan({ asked: id, names: [] }), { untag: [], remove: true })
  assert.throws(() => plan({ asked: 'abab', names: ['a:1', 'b:1'] }), {
    kind: 'Conflict',
    message: 'conflict: unable to delete abababababab (must be forced) - image is referenced in multiple repositories',
  })
  assert.deepEqual(plan({ asked: 'abab', names: ['a:1', 'b:1'], force: true }), { untag: ['a:1', 'b:1'], remove: true })
})

test('a container keeps its image, in words that tell which', () => {
  assert.throws(() => plan({ asked: 'a:1', names: ['a:1'], users: [stopped] }), {
    kind: 'Conflict',
    message:
      'conflict: unable to remove repository reference "a:1" (must force) - container cccccccccccc is using its referenced image abababababab',
  })
  assert.throws(() => plan({ asked: 'ab', names: ['a:1'], users: [stopped] }), {
    message:
      'conflict: unable to delete abababababab (must be forced) - image is being used by stopped container cccccccccccc',
  })
  for (const force of [false, true]) {
    assert.throws(() => plan({ asked: 'ab', names: ['a:1'], users: [stopped, running], force }), {
      message:
        'conflict: unable to delete abababababab (cannot be forced) - image is being used by running container dddddddddddd',
    })
  }
})

test('force removes what a stopped container stands on, and only unnames what a running one does', () => {
  assert.deepEqual(plan({ asked: 'a:1', names: ['a:1'], users: [stopped], force: true }), {
    untag: ['a:1'],
    remove: true,
  })
  assert.deepEqual(plan({ asked: 'a:1', names: ['a:1'], users: [running], force: true }), {
    untag: ['a:1'],
    remove: false,
  })
})

test('one of several names goes although a container uses the image', () => {
  assert.deepEqual(plan({ asked: 'a:1', names: ['a:1', 'a:2'], users: [running] }), { untag: ['a:1'], remove: false })
})

test('digests go with the last tag of their repository', () => {
  const digest = `a@${id}`
  assert.deepEqual(plan({ asked: 'a:1', names: ['a:1', digest] }), { untag: ['a:1', digest], remove: true })
  assert.deepEqual(plan({ asked: 'a:1', names: ['a:1', 'a:2', digest] }), { untag: ['a:1'], remove: false })
  assert.deepEqual(plan({ asked: 'a:1', names: ['a:1', digest, 'b:1'] }), { untag: ['a:1', digest], remove: false })
})
