// Signals: which, to whom, and what is told.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ContainerBench, IDLE, sh } from '../harness/container-bench.ts'
import { until } from '../harness/daemon.ts'

let bench: ContainerBench
before(async () => {
  bench = await ContainerBench.start()
})
after(() => bench[Symbol.asyncDispose]())

const kill = (id: string, signal?: string) => bench.client.post(`/containers/${id}/kill`, undefined, { signal })

test('without a signal it is SIGKILL', async () => {
  const id = await bench.run()
  const events = await bench.events(id, 2, async () => assert.equal((await kill(id)).status, 204))
  assert.deepEqual(
    events.map(({ Action }) => Action),
    ['kill', 'die'],
  )
  assert.equal(events[0]?.Actor.Attributes.signal, '9')
  assert.equal(await bench.wait(id), 137)
  assert.equal((await bench.inspect(id)).State.OOMKilled, false)
  await bench.remove(id)
})

test('signals by name and number reach the process, which may go on', async () => {
  const id = await bench.run({
    Cmd: sh('trap "echo usr1" USR1; trap "echo hup" HUP; echo ready; while :; do sleep 0.02; done'),
  })
  const said = async (text: string) => until(text, async () => (await bench.logs(id)).stdout.includes(text))
  await said('ready')
  for (const [signal, text] of [
    ['SIGUSR1', 'usr1'],
    ['HUP', 'hup'],
    ['10', 'usr1\nhup\nusr1'],
  ] as const) {
    assert.equal((await kill(id, signal)).status, 204)
    await said(text)
  }
  assert.equal((await bench.inspect(id)).State.Running, true)
  await bench.remove(id)
})

test('one that is paused dies of SIGKILL at once', async () => {
  const id = await bench.run()
  await bench.client.post(`/containers/${id}/pause`)
  await bench.expectEvents(id, ['kill', 'die'], async () => assert.equal((await kill(id, 'KILL')).status, 204))
  assert.equal(await bench.wait(id), 137)
  await bench.remove(id)
})

test('what cannot be killed', async () => {
  const id = await bench.create({ Cmd: IDLE })
  await bench.refused(kill(id), 409, `cannot kill container: ${id}: container ${id} is not running`)
  await bench.refused(kill(id, 'SIGNOPE'), 400, `cannot kill container: ${id}: invalid signal: SIGNOPE`)
  await bench.refused(kill(id, '65'), 400, `cannot kill container: ${id}: the linux daemon does not support signal 65`)
  await bench.refused(kill('nobody'), 404, 'cannot kill container: nobody: No such container: nobody')
  await bench.remove(id)
})
