import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isKind } from '../errdefs.ts'
import { Query } from './query.ts'

test('booleans are what dockerd takes for them', () => {
  for (const text of ['', '0', 'no', 'false', 'none', 'False', ' NO ']) {
    assert.equal(new Query(`x=${encodeURIComponent(text)}`).boolean('x', true), false, JSON.stringify(text))
  }
  for (const text of ['1', 'true', 'True', 'yes', 'anything'])
    assert.equal(new Query(`x=${text}`).boolean('x'), true, text)
  assert.equal(new Query('').boolean('x'), false)
  assert.equal(new Query('').boolean('x', true), true)
})

test('numbers', () => {
  assert.equal(new Query('t=-1').integer('t'), -1)
  assert.equal(new Query('').integer('t'), undefined)
  assert.throws(() => new Query('t=abc').integer('t'), {
    message: 'strconv.Atoi: parsing "abc": invalid syntax',
    kind: 'Internal',
  })
})

test('filters in both forms', () => {
  const list = new Query(`filters=${encodeURIComponent('{"status":["exited","dead"]}')}`)
  assert.deepEqual(list.filters(), { status: ['exited', 'dead'] })
  const map = new Query(`filters=${encodeURIComponent('{"status":{"exited":true,"dead":false}}')}`)
  assert.deepEqual(map.filters(), { status: ['exited'] })
  assert.deepEqual(new Query('').filters(), {})
})

test('filters that are none', () => {
  for (const text of ['x', '[]', '3', '{"label":"b"}', '{"label":["b",3]}', '{"label":{"a":1}}']) {
    assert.throws(
      () => new Query(`filters=${encodeURIComponent(text)}`).filters(),
      error => isKind(error, 'InvalidArgument') && (error as Error).message === 'invalid filter',
      text,
    )
  }
})
