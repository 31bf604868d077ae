import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkRestartPolicy, restartDelay } from './restart-policy.ts'

const FRESH = { stoppedByUser: false, restartCount: 0 }
const again = (Name: string, exitCode: number, life = FRESH, MaximumRetryCount = 0): boolean =>
  restartDelay({ Name, MaximumRetryCount }, life, exitCode, 0) !== undefined

test('who is started again', () => {
  for (const exitCode of [0, 1]) {
    assert.ok(!again('no', exitCode) && !again('', exitCode))
    assert.ok(again('always', exitCode) && again('unless-stopped', exitCode))
  }
  assert.ok(!again('on-failure', 0) && again('on-failure', 1))
  assert.equal(restartDelay(undefined, FRESH, 1, 0), undefined)
})

test('one that the user stopped is left alone', () => {
  for (const policy of ['always', 'unless-stopped', 'on-failure'])
    assert.ok(!again(policy, 1, { ...FRESH, stoppedByUser: true }))
})

test('on-failure:3 is three times', () => {
  const tries = [0, 1, 2, 3, 4].filter(restartCount => again('on-failure', 1, { ...FRESH, restartCount }, 3))
  assert.deepEqual(tries, [0, 1, 2])
})

test('waits double up to a minute; a process that worked for a while begins anew', () => {
  const delay = (restartCount: number, ran = 0) => restartDelay({ Name: 'always' }, { ...FRESH, restartCount }, 1, ran)
  assert.deepEqual(
    [0, 1, 2, 3].map(count => delay(count)),
    [100, 200, 400, 800],
  )
  assert.equal(delay(50), 60_000)
  assert.equal(delay(5000), 60_000)
  assert.equal(delay(50, 10_000), 100)
})

test('policies that are none', () => {
  for (const Name of ['', 'no', 'always', 'unless-stopped', 'on-failure']) checkRestartPolicy({ Name })
  checkRestartPolicy({ Name: 'on-failure', MaximumRetryCount: 3 })
  const wrong = [
    { Name: 'Always' },
    { Name: 'always', MaximumRetryCount: 1 },
    { Name: 'on-failure', MaximumRetryCount: -1 },
  ]
  for (const policy of wrong) {
    assert.throws(() => checkRestartPolicy(policy), { kind: 'InvalidArgument', message: /^invalid restart policy: / })
  }
})
