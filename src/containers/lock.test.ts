import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { Lock } from './lock.ts'

test('one at a time, in the order of asking', async () => {
  const lock = new Lock()
  const log: string[] = []
  const visit = async (name: string): Promise<void> => {
    using _ = await lock.acquire()
    log.push(`${name} in`)
    await setImmediate()
    log.push(`${name} out`)
  }
  await Promise.all(['a', 'b', 'c'].map(visit))
  assert.deepEqual(log, ['a in', 'a out', 'b in', 'b out', 'c in', 'c out'])
})

test('one that fails lets the next through', async () => {
  const lock = new Lock()
  const failing = async (): Promise<void> => {
    using _ = await lock.acquire()
    throw new Error('inside')
  }
  await assert.rejects(failing(), /inside/)
  using _ = await lock.acquire()
})

test('letting go twice lets only one through', async () => {
  const lock = new Lock()
  const first = await lock.acquire()
  const second = lock.acquire()
  let third = false
  void lock.acquire().then(() => {
    third = true
  })
  first[Symbol.dispose]()
  first[Symbol.dispose]()
  await second
  await setImmediate()
  assert.equal(third, false)
})
