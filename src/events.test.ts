import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Event, Events } from './events.ts'

test('an event tells who, what and when', () => {
  const events = new Events()
  const event = events.publish('container', 'start', 'abc', { name: 'x' })
  assert.deepEqual(
    { Type: event.Type, Action: event.Action, Actor: event.Actor, scope: event.scope },
    { Type: 'container', Action: 'start', Actor: { ID: 'abc', Attributes: { name: 'x' } }, scope: 'local' },
  )
  assert.ok(Math.abs(Date.now() / 1000 - event.time) < 5)
  assert.equal(event.timeNano / 1_000_000_000n, BigInt(event.time))
})

test('times rise strictly, however fast events come', () => {
  const events = new Events()
  const times = Array.from({ length: 200 }, () => events.publish('image', 'tag', 'x').timeNano)
  for (const [index, time] of times.entries()) assert.ok(index === 0 || time > (times[index - 1] as bigint))
})

test('the last 256 are kept, oldest first', () => {
  const events = new Events()
  for (let index = 0; index < 300; index++) events.publish('volume', 'create', String(index))
  assert.equal(events.history().length, 256)
  assert.deepEqual([events.history()[0]?.Actor.ID, events.history().at(-1)?.Actor.ID], ['44', '299'])
})

test('those who listen hear at once, until they stop', () => {
  const events = new Events()
  const heard: string[] = []
  const listener = (event: Event) => heard.push(event.Action)
  {
    using _ = events.subscribe(listener)
    assert.equal(events.listeners, 1)
    events.publish('network', 'connect', 'n')
  }
  events.publish('network', 'disconnect', 'n')
  assert.deepEqual(heard, ['connect'])
  assert.equal(events.listeners, 0)
})

test('one who stops while being told does not disturb the others', () => {
  const events = new Events()
  const heard: string[] = []
  const first = events.subscribe(() => {
    heard.push('first')
    first[Symbol.dispose]()
  })
  using _ = events.subscribe(() => heard.push('second'))
  events.publish('daemon', 'reload', 'd')
  events.publish('daemon', 'reload', 'd')
  assert.deepEqual(heard, ['first', 'second', 'second'])
})
