import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostsFile } from './hosts-file.ts'

const lines = (options: Partial<Parameters<typeof hostsFile>[0]>): string[] =>
  hostsFile({ address: '172.17.0.2', names: ['box'], extra: [], gateway: '172.17.0.1', ...options }).split('\n')

test('localhost first, the container itself last, and a line end', () => {
  const file = lines({ names: ['box.example', 'box'] })
  assert.equal(file[0], '127.0.0.1\tlocalhost')
  assert.deepEqual(file.slice(-2), ['172.17.0.2\tbox.example box', ''])
})

test('--add-host in its forms', () => {
  const extra = [
    'db:10.0.0.5',
    'v6:2001:db8::1',
    'bracketed:[2001:db8::2]',
    'equals=10.0.0.6',
    'me:host-gateway',
    'nonsense',
  ]
  assert.deepEqual(lines({ extra }).slice(6, -2), [
    '10.0.0.5\tdb',
    '2001:db8::1\tv6',
    '2001:db8::2\tbracketed',
    '10.0.0.6\tequals',
    '172.17.0.1\tme',
  ])
})

test('without a network there is no line for the container, and no host-gateway', () => {
  const file = lines({ address: undefined, gateway: undefined, extra: ['me:host-gateway'] })
  assert.deepEqual(file.slice(5), ['ff02::2\tip6-allrouters', ''])
})
