// Removing: what may be removed, what goes with it, and what stays.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { ContainerBench, IDLE, sh } from '../harness/container-bench.ts'

let bench: ContainerBench
before(async () => {
  bench = await ContainerBench.start()
})
after(() => bench[Symbol.asyncDispose]())

const remove = (id: string, query: Record<string, string | number> = {}) =>
  bench.client.delete(`/containers/${id}`, query)
const gone = async (id: string) => assert.equal((await bench.client.get(`/containers/${id}/json`)).status, 404)

test('one that was never started, one that has ended', async () => {
  const created = await bench.create({})
  await bench.expectEvents(created, ['destroy'], async () => assert.equal((await remove(created)).status, 204))
  const ended = await bench.run({ Cmd: sh('echo x > /file') })
  await bench.wait(ended)
  const { LogPath } = await bench.inspect(ended)
  assert.ok(existsSync(LogPath))
  assert.equal((await remove(ended)).status, 204)
  assert.ok(!existsSync(LogPath))
  for (const id of [created, ended]) await gone(id)
})

test('one that runs only by force, which kills it', async () => {
  const name = bench.name()
  const id = await bench.run({ Cmd: IDLE }, name)
  const { Pid } = (await bench.inspect(id)).State
  await bench.refused(
    remove(name),
    409,
    `cannot remove container "${name}": container is running: stop the container before removing or force remove`,
  )
  assert.equal((await bench.inspect(id)).State.Running, true)
  await bench.expectEvents(id, ['kill', 'die', 'destroy'], async () =>
    assert.equal((await remove(id, { force: 1 })).status, 204),
  )
  assert.ok(!existsSync(`/proc/${Pid}`))
  await gone(id)
})

test('one that is paused', async () => {
  const name = bench.name()
  const id = await bench.run({ Cmd: IDLE }, name)
  await bench.client.post(`/containers/${id}/pause`)
  await bench.refused(
    remove(name),
    409,
    `cannot remove container "${name}": container is paused and must be unpaused first`,
  )
  assert.equal((await remove(id, { force: 1 })).status, 204)
  await gone(id)
})

test('one that is not there', async () => {
  await bench.refused(remove('nobody'), 404, 'No such container: nobody')
})

test('its own volumes go with it when asked; named ones stay', async () => {
  const volume = bench.name()
  const make = () =>
    bench.create({
      Cmd: ['true'],
      Volumes: { '/own': {} },
      HostConfig: { NetworkMode: 'none', Binds: [`${volume}:/named`] },
    })
  const ownVolume = async (id: string) =>
    (await bench.inspect(id)).Mounts.find(({ Destination }) => Destination === '/own')?.Name ?? ''
  const exists = async (name: string) => (await bench.client.get(`/volumes/${name}`)).status === 200
  const [first, second] = [await make(), await make()]
  const [kept, taken] = [await ownVolume(first), await ownVolume(second)]
  assert.notEqual(kept, taken)
  assert.equal((await remove(first)).status, 204)
  assert.equal((await remove(second, { v: 1 })).status, 204)
  assert.deepEqual([await exists(kept), await exists(taken), await exists(volume)], [true, false, true])
  for (const name of [kept, volume]) assert.equal((await bench.client.delete(`/volumes/${name}`)).status, 204)
})

test('a name is free again at once', async () => {
  const name = bench.name()
  const first = await bench.run({ Cmd: IDLE }, name)
  await bench.remove(name)
  const second = await bench.run({ Cmd: IDLE }, name)
  assert.notEqual(first, second)
  await bench.remove(name)
})

test('removed by two at once, one of them hears that it is gone or going', async () => {
  const id = await bench.run({ Cmd: IDLE })
  const statuses = (await Promise.all([remove(id, { force: 1 }), remove(id, { force: 1 })]))
    .map(({ status }) => status)
    .sort()
  assert.equal(statuses[0], 204)
  assert.ok([204, 404, 409].includes(statuses[1] ?? 0), String(statuses))
  await gone(id)
})

test('removed by force at any moment of its start, nothing of it stays', async () => {
  for (let delay = 0; delay < 60; delay += 6) {
    const id = await bench.create({ Cmd: IDLE, HostConfig: { NetworkMode: bench.isPeer ? 'none' : 'bridge' } })
    const starting = bench.client.post(`/containers/${id}/start`)
    await new Promise(resolve => setTimeout(resolve, delay))
    const removed = await remove(id, { force: 1 })
    assert.equal(removed.status, 204, removed.text)
    const { status, text } = await starting
    assert.ok([204, 404, 409, 500].includes(status), `${status} ${text}`)
    await gone(id)
  }
})

test('stopped at any moment of its start, it is stopped or runs, and knows which', async () => {
  for (let delay = 0; delay < 60; delay += 10) {
    const id = await bench.create({ Cmd: IDLE })
    const starting = bench.client.post(`/containers/${id}/start`)
    await new Promise(resolve => setTimeout(resolve, delay))
    const stopped = await bench.client.post(`/containers/${id}/stop`, undefined, { t: 0 })
    assert.ok([204, 304].includes(stopped.status), stopped.text)
    assert.equal((await starting).status, 204)
    const { Running, Pid } = (await bench.inspect(id)).State
    assert.equal(existsSync(`/proc/${Pid}`) && Pid > 0, Running)
    await bench.remove(id)
  }
})
