import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULT_PATH } from './default-spec.ts'
import { processEnv } from './process-env.ts'

test('a process has PATH, HOSTNAME and HOME', () => {
  assert.deepEqual(processEnv([], { hostname: 'box', home: '/root' }), [
    `PATH=${DEFAULT_PATH}`,
    'HOSTNAME=box',
    'HOME=/root',
  ])
})

test('on a terminal also TERM', () => {
  assert.ok(processEnv([], { hostname: 'box', tty: true, home: '/' }).includes('TERM=xterm'))
  assert.ok(!processEnv([], { hostname: 'box', home: '/' }).some(entry => entry.startsWith('TERM=')))
})

test('what the image or the user says goes first, even when it says nothing', () => {
  const own = ['PATH=/bin', 'HOSTNAME=mine', 'TERM=dumb', 'HOME=']
  assert.deepEqual(processEnv(own, { hostname: 'box', tty: true, home: '/root' }), own)
})

test('a name that only begins alike is another one', () => {
  assert.ok(processEnv(['PATHS=x', 'HOMEPAGE=y'], { home: '/root' }).includes('HOME=/root'))
})

test("without a name of its own (the host's UTS namespace) there is no HOSTNAME", () => {
  assert.ok(!processEnv([], { hostname: '', home: '/' }).some(entry => entry.startsWith('HOSTNAME')))
})
