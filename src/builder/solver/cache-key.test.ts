import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cacheKey, copyKey, nextKey, runKey } from './cache-key.ts'

test('parts cannot run into one another', () => {
  const keys = [
    cacheKey('ab', 'c'),
    cacheKey('a', 'bc'),
    cacheKey('abc'),
    cacheKey(['a', 'bc']),
    cacheKey(['ab', 'c']),
    cacheKey(['abc']),
    cacheKey('a', undefined),
    cacheKey('a', ''),
    cacheKey('a'),
    cacheKey(1),
    cacheKey('1'),
    cacheKey(['s1:a']),
    cacheKey([], ['']),
    cacheKey([''], []),
  ]
  assert.equal(new Set(keys).size, keys.length)
})

test('a RUN depends on all that it can see', () => {
  const facts = {
    files: 'f',
    args: ['a'],
    env: ['E=1'],
    cwd: '/',
    user: '',
    network: 'default',
    script: undefined,
    given: [],
  }
  const variants = [
    facts,
    { ...facts, files: 'g' },
    { ...facts, args: ['a', ''] },
    { ...facts, env: ['E=2'] },
    { ...facts, cwd: '/w' },
    { ...facts, user: '1' },
    { ...facts, network: 'none' },
    { ...facts, script: '' },
    { ...facts, given: [''] },
  ]
  assert.equal(new Set(variants.map(runKey)).size, variants.length)
  assert.equal(runKey({ ...facts }), runKey(facts))
})

test('a COPY depends on sources, destination, owner and mode', () => {
  const facts = { files: 'f', keyword: 'COPY', sources: 's', destination: '/d', owner: undefined, mode: undefined }
  const variants = [
    facts,
    { ...facts, keyword: 'ADD' },
    { ...facts, sources: 't' },
    { ...facts, destination: '/d/' },
    { ...facts, owner: '0' },
    { ...facts, mode: '0' },
  ]
  assert.equal(new Set(variants.map(copyKey)).size, variants.length)
  assert.notEqual(nextKey('a', 'b', undefined), nextKey('a', 'b', 'c'))
})

test('keys of today are those of yesterday: a changed one forgets what users have cached', () => {
  assert.equal(cacheKey('run', 1, ['a'], undefined), '5a467a921f340a3124a622f21108ebe7750900769adfebfeaac3a96a2588283d')
})
