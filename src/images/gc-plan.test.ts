import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Digest, digestOf } from '../oci/digest.ts'
import { type GcImage, type GcPolicy, planGc } from './gc-plan.ts'

const HOUR = 3600_000
const NOW = 1_000 * HOUR
const POLICY: GcPolicy = { high: undefined, low: undefined, keep: undefined, minAge: 24 * HOUR }

const idOf = (name: string): Digest => digestOf(name)
/** `used` is hours ago; each image has 100 bytes of its own and shares what it is told to. */
const image = (
  name: string,
  used: number,
  { shared = [], kept = false, ...fields }: Partial<GcImage> & { shared?: readonly string[]; kept?: boolean } = {},
): GcImage => ({
  id: idOf(name),
  repositories: ['app'],
  platform: 'linux/amd64',
  used: NOW - used * HOUR,
  tagged: NOW - used * HOUR,
  created: 0,
  pinned: false,
  containers: 0,
  parts: [
    { key: `own ${name}`, size: 100, kept },
    ...shared.map(key => ({ key, size: 1000, kept: false })),
    ...shared.map(key => ({ key, size: 1000, kept: false })),
  ],
  ...fields,
})

const removed = (images: readonly GcImage[], policy: Partial<GcPolicy>): string[] => {
  const names = new Map(['a', 'b', 'c', 'd', 'e', 'f'].map(name => [idOf(name), name]))
  return planGc(images, { ...POLICY, ...policy }, NOW).remove.map(({ id }) => names.get(id) as string)
}

test('without a limit nothing goes', () => {
  const plan = planGc([image('a', 9999), image('b', 9999)], POLICY, NOW)
  assert.deepEqual(plan.remove, [])
  assert.deepEqual(
    plan.keep.map(({ reason }) => reason),
    ['there is room for it', 'there is room for it'],
  )
})

test('below the high mark nothing goes; above it the longest unused, down to the low mark', () => {
  const images = [image('a', 50), image('b', 200), image('c', 100), image('d', 30)]
  assert.deepEqual(removed(images, { high: 400, low: 100 }), [])
  assert.deepEqual(removed(images, { high: 399, low: 250 }), ['b', 'c'])
  assert.deepEqual(removed(images, { high: 399, low: 0 }), ['b', 'c', 'a', 'd'])
  assert.deepEqual(removed(images, { high: 399 }), ['b'], 'without a low mark just below the high one')
})

test('never what a container stands on, what is pinned, or what was used lately', () => {
  const images = [image('a', 500, { containers: 1 }), image('b', 500, { pinned: true }), image('c', 23), image('d', 25)]
  const plan = planGc(images, { ...POLICY, high: 0, low: 0, keep: 0 }, NOW)
  assert.deepEqual(
    plan.remove.map(({ id }) => id),
    [idOf('d')],
  )
  assert.deepEqual(
    plan.keep.map(({ reason }) => reason),
    ['a container stands on it', 'it is pinned', 'it was used lately'],
  )
  assert.equal(plan.after, 300)
})

test('of each repository the newest stay, by when they were tagged here', () => {
  const images = [
    image('a', 100, { created: NOW }),
    image('b', 200),
    image('c', 300),
    image('d', 400, { repositories: ['other'] }),
  ]
  assert.deepEqual(removed(images, { keep: 1 }), ['c', 'b'])
  assert.deepEqual(removed(images, { keep: 2 }), ['c'])
  assert.deepEqual(removed(images, { keep: 3 }), [])
})

test('what one repository keeps stays, whatever another says', () => {
  const images = [image('a', 100), image('b', 200, { repositories: ['app', 'release'] })]
  assert.deepEqual(removed(images, { keep: 1 }), [])
})

test('platforms of one name do not push each other out; images without a name are a group of their own', () => {
  const images = [
    image('a', 100),
    image('b', 200, { platform: 'linux/arm64' }),
    image('c', 300, { repositories: [] }),
    image('d', 400, { repositories: [] }),
  ]
  assert.deepEqual(removed(images, { keep: 1 }), ['d'])
})

test('protected images count among the newest', () => {
  const images = [image('a', 100, { pinned: true }), image('b', 200), image('c', 300)]
  assert.deepEqual(removed(images, { keep: 1 }), ['c', 'b'])
})

test('what images share is counted once, and freed with the last of them', () => {
  const images = [
    image('a', 300, { shared: ['base'] }),
    image('b', 200, { shared: ['base'] }),
    image('c', 100, { shared: ['base'] }),
  ]
  const plan = planGc(images, { ...POLICY, high: 1299, low: 1100 }, NOW)
  assert.equal(plan.before, 1300)
  assert.deepEqual(
    plan.remove.map(({ freed }) => freed),
    [100, 100],
  )
  assert.equal(plan.after, 1100)
  const all = planGc(images, { ...POLICY, high: 0, low: 0 }, NOW)
  assert.deepEqual(
    all.remove.map(({ freed }) => freed),
    [100, 100, 1100],
  )
})

test('what somebody else keeps is not promised to be freed', () => {
  const [only] = planGc([image('a', 300, { kept: true })], { ...POLICY, high: 0 }, NOW).remove
  assert.equal(only?.freed, 0)
})

test('both rules: the surplus first, then the watermark with what is left', () => {
  const images = [
    image('a', 100),
    image('b', 200),
    image('c', 500, { repositories: ['other'] }),
    image('d', 400, { repositories: ['third'] }),
  ]
  assert.deepEqual(removed(images, { keep: 1, high: 300 }), ['b'])
  assert.deepEqual(removed(images, { keep: 1, high: 299, low: 200 }), ['b', 'c'])
})

test('twenty thousand images are planned in no time', () => {
  const images = Array.from({ length: 20_000 }, (_, at) =>
    image(`i${at}`, 30 + at, { repositories: [`r${at % 100}`], shared: [`base ${at % 10}`] }),
  )
  const start = performance.now()
  const plan = planGc(images, { ...POLICY, keep: 3, high: 0, low: 0 }, NOW)
  assert.equal(plan.remove.length, 20_000)
  assert.ok(performance.now() - start < 2000)
})
