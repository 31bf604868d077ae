// Restart policies: who comes back, how often, and who does not.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ContainerBench, IDLE, sh } from '../harness/container-bench.ts'
import { TestDaemon, until } from '../harness/daemon.ts'
import { expectStatus } from '../harness/http-client.ts'

let bench: ContainerBench
before(async () => {
  bench = await ContainerBench.start()
})
after(() => bench[Symbol.asyncDispose]())

const policy = (Name: string, MaximumRetryCount = 0) => ({
  NetworkMode: 'none',
  RestartPolicy: { Name, MaximumRetryCount },
})
const runs = async (id: string): Promise<number> => (await bench.logs(id)).stdout.split('\n').length - 1
const state = async (id: string) => {
  const { State, RestartCount } = await bench.inspect(id)
  return { status: State.Status, code: State.ExitCode, restarts: RestartCount }
}

test('on-failure:2 is three runs', async () => {
  const id = await bench.run({ Cmd: sh('echo run; exit 3'), HostConfig: policy('on-failure', 2) })
  await until('the last run', async () => (await state(id)).status === 'exited')
  assert.deepEqual(await state(id), { status: 'exited', code: 3, restarts: 2 })
  assert.equal(await runs(id), 3)
  await bench.remove(id)
})

test('on-failure leaves alone what worked', async () => {
  const id = await bench.run({ Cmd: sh('echo run; exit 0'), HostConfig: policy('on-failure') })
  assert.equal(await bench.wait(id), 0)
  await new Promise(resolve => setTimeout(resolve, 200))
  assert.deepEqual([await state(id), await runs(id)], [{ status: 'exited', code: 0, restarts: 0 }, 1])
  await bench.remove(id)
})

test('always comes back, is told of each time, and stays away when it is stopped', async () => {
  const id = await bench.create({
    Cmd: sh('echo run; test -e /again && exec sleep 600; touch /again'),
    HostConfig: policy('always'),
  })
  await bench.expectEvents(id, ['start', 'die', 'start'], () => bench.start(id))
  await until('the second run', async () => (await runs(id)) === 2)
  assert.deepEqual(await state(id), { status: 'running', code: 0, restarts: 1 })
  assert.equal((await bench.client.post(`/containers/${id}/stop`, undefined, { t: 0 })).status, 204)
  await new Promise(resolve => setTimeout(resolve, 250))
  assert.equal((await state(id)).status, 'exited')
  await bench.start(id)
  assert.deepEqual(await state(id), { status: 'running', code: 0, restarts: 0 })
  await bench.remove(id)
})

test('one that the user killed is not brought back', async () => {
  const id = await bench.run({ Cmd: IDLE, HostConfig: policy('unless-stopped') })
  await bench.client.post(`/containers/${id}/kill`)
  await bench.wait(id)
  await new Promise(resolve => setTimeout(resolve, 250))
  assert.equal((await state(id)).status, 'exited')
  await bench.remove(id)
})

test('one whose process was killed by somebody else is', async () => {
  const id = await bench.run({ Cmd: IDLE, HostConfig: policy('unless-stopped') })
  const { Pid } = (await bench.inspect(id)).State
  process.kill(Pid, 'SIGKILL')
  await until('another process', async () => {
    const { State } = await bench.inspect(id)
    return State.Status === 'running' && State.Pid !== Pid
  })
  assert.equal((await state(id)).restarts, 1)
  await bench.remove(id)
})

test('while it waits for its next start it is restarting, can be stopped, and can be removed', async () => {
  const make = () => bench.run({ Cmd: sh('exit 1'), HostConfig: policy('always') })
  const waiting = async (id: string) => until('the wait', async () => (await state(id)).status === 'restarting')
  const [stopped, removed] = [await make(), await make()]
  for (const id of [stopped, removed]) await waiting(id)
  const { State } = await bench.inspect(stopped)
  if (State.Status === 'restarting') assert.deepEqual([State.Running, State.Restarting, State.Pid], [true, true, 0])
  assert.equal((await bench.client.post(`/containers/${stopped}/stop`)).status, 204)
  assert.equal((await state(stopped)).status, 'exited')
  assert.equal((await bench.client.delete(`/containers/${removed}`, { force: 1 })).status, 204)
  await bench.remove(stopped)
})

test('a daemon that starts brings back what was stopped under always, and not under unless-stopped', async () => {
  await using daemon = await TestDaemon.start()
  const { client } = daemon
  for (const name of ['always', 'unless-stopped']) {
    const body = { Image: 'busybox', Cmd: IDLE, HostConfig: policy(name) }
    expectStatus(await client.post('/containers/create', body, { name }), 201)
    expectStatus(await client.post(`/containers/${name}/start`), 204)
    expectStatus(await client.post(`/containers/${name}/stop`, undefined, { t: 5 }), 204)
  }
  await daemon.restart()
  const status = async (name: string) =>
    expectStatus(await client.get<{ State: { Status: string } }>(`/containers/${name}/json`), 200).State.Status
  await until('the start', async () => (await status('always')) === 'running')
  assert.equal(await status('unless-stopped'), 'exited')
  for (const name of ['always', 'unless-stopped'])
    expectStatus(await client.delete(`/containers/${name}`, { force: 1 }), 204)
})
