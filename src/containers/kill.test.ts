import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSignal } from './kill.ts'

test('signals by name and by number', () => {
  const cases = { SIGTERM: 15, TERM: 15, term: 15, sigkill: 9, '15': 15, '9': 9, '64': 64, HUP: 1, USR1: 10, WINCH: 28 }
  for (const [text, number] of Object.entries(cases)) assert.equal(parseSignal(text), number, text)
})

test('real-time signals', () => {
  const cases = { SIGRTMIN: 34, 'SIGRTMIN+3': 37, 'RTMIN+15': 49, SIGRTMAX: 64, 'RTMAX-14': 50 }
  for (const [text, number] of Object.entries(cases)) assert.equal(parseSignal(text), number, text)
})

test('signals that are none', () => {
  for (const text of [
    '',
    'NOPE',
    '0',
    '-1',
    '1.5',
    '9 ',
    'SIGSIGTERM',
    'SIGRTMIN+99',
    'SIGRTMIN-1',
    'SIGRTMAX+1',
    'toString',
  ]) {
    assert.throws(() => parseSignal(text), { kind: 'InvalidArgument', message: `invalid signal: ${text}` }, text)
  }
})

test('numbers beyond the last one', () => {
  assert.throws(() => parseSignal('65'), {
    kind: 'InvalidArgument',
    message: 'the linux daemon does not support signal 65',
  })
})
