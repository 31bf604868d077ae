import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Event, Events } from '../events.ts'
import { eventFilter, eventJson } from './event-stream.ts'

const events = new Events()
const started = events.publish('container', 'start', 'aabbcc', { image: 'busybox:1', name: 'web', tier: 'front' })
const ran = events.publish('container', 'exec_create: ls -l', 'aabbcc', { image: 'busybox:1', name: 'web' })
const made = events.publish('volume', 'create', 'data', { driver: 'local' })
const tagged = events.publish('image', 'tag', 'sha256:1234', { name: 'busybox:1' })
const all = [started, ran, made, tagged]

const chosen = (filters: Parameters<typeof eventFilter>[0]): Event[] => all.filter(eventFilter(filters))

test('filters choose', () => {
  assert.deepEqual(chosen({}), all)
  assert.deepEqual(chosen({ container: ['web'] }), [started, ran])
  assert.deepEqual(chosen({ container: ['aabb'] }), [started, ran])
  assert.deepEqual(chosen({ type: ['volume', 'image'] }), [made, tagged])
  assert.deepEqual(chosen({ event: ['exec_create', 'create'] }), [ran, made])
  assert.deepEqual(chosen({ image: ['busybox'] }), [started, ran, tagged])
  assert.deepEqual(chosen({ image: ['busybox:2'] }), [])
  assert.deepEqual(chosen({ label: ['tier=front'] }), [started])
  assert.deepEqual(chosen({ label: ['tier=back'] }), [])
  assert.deepEqual(chosen({ volume: ['data'] }), [made])
})

test('timeNano is a number with all its digits', () => {
  assert.match(eventJson(made, false), new RegExp(`,"timeNano":${made.timeNano}}$`))
  assert.equal(JSON.parse(eventJson(made, false)).time, made.time)
})

test('older clients get the older fields, of containers and images alone', () => {
  const { status, id, from } = JSON.parse(eventJson(started, true))
  assert.deepEqual({ status, id, from }, { status: 'start', id: 'aabbcc', from: 'busybox:1' })
  assert.equal(JSON.parse(eventJson(started, false)).status, undefined)
  assert.equal(JSON.parse(eventJson(made, true)).status, undefined)
})
