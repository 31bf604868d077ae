// Pausing: the processes stand still, as the kernel shows.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ContainerBench, cgroupValue, sh } from '../harness/container-bench.ts'
import { until } from '../harness/daemon.ts'

let bench: ContainerBench
before(async () => {
  bench = await ContainerBench.start()
})
after(() => bench[Symbol.asyncDispose]())

const post = (id: string, verb: string) => bench.client.post(`/containers/${id}/${verb}`)

test('pause and unpause: state, events, and a process that does nothing meanwhile', async () => {
  const id = await bench.run({ Cmd: sh('i=0; while :; do i=$((i + 1)); echo $i; sleep 0.01; done') })
  await until('the first lines', async () => (await bench.logs(id)).stdout.length > 4)
  await bench.expectEvents(id, ['pause'], async () => assert.equal((await post(id, 'pause')).status, 204))
  const { State } = await bench.inspect(id)
  assert.deepEqual([State.Status, State.Running, State.Paused], ['paused', true, true])
  assert.match(cgroupValue(State.Pid, 'freezer', 'freezer.state', 'cgroup.freeze'), /^(FROZEN|1)$/)
  const before = (await bench.logs(id)).stdout
  await new Promise(resolve => setTimeout(resolve, 100))
  assert.equal((await bench.logs(id)).stdout, before)
  const [row] = await bench.list({ filters: { id: [id] } })
  assert.match(row?.Status ?? '', /^Up .* \(Paused\)$/)

  await bench.expectEvents(id, ['unpause'], async () => assert.equal((await post(id, 'unpause')).status, 204))
  await until('it to go on', async () => (await bench.logs(id)).stdout.length > before.length)
  assert.equal((await bench.inspect(id)).State.Status, 'running')
  await bench.remove(id)
})

test('what cannot be paused or unpaused', async () => {
  const id = await bench.create({})
  await bench.refused(post(id, 'pause'), 409, `container ${id} is not running`)
  await bench.refused(post(id, 'unpause'), 409, `Container ${id} is not paused`)
  const running = await bench.run()
  await bench.refused(post(running, 'unpause'), 409, `Container ${running} is not paused`)
  await post(running, 'pause')
  await bench.refused(post(running, 'pause'), 409, `Container ${running} is already paused`)
  await bench.refused(post(running, 'start'), 409, 'cannot start a paused container, try unpause instead')
  await bench.refused(
    bench.client.post(`/containers/${running}/exec`, { Cmd: ['true'] }),
    409,
    `Container ${running} is paused, unpause the container before exec`,
  )
  await bench.refused(post('nobody', 'pause'), 404, 'No such container: nobody')
  for (const one of [id, running]) await bench.remove(one)
})
