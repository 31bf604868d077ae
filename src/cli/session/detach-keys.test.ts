import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DetachWatcher, parseDetachKeys } from './detach-keys.ts'

test('keys are named as Docker names them', () => {
  assert.deepEqual([...parseDetachKeys('')], [16, 17])
  assert.deepEqual([...parseDetachKeys('ctrl-a,x')], [1, 120])
  assert.throws(() => parseDetachKeys('foo'), /Unknown character: 'foo'/)
})

test('the keys detach, even in two packets, and are not sent', () => {
  const watcher = new DetachWatcher(parseDetachKeys(''))
  assert.deepEqual(watcher.pass(Buffer.from('ab\x10')), { data: Buffer.from('ab'), detached: false })
  assert.deepEqual(watcher.pass(Buffer.from('\x11c')), { data: Buffer.from(''), detached: true })
})

test('a beginning that leads nowhere is sent late', () => {
  const watcher = new DetachWatcher(parseDetachKeys(''))
  assert.deepEqual(watcher.pass(Buffer.from('\x10')), { data: Buffer.from(''), detached: false })
  assert.deepEqual(watcher.pass(Buffer.from('x')), { data: Buffer.from('\x10x'), detached: false })
  assert.deepEqual(watcher.pass(Buffer.from('\x10\x10\x11')), { data: Buffer.from('\x10'), detached: true })
})
