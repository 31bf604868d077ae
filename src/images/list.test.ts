import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Filters } from '../api/filters.ts'
import { type Digest, digestOf } from '../oci/digest.ts'
import { parseReference } from '../oci/reference.ts'
import type { Image } from './image.ts'
import { listImages, withSharedSizes } from './list.ts'
import { choosePrunable } from './prune.ts'

const NOW = Date.now()
const HOUR = 3_600_000

const image = (
  name: string,
  hoursAgo: number,
  labels?: Record<string, string>,
  layers: readonly string[] = [name],
): Image => ({
  id: digestOf(name),
  config: {
    architecture: 'amd64',
    os: 'linux',
    config: { Labels: labels ?? null },
    rootfs: { type: 'layers', diff_ids: [] },
  },
  platform: { os: 'linux', architecture: 'amd64' },
  manifest: digestOf(`manifest of ${name}`),
  layers: layers.map(layer => ({
    diffId: digestOf(layer),
    blob: { mediaType: '', digest: digestOf(layer), size: 1 },
    size: 10,
  })),
  size: layers.length * 10,
  created: NOW - hoursAgo * HOUR,
})

const old = image('old', 30, { stage: 'test', empty: '' })
const middle = image('middle', 20, { stage: 'live' }, ['middle', 'old'])
const fresh = image('fresh', 1)
const NAMES = new Map([
  [old.id, ['debian:11', 'debian:old']],
  [middle.id, ['registry.io:5000/team/app:1']],
  [fresh.id, []],
])
const listed = [old, middle, fresh].map(image => ({
  image,
  names: (NAMES.get(image.id) ?? []).map(parseReference),
  containers: image === old ? 2 : 0,
  subordinate: false,
}))
const find = (name: string): Image => {
  const found = [old, middle, fresh].find(({ id }) => id === digestOf(name))
  if (!found) throw new Error(`No such image: ${name}`)
  return found
}
const ids = (filters: Filters): Digest[] => listImages(listed, filters, find).map(({ Id }) => Id as Digest)

test("rows are Docker's, the newest first", () => {
  assert.deepEqual(ids({}), [fresh.id, middle.id, old.id])
  assert.deepEqual(listImages(listed, {}, find)[2], {
    Id: old.id,
    ParentId: '',
    RepoTags: ['debian:11', 'debian:old'],
    RepoDigests: [],
    Created: Math.floor((NOW - 30 * HOUR) / 1000),
    Size: 10,
    SharedSize: -1,
    Containers: 2,
    Labels: { stage: 'test', empty: '' },
  })
})

test('each filter narrows', () => {
  assert.deepEqual(ids({ dangling: ['true'] }), [fresh.id])
  assert.deepEqual(ids({ dangling: ['0'] }), [middle.id, old.id])
  assert.deepEqual(ids({ label: ['stage'] }), [middle.id, old.id])
  assert.deepEqual(ids({ label: ['stage=live'] }), [middle.id])
  assert.deepEqual(ids({ label: ['stage', 'empty='] }), [old.id])
  assert.deepEqual(ids({ before: ['middle'] }), [old.id])
  assert.deepEqual(ids({ since: ['middle'] }), [fresh.id])
  assert.deepEqual(ids({ until: ['24h'] }), [old.id])
  assert.deepEqual(ids({ until: ['1h30m'] }), [middle.id, old.id])
  assert.deepEqual(ids({ until: [String((NOW - 25 * HOUR) / 1000)] }), [old.id])
  assert.deepEqual(ids({ until: [new Date(NOW - 25 * HOUR).toISOString()] }), [old.id])
})

test('reference is a pattern that does not cross slashes, and shows only what fits', () => {
  assert.deepEqual(
    listImages(listed, { reference: ['debian:1*'] }, find).map(({ RepoTags }) => RepoTags),
    [['debian:11']],
  )
  assert.deepEqual(ids({ reference: ['debian'] }), [old.id])
  assert.deepEqual(ids({ reference: ['*'] }), [old.id])
  assert.deepEqual(ids({ reference: ['registry.io:5000/*/app'] }), [middle.id])
  assert.deepEqual(ids({ reference: ['de[a-c]ian:[!x]*'] }), [])
  assert.deepEqual(ids({ reference: ['de[a-c]ian:1?'] }), [old.id])
})

test("filters that mean nothing are refused in Docker's words", () => {
  assert.throws(() => ids({ foo: ['x'] }), { kind: 'InvalidArgument', message: "invalid filter 'foo'" })
  assert.throws(() => ids({ dangling: ['x'] }), { kind: 'InvalidArgument', message: "invalid filter 'dangling=[x]'" })
  assert.throws(() => ids({ until: ['x'] }), { message: 'failed to parse value as time or duration: "x"' })
  assert.throws(() => ids({ before: ['nope'] }), { message: 'No such image: nope' })
})

test('shared sizes count layers of several images', () => {
  const rows = withSharedSizes(listImages(listed, {}, find), [old, middle, fresh])
  assert.deepEqual(
    rows.map(({ SharedSize }) => SharedSize),
    [0, 10, 10],
  )
})

test('pruning takes the nameless, or all that no container uses', () => {
  const all = listed.map(({ image, names, containers }) => ({ image, names, used: containers > 0 }))
  const chosen = (filters: Filters) => choosePrunable(all, filters).map(({ image }) => image.id)
  assert.deepEqual(chosen({}), [fresh.id])
  assert.deepEqual(chosen({ dangling: ['false'] }), [middle.id, fresh.id])
  assert.deepEqual(chosen({ dangling: ['false'], until: ['2h'] }), [middle.id])
  assert.deepEqual(chosen({ dangling: ['false'], 'label!': ['stage=live'] }), [fresh.id])
  assert.throws(() => chosen({ reference: ['x'] }), { message: "invalid filter 'reference'" })
})
