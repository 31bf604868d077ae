import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DetachScanner, parseDetachKeys } from './detach-keys.ts'

test('keys by their names', () => {
  assert.deepEqual(parseDetachKeys(''), [16, 17])
  assert.deepEqual(parseDetachKeys('a,ctrl-c,Z'), [97, 3, 90])
  assert.deepEqual(parseDetachKeys('ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_'), [0, 27, 28, 29, 30, 31])
  for (const text of ['ctrl-', 'ctrl-ab', 'ab', 'ctrl-1', 'a,,b']) {
    assert.throws(() => parseDetachKeys(text), { kind: 'InvalidArgument' }, text)
  }
})

/** What passes of each chunk, and whether the last one detached. */
const scan = (keys: string, ...chunks: string[]): [passed: string, detached: boolean] => {
  const scanner = new DetachScanner(keys === '' ? [] : parseDetachKeys(keys))
  let passed = ''
  for (const chunk of chunks) {
    const { data, detached } = scanner.scan(Buffer.from(chunk, 'latin1'))
    passed += data.toString('latin1')
    if (detached) return [passed, true]
  }
  return [passed, false]
}

test('the sequence detaches, whole or key by key; what came before it passes', () => {
  assert.deepEqual(scan('', 'ab\x10\x11cd'), ['ab\x10\x11cd', false])
  assert.deepEqual(scan('ctrl-p,ctrl-q', 'ab\x10\x11cd'), ['ab', true])
  assert.deepEqual(scan('ctrl-p,ctrl-q', 'a', '\x10', '\x11'), ['a', true])
  assert.deepEqual(scan('x', 'abxc'), ['ab', true])
})

test('keys that turn out not to belong to it are passed on in order', () => {
  assert.deepEqual(scan('ctrl-p,ctrl-q', 'a\x10b'), ['a\x10b', false])
  assert.deepEqual(scan('ctrl-p,ctrl-q', '\x10', '\x10', '\x11'), ['\x10', true])
  assert.deepEqual(scan('a,b,c', 'abab', 'c'), ['ab', true])
  assert.deepEqual(scan('a,b,c', 'aabbc'), ['aabbc', false])
})

test('a sequence that repeats itself is found wherever it begins', () => {
  assert.deepEqual(scan('a,a,b', 'aaab'), ['a', true])
  assert.deepEqual(scan('a,b,a,c', 'ababac'), ['ab', true])
})
