// Waiting for containers: exit codes, and the three conditions.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ContainerBench, IDLE, sh } from '../harness/container-bench.ts'

let bench: ContainerBench
before(async () => {
  bench = await ContainerBench.start()
})
after(() => bench[Symbol.asyncDispose]())

test('exit codes as the process gave them, 128 and the signal when one ended it', async () => {
  const cases = [
    ['exit 0', 0],
    ['exit 1', 1],
    ['exit 255', 255],
    ['kill -TERM $$', 0],
    ['sh -c "kill -KILL \\$\\$"; exit $?', 137],
  ] as const
  for (const [script, code] of cases) {
    // Process 1 is not ended by a signal that it does not handle.
    assert.equal((await bench.finish({ Cmd: sh(script) })).code, code, script)
  }
})

test('one that has ended is told at once, one that never ran counts as ended', async () => {
  const id = await bench.create({ Cmd: sh('exit 3') })
  assert.equal(await bench.wait(id), 0)
  await bench.start(id)
  assert.equal(await bench.wait(id), 3)
  assert.equal(await bench.wait(id, 'not-running'), 3)
  await bench.remove(id)
})

test('next-exit waits for the run to come, not for the one that was', async () => {
  const id = await bench.run({ Cmd: sh('test -e /was && exit 2; touch /was; exit 1') })
  assert.equal(await bench.wait(id), 1)
  const next = bench.wait(id, 'next-exit')
  const first = await Promise.race([next, new Promise(resolve => setTimeout(resolve, 100, 'still waiting'))])
  assert.equal(first, 'still waiting')
  await bench.start(id)
  assert.equal(await next, 2)
  await bench.remove(id)
})

test('removed waits until the container is gone', async () => {
  const id = await bench.run({ Cmd: sh('exit 4') })
  const removed = bench.wait(id, 'removed')
  assert.equal(await bench.wait(id), 4)
  await bench.remove(id)
  assert.equal(await removed, 4)
})

test('the headers come at once, before there is an exit', async () => {
  const id = await bench.create({ Cmd: sh('exit 5') })
  const answer = await bench.client.stream('POST', `/containers/${id}/wait`, { query: { condition: 'next-exit' } })
  assert.equal(answer.statusCode, 200)
  await bench.start(id)
  let text = ''
  for await (const chunk of answer) text += chunk
  assert.deepEqual(JSON.parse(text), { StatusCode: 5 })
  await bench.remove(id)
})

test('many who wait are all told', async () => {
  const id = await bench.run({ Cmd: IDLE })
  const waiting = Array.from({ length: 20 }, () => bench.wait(id))
  await bench.client.post(`/containers/${id}/kill`)
  assert.deepEqual(new Set(await Promise.all(waiting)), new Set([137]))
  await bench.remove(id)
})

test('a condition that is none, a container that is none', async () => {
  const id = await bench.create({})
  await bench.refused(
    bench.client.post(`/containers/${id}/wait`, undefined, { condition: 'tired' }),
    400,
    'invalid condition: "tired"',
  )
  await bench.refused(bench.client.post('/containers/nobody/wait'), 404, 'No such container: nobody')
  await bench.remove(id)
})
