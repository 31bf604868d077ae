// top, resize and prune.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ContainerPruneResponse, ContainerTop } from '../../src/api/container.ts'
import { ContainerBench, sh } from '../harness/container-bench.ts'
import { expectStatus } from '../harness/http-client.ts'

let bench: ContainerBench
before(async () => {
  bench = await ContainerBench.start()
})
after(() => bench[Symbol.asyncDispose]())

const top = (id: string, ps_args?: string) => bench.client.get<ContainerTop>(`/containers/${id}/top`, { ps_args })

test("top: the container's processes and nobody else's, with the host's numbers", async context => {
  if (bench.isPeer) return context.skip('the peer may have no ps(1)')
  const id = await bench.run({ Cmd: sh('sleep 601 & sleep 602 & wait') })
  const { Titles, Processes } = expectStatus(await top(id), 200)
  assert.deepEqual(Titles, ['UID', 'PID', 'PPID', 'C', 'STIME', 'TTY', 'TIME', 'CMD'])
  assert.deepEqual(Processes.map(row => row.at(-1)).sort(), [
    'sh -c sleep 601 & sleep 602 & wait',
    'sleep 601',
    'sleep 602',
  ])
  const { Pid } = (await bench.inspect(id)).State
  assert.ok(Processes.some(row => row[1] === String(Pid)))
  const own = expectStatus(await top(id, '-eo pid,comm'), 200)
  assert.deepEqual(own.Titles, ['PID', 'COMMAND'])
  assert.equal(own.Processes.length, 3)
  await bench.refused(top(id, '-eo comm'), 500, /Couldn't find PID field in ps output/)
  await bench.remove(id)
})

test('top of one that does not run', async () => {
  const id = await bench.create({})
  await bench.refused(top(id), 409, `container ${id} is not running`)
  await bench.refused(top('nobody'), 404, 'No such container: nobody')
  await bench.remove(id)
})

test('resize changes the terminal and tells its process', async () => {
  const id = await bench.create({
    Cmd: sh('trap "stty size" WINCH; echo ready; while :; do sleep 0.02; done'),
    Tty: true,
    OpenStdin: true,
  })
  using stream = await bench.attach(id, undefined, true)
  await bench.start(id)
  await stream.until('ready', ({ stdout }) => stdout.includes('ready'))
  const resize = (h: string | number, w: string | number) =>
    bench.client.post(`/containers/${id}/resize`, undefined, { h, w })
  assert.equal((await resize(44, 111)).status, 200)
  await stream.until('the size', ({ stdout }) => stdout.includes('44 111'))
  await bench.refused(resize('x', 1), 400, /invalid/)
  await bench.remove(id)
})

test('resize of one that does not run', async () => {
  const id = await bench.create({ Tty: true })
  await bench.refused(
    bench.client.post(`/containers/${id}/resize`, undefined, { h: 1, w: 1 }),
    409,
    `container ${id} is not running`,
  )
  await bench.remove(id)
})

test('prune removes what does not run, of what the filters name', async () => {
  const label = bench.name()
  const Labels = { [label]: 'yes' }
  const prune = (filters: Record<string, string[]>) =>
    bench.client.post<ContainerPruneResponse>('/containers/prune', undefined, { filters })
  const [created, ended, kept, running] = [
    await bench.create({ Labels }),
    await bench.run({ Labels, Cmd: sh('head -c 50000 /dev/zero > /file') }),
    await bench.create({ Labels: { ...Labels, keep: '1' } }),
    await bench.run({ Labels }),
  ]
  await bench.wait(ended)
  assert.deepEqual(expectStatus(await prune({ label: [label], until: ['1h'] }), 200).ContainersDeleted ?? [], [])
  const { ContainersDeleted, SpaceReclaimed } = expectStatus(await prune({ label: [label], 'label!': ['keep'] }), 200)
  assert.deepEqual([...ContainersDeleted].sort(), [created, ended].sort())
  assert.ok(SpaceReclaimed >= 50_000 && SpaceReclaimed < 100_000, String(SpaceReclaimed))
  const left = await bench.list({ all: 1, filters: { label: [label] } })
  assert.deepEqual(left.map(({ Id }) => Id).sort(), [kept, running].sort())
  await bench.refused(prune({ nonsense: ['x'] }), 400, "invalid filter 'nonsense'")
  await bench.refused(prune({ until: ['x'] }), 400, 'failed to parse value as time or duration: "x"')
  await bench.refused(prune({ until: ['1h', '2h'] }), 400, 'more than one until filter specified')
  for (const id of [kept, running]) await bench.remove(id)
})
