// Volumes over the API: status, body, events, and what containers find in them. With TARE_TEST_PEER the same is asked of Docker.
import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { type EngineUnderTest, engineUnderTest } from '../harness/engine-under-test.ts'
import { expectStatus } from '../harness/http-client.ts'

type Volume = {
  Name: string
  Driver: string
  Mountpoint: string
  Labels: Record<string, string> | null
  Options: Record<string, string> | null
  Scope: string
  CreatedAt: string
}
type Message = { message: string }
type List = { Volumes: Volume[]; Warnings: null }

let engine: EngineUnderTest

before(async () => {
  engine = await engineUnderTest()
})
after(() => engine[Symbol.asyncDispose]())

afterEach(async () => {
  const { body } = await engine.client.get<{ Id: string }[]>('/containers/json', { all: 1 })
  for (const { Id } of body) await engine.client.delete(`/containers/${Id}`, { force: 1, v: 1 })
  for (const { Name } of (await engine.client.get<List>('/volumes')).body.Volumes) {
    await engine.client.delete(`/volumes/${Name}`, { force: 1 })
  }
})

const create = async (body: object): Promise<Volume> =>
  expectStatus(await engine.client.post<Volume>('/volumes/create', body), 201)

/** Runs a container to its end; gives its exit code. */
const run = async (cmd: string, binds: readonly string[]): Promise<{ id: string; code: number }> => {
  const body = { Image: 'busybox', Cmd: ['sh', '-c', cmd], HostConfig: { Binds: binds, NetworkMode: 'none' } }
  const { Id } = expectStatus(await engine.client.post<{ Id: string }>('/containers/create', body), 201)
  expectStatus(await engine.client.post(`/containers/${Id}/start`), 204)
  const { StatusCode } = (await engine.client.post<{ StatusCode: number }>(`/containers/${Id}/wait`)).body
  return { id: Id, code: StatusCode }
}

/** What happened to volumes since the moment, in seconds. */
const told = async (since: number): Promise<string[]> => {
  const until = Date.now() / 1000
  const { text } = await engine.client.get('/events', { since, until, filters: { type: ['volume'] } })
  return text
    .trim()
    .split('\n')
    .filter(Boolean)
    .map(line => {
      const { Action, Actor } = JSON.parse(line) as { Action: string; Actor: { ID: string } }
      return `${Action} ${Actor.ID}`
    })
}

test('create, inspect, list, remove', async () => {
  const since = Date.now() / 1000
  const made = await create({ Name: 'data', Labels: { team: 'a' } })
  assert.deepEqual([made.Name, made.Driver, made.Scope, made.Labels], ['data', 'local', 'local', { team: 'a' }])
  assert.match(made.Mountpoint, /\/volumes\/data\/_data$/)
  assert.deepEqual(await create({ Name: 'data' }), made)
  assert.deepEqual(expectStatus(await engine.client.get<Volume>('/volumes/data'), 200), made)
  assert.deepEqual(expectStatus(await engine.client.get<List>('/volumes'), 200), { Volumes: [made], Warnings: null })
  expectStatus(await engine.client.delete('/volumes/data'), 204)
  const { status, body } = await engine.client.get<Message>('/volumes/data')
  assert.deepEqual([status, body.message], [404, 'get data: no such volume'])
  assert.deepEqual(await told(since), ['create data', 'destroy data'])
})

test('what is written in one container is there for the next', async () => {
  assert.equal((await run('echo kept > /data/file', ['shared:/data'])).code, 0)
  assert.equal((await run('test "$(cat /data/file)" = kept', ['shared:/data:ro'])).code, 0)
  assert.notEqual((await run('echo x > /data/file', ['shared:/data:ro'])).code, 0)
})

test('a volume that a container has is not removed', async () => {
  const { id } = await run('true', ['busy:/data'])
  const { status, body } = await engine.client.delete<Message>('/volumes/busy', { force: 1 })
  assert.deepEqual([status, body.message], [409, `remove busy: volume is in use - [${id}]`])
  expectStatus(await engine.client.delete(`/containers/${id}`), 204)
  expectStatus(await engine.client.delete('/volumes/busy'), 204)
})

test('requests that make no sense', async () => {
  const refused = async (body: object, wanted: number, message: string) => {
    const answer = await engine.client.post<Message>('/volumes/create', body)
    assert.deepEqual([answer.status, answer.body.message], [wanted, message])
  }
  const rule =
    'includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path'
  await refused({ Name: 'a/b' }, 400, `create a/b: "a/b" ${rule}`)
  await refused({ Name: 'vv', DriverOpts: { c: 'd' } }, 400, 'create vv: invalid option: "c"')
  await refused({ Name: 'vv', DriverOpts: { type: 'none' } }, 400, 'create vv: missing required option: "device"')
  for (const filters of [{ a: ['b'] }, { dangling: ['maybe'] }]) {
    assert.equal((await engine.client.get('/volumes', { filters })).status, 400)
  }
  assert.deepEqual((await engine.client.get<List>('/volumes')).body.Volumes, [])
})

test('a prune takes what nobody has: anonymous volumes, and named ones when asked', async () => {
  await create({ Name: 'named' })
  const anonymous = (await create({})).Name
  assert.match(anonymous, /^[0-9a-f]{64}$/)
  const { id } = await run('true', ['used:/data'])
  type Pruned = { VolumesDeleted: string[] }
  const first = expectStatus(await engine.client.post<Pruned>('/volumes/prune'), 200)
  assert.deepEqual(first.VolumesDeleted, [anonymous])
  const second = expectStatus(
    await engine.client.post<Pruned>('/volumes/prune', undefined, { filters: { all: ['true'] } }),
    200,
  )
  assert.deepEqual(second.VolumesDeleted, ['named'])
  expectStatus(await engine.client.delete(`/containers/${id}`), 204)
})

test('anonymous volumes go with their container when that is asked', async () => {
  const body = { Image: 'busybox', Cmd: ['true'], Volumes: { '/data': {} } }
  const { Id } = expectStatus(await engine.client.post<{ Id: string }>('/containers/create', body), 201)
  const before = (await engine.client.get<List>('/volumes', { filters: { dangling: ['false'] } })).body.Volumes
  assert.equal(before.length, 1)
  expectStatus(await engine.client.delete(`/containers/${Id}`, { v: 1 }), 204)
  assert.deepEqual((await engine.client.get<List>('/volumes')).body.Volumes, [])
})
