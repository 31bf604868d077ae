// Stopping and restarting: the signal, the time given, and what is told.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ContainerBench, IDLE, sh } from '../harness/container-bench.ts'
import { until } from '../harness/daemon.ts'

let bench: ContainerBench
before(async () => {
  bench = await ContainerBench.start()
})
after(() => bench[Symbol.asyncDispose]())

const stop = (id: string, query: Record<string, string | number> = {}) =>
  bench.client.post(`/containers/${id}/stop`, undefined, query)
/** Prints the name of the signal that it gets, and ends with 7. */
const listening = (...signals: string[]) =>
  sh(
    `${signals.map(name => `trap "echo ${name}; exit 7" ${name}`).join('; ')}; echo ready; while :; do sleep 0.02; done`,
  )
const ready = async (id: string): Promise<void> => {
  while (!(await bench.logs(id)).stdout.includes('ready')) await new Promise(resolve => setTimeout(resolve, 10))
}

test('stop asks with SIGTERM and keeps the exit code; once more is 304', async () => {
  const id = await bench.run({ Cmd: listening('TERM') })
  await ready(id)
  const events = await bench.events(id, 3, async () => assert.equal((await stop(id)).status, 204))
  if (bench.isPeer) events.sort((a, b) => 'kill die stop'.indexOf(a.Action) - 'kill die stop'.indexOf(b.Action))
  assert.deepEqual(
    events.map(({ Action }) => Action),
    ['kill', 'die', 'stop'],
  )
  assert.equal(events[0]?.Actor.Attributes.signal, '15')
  assert.equal(events[1]?.Actor.Attributes.exitCode, '7')
  assert.match(events[1]?.Actor.Attributes.execDuration ?? '', /^\d+$/)
  const { State } = await bench.inspect(id)
  assert.deepEqual([State.Status, State.Running, State.Pid, State.ExitCode], ['exited', false, 0, 7])
  assert.equal((await stop(id)).status, 304)
  assert.equal((await bench.logs(id)).stdout, 'ready\nTERM\n')
  await bench.remove(id)
})

test('one that does not listen is killed when its time is over', async () => {
  const id = await bench.run({ Cmd: sh('trap "" TERM; echo ready; while :; do sleep 0.02; done') })
  await ready(id)
  const began = Date.now()
  const events = await bench.events(id, 4, async () => assert.equal((await stop(id, { t: 1 })).status, 204))
  const took = Date.now() - began
  assert.ok(took >= 990 && took < 5000, `${took} ms`)
  const told = events.map(({ Action, Actor }) => `${Action} ${Actor.Attributes.signal ?? ''}`.trim())
  assert.deepEqual(
    bench.isPeer ? told.toSorted() : told,
    bench.isPeer ? ['die', 'kill 15', 'kill 9', 'stop'] : ['kill 15', 'kill 9', 'die', 'stop'],
  )
  assert.equal((await bench.inspect(id)).State.ExitCode, 137)
  await bench.remove(id)
})

test("the signal is the request's, else the container's", async () => {
  const own = await bench.run({ Cmd: listening('TERM', 'USR1'), StopSignal: 'SIGUSR1' })
  await ready(own)
  await stop(own)
  assert.match((await bench.logs(own)).stdout, /USR1\n$/)
  const asked = await bench.run({ Cmd: listening('TERM', 'USR1', 'USR2'), StopSignal: 'SIGUSR1' })
  await ready(asked)
  assert.equal((await stop(asked, { signal: 'SIGUSR2' })).status, 204)
  assert.match((await bench.logs(asked)).stdout, /USR2\n$/)
  for (const id of [own, asked]) await bench.remove(id)
})

test("the time is the container's unless the request gives one", async () => {
  const id = await bench.run({ Cmd: sh('trap "" TERM; echo ready; while :; do sleep 0.02; done'), StopTimeout: 1 })
  await ready(id)
  const began = Date.now()
  await stop(id)
  assert.ok(Date.now() - began < 5000)
  await bench.remove(id)
})

test('stopping one that is paused', async () => {
  const id = await bench.run({ Cmd: IDLE })
  await bench.client.post(`/containers/${id}/pause`)
  assert.equal((await stop(id, { t: 5 })).status, 204)
  const { State } = await bench.inspect(id)
  // It heard the signal: a paused container is woken for it.
  assert.deepEqual([State.Status, State.ExitCode], ['exited', 0])
  await bench.remove(id)
})

test('what cannot be stopped', async () => {
  await bench.refused(stop('nobody'), 404, 'No such container: nobody')
  const id = await bench.create({})
  assert.equal((await stop(id)).status, 304)
  await bench.start(id)
  await bench.remove(id)
})

test('restart: another process, and every step is told', async () => {
  const id = await bench.run({ Cmd: IDLE })
  const { Pid } = (await bench.inspect(id)).State
  await bench.expectEvents(id, ['kill', 'die', 'stop', 'start', 'restart'], async () => {
    assert.equal((await bench.client.post(`/containers/${id}/restart`, undefined, { t: 1 })).status, 204)
  })
  const { State, RestartCount } = await bench.inspect(id)
  assert.deepEqual([State.Status, RestartCount], ['running', 0])
  assert.notEqual(State.Pid, Pid)
  await bench.remove(id)
})

test('restart of one that does not run starts it', async () => {
  const id = await bench.create({ Cmd: IDLE })
  await bench.expectEvents(id, ['start', 'restart'], () => bench.client.post(`/containers/${id}/restart`))
  assert.equal((await bench.inspect(id)).State.Running, true)
  await bench.remove(id)
})

test('restart of one that removes itself starts it; at its next end it goes', async () => {
  const id = await bench.run({ HostConfig: { AutoRemove: true } })
  const { Pid } = (await bench.inspect(id)).State
  assert.equal((await bench.client.post(`/containers/${id}/restart`, undefined, { t: 5 })).status, 204)
  const { State } = await bench.inspect(id)
  assert.ok(State.Running && State.Pid !== Pid)
  await bench.client.post(`/containers/${id}/stop`, undefined, { t: 5 })
  await until('the removal', async () => (await bench.client.get(`/containers/${id}/json`)).status === 404)
})
