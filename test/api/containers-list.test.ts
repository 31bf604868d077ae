// Listing: who is there, in which order, and through which filters.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ContainerBench, IDLE, sh } from '../harness/container-bench.ts'

let bench: ContainerBench
before(async () => {
  bench = await ContainerBench.start()
  volume = bench.name()
  created = await bench.create(
    { Labels: labels({ colour: 'red' }), HostConfig: { NetworkMode: 'none', Binds: [`${volume}:/data`] } },
    `${bench.name()}_created`,
  )
  failed = await bench.run({ Cmd: sh('exit 9'), Labels: labels({ colour: 'blue' }) }, `${bench.name()}_failed`)
  running = await bench.run({ Cmd: IDLE, Labels: labels(), ExposedPorts: { '81/tcp': {} } }, `${bench.name()}_running`)
  await bench.wait(failed)
})
after(() => bench[Symbol.asyncDispose]())

/** Only this file's containers: an engine may have others. */
const mark = `mark=${process.pid}`
const labels = (more: Record<string, string> = {}) => ({ mark: String(process.pid), ...more })
let running: string
let created: string
let failed: string
let volume: string

/** Which of the three a list shows, in its order. */
const shown = async (
  filters: Record<string, string[]>,
  query: Record<string, string | number> = { all: 1 },
): Promise<string[]> => {
  const names = new Map([
    [created, 'created'],
    [failed, 'failed'],
    [running, 'running'],
  ])
  const rows = await bench.list({ ...query, filters: { label: [mark], ...filters } })
  return rows.map(({ Id }) => names.get(Id) ?? Id)
}

test('those that run; with all=1 every one, the newest first', async () => {
  assert.deepEqual(await shown({}, {}), ['running'])
  assert.deepEqual(await shown({}), ['running', 'failed', 'created'])
})

test('a row', async () => {
  const [row] = await bench.list({ filters: { id: [running] } })
  const full = await bench.inspect(running)
  assert.ok(row)
  const { Id, Names, Image, ImageID, Command, Created, State, Status, Labels, HostConfig, Mounts, Ports } = row
  assert.deepEqual(
    { Id, Names, Image, ImageID, Created, State, Labels, HostConfig, Mounts, Ports },
    {
      Id: running,
      Names: [full.Name],
      Image: 'busybox',
      ImageID: full.Image,
      Created: Math.floor(Date.parse(full.Created) / 1000),
      State: 'running',
      Labels: labels(),
      HostConfig: { NetworkMode: 'none' },
      Mounts: [],
      Ports: [],
    },
  )
  assert.equal(Command, `sh -c '${IDLE[2]}'`)
  assert.match(Status, /^Up (Less than a second|\d+ seconds?)$/)
  assert.deepEqual(Object.keys(row.NetworkSettings.Networks), ['none'])
})

test('states as ps tells them', async () => {
  const texts = new Map(
    (await bench.list({ all: 1, filters: { label: [mark] } })).map(({ Id, State, Status }) => [Id, [State, Status]]),
  )
  assert.deepEqual(texts.get(created), ['created', 'Created'])
  assert.equal(texts.get(failed)?.[0], 'exited')
  assert.match(texts.get(failed)?.[1] ?? '', /^Exited \(9\) .* ago$/)
})

test('filters', async () => {
  const cases: readonly (readonly [Record<string, string[]>, string[]])[] = [
    [{ status: ['running'] }, ['running']],
    [{ status: ['exited', 'created'] }, ['failed', 'created']],
    [{ exited: ['9'] }, ['failed']],
    [{ exited: ['0'] }, []],
    [{ label: [mark, 'colour'] }, ['failed', 'created']],
    [{ label: [mark, 'colour=red'] }, ['created']],
    [{ label: [mark, 'colour=red', 'colour=blue'] }, []],
    [{ name: ['_failed$'] }, ['failed']],
    [{ name: ['_failed', '_created'] }, ['failed', 'created']],
    [{ id: [running.slice(0, 10)] }, ['running']],
    [{ ancestor: ['busybox'] }, ['running', 'failed', 'created']],
    [{ ancestor: ['busybox:latest'] }, ['running', 'failed', 'created']],
    [{ ancestor: ['nosuch'] }, []],
    [{ before: [running] }, ['failed', 'created']],
    [{ since: [created] }, ['running', 'failed']],
    [{ volume: [volume] }, ['created']],
    [{ volume: ['/data'] }, ['created']],
    [{ network: ['none'] }, ['running', 'failed', 'created']],
    [{ network: ['bridge'] }, []],
    [{ expose: ['81'] }, ['running']],
    [{ expose: ['80-82/tcp'] }, ['running']],
    [{ 'is-task': ['false'] }, ['running', 'failed', 'created']],
    [{ health: ['none'] }, ['running', 'failed', 'created']],
    [{ status: ['running'], exited: ['9'] }, []],
  ]
  for (const [filters, expected] of cases) {
    // Docker knows the exposed ports of what is on a network only.
    if (bench.isPeer && 'expose' in filters) continue
    assert.deepEqual(await shown(filters), expected, JSON.stringify(filters))
  }
})

test('filters that are none', async () => {
  const list = (filters: Record<string, string[]>) => bench.client.get('/containers/json', { filters })
  await bench.refused(list({ nonsense: ['x'] }), 400, "invalid filter 'nonsense'")
  await bench.refused(
    list({ status: ['tired'] }),
    400,
    "invalid filter 'status=tired': invalid value for state (tired): must be one of created, running, paused, restarting, removing, exited, dead",
  )
  await bench.refused(
    list({ health: ['x'] }),
    400,
    "invalid filter 'health=x': invalid value for health (x): must be one of none, starting, healthy, unhealthy",
  )
  await bench.refused(list({ before: ['nobody'] }), 404, 'No such container: nobody')
  await bench.refused(list({ 'is-task': ['x'] }), 400, "invalid filter 'is-task=[x]'")
  await bench.refused(
    list({ exited: ['x'] }),
    400,
    `invalid filter 'exited=x': strconv.Atoi: parsing "x": invalid syntax`,
  )
})

test('the newest so many, running or not', async () => {
  const ids = (await bench.list({ limit: 2, filters: { label: [mark] } })).map(({ Id }) => Id)
  assert.deepEqual(ids, [running, failed])
})

test('sizes when asked for', async () => {
  const [plain] = await bench.list({ all: 1, filters: { id: [failed] } })
  assert.ok(!('SizeRw' in (plain ?? {})))
  await bench.exec(running, sh('head -c 100000 /dev/zero > /file'))
  const [sized] = await bench.list({ size: 1, filters: { id: [running] } })
  assert.ok((sized?.SizeRw ?? 0) >= 100_000 && (sized?.SizeRw ?? 0) < 200_000, String(sized?.SizeRw))
  assert.ok((sized?.SizeRootFs ?? 0) > (sized?.SizeRw ?? 0))
})
