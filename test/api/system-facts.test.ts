// What an engine says of itself, and the errors that are the same for every resource. With TARE_TEST_PEER the same is asked of Docker.
import assert from 'node:assert/strict'
import { cpus, hostname, totalmem } from 'node:os'
import { after, afterEach, before, test } from 'node:test'
import { type EngineUnderTest, engineUnderTest } from '../harness/engine-under-test.ts'
import { expectStatus } from '../harness/http-client.ts'

type Message = { message: string }

let engine: EngineUnderTest
const isTare = process.env.TARE_TEST_PEER === undefined

before(async () => {
  engine = await engineUnderTest()
})
after(() => engine[Symbol.asyncDispose]())
afterEach(async () => {
  const { body } = await engine.client.get<{ Id: string }[]>('/containers/json', { all: 1 })
  for (const { Id } of body) await engine.client.delete(`/containers/${Id}`, { force: 1 })
})

const create = async (cmd: readonly string[]): Promise<string> => {
  const body = { Image: 'busybox', Cmd: cmd, HostConfig: { NetworkMode: 'none' } }
  return expectStatus(await engine.client.post<{ Id: string }>('/containers/create', body), 201).Id
}

test('ping', async () => {
  const { status, headers, text } = await engine.client.get('/_ping')
  assert.deepEqual([status, text, headers.ostype, headers.swarm], [200, 'OK', 'linux', 'inactive'])
  assert.match(String(headers['api-version']), /^1\.\d\d$/)
  assert.equal((await engine.client.request('HEAD', '/_ping')).status, 200)
})

test('info counts what is there', async () => {
  type Info = Record<string, unknown>
  const info = async () => expectStatus(await engine.client.get<Info>('/info'), 200)
  const idle = await info()
  assert.deepEqual([idle.Containers, idle.Images, idle.Driver, idle.OSType], [0, 1, 'overlay2', 'linux'])
  assert.deepEqual([idle.NCPU, idle.MemTotal, idle.Name], [cpus().length, totalmem(), hostname()])
  assert.deepEqual([idle.DefaultRuntime, (idle.Swarm as Info).LocalNodeState], ['runc', 'inactive'])
  const id = await create(['sleep', '60'])
  assert.deepEqual([(await info()).Containers, (await info()).ContainersStopped], [1, 1])
  expectStatus(await engine.client.post(`/containers/${id}/start`), 204)
  assert.deepEqual([(await info()).ContainersRunning, (await info()).ContainersStopped], [1, 0])
  assert.equal((await info()).ID, idle.ID)
})

test('version names the parts', async () => {
  type Version = {
    ApiVersion: string
    MinAPIVersion: string
    Os: string
    Components: { Name: string; Version: string }[]
  }
  const version = expectStatus(await engine.client.get<Version>('/version'), 200)
  assert.deepEqual([version.MinAPIVersion, version.Os], ['1.24', 'linux'])
  const names = version.Components.map(({ Name }) => Name)
  for (const name of ['Engine', 'runc']) assert.ok(names.includes(name), name)
  assert.ok(version.Components.every(component => component.Version !== ''))
})

test('disk usage', async () => {
  type Usage = { LayersSize: number; Images: { Size: number }[]; Containers: unknown[]; Volumes: unknown[] }
  const usage = expectStatus(await engine.client.get<Usage>('/system/df'), 200)
  assert.equal(usage.Images.length, 1)
  assert.equal(usage.LayersSize, usage.Images[0]?.Size)
  assert.deepEqual([usage.Containers, usage.Volumes], [[], []])
  const { status, body } = await engine.client.get<Message>('/system/df', { type: 'foo' })
  assert.deepEqual([status, body.message], [400, 'unknown object type: foo'])
})

test('events: the life of a container, in order, and only what was asked for', async () => {
  const since = Date.now() / 1000
  const id = await create(['true'])
  expectStatus(await engine.client.post(`/containers/${id}/start`), 204)
  await engine.client.post(`/containers/${id}/wait`)
  expectStatus(await engine.client.delete(`/containers/${id}`), 204)
  // What happened in this very millisecond is meant, too.
  const asked = async (filters: object) => {
    const { text } = await engine.client.get('/events', { since, until: Date.now() / 1000 + 0.001, filters })
    return text
      .trim()
      .split('\n')
      .filter(Boolean)
      .map(line => JSON.parse(line) as { Action: string; Actor: { ID: string; Attributes: Record<string, string> } })
  }
  const events = await asked({ container: [id], type: ['container'] })
  assert.deepEqual(
    events.map(({ Action }) => Action),
    ['create', 'start', 'die', 'destroy'],
  )
  assert.ok(events.every(({ Actor }) => Actor.ID === id && Actor.Attributes.image === 'busybox'))
  const died = await asked({ event: ['die'] })
  assert.deepEqual(
    died.map(({ Actor }) => Actor.Attributes.exitCode),
    ['0'],
  )
})

test('a listener hears what happens while it listens', async () => {
  const stream = await engine.client.stream('GET', '/events', {
    query: { filters: { event: ['create'], type: ['container'] } },
  })
  assert.equal(stream.statusCode, 200)
  const heard = (async () => {
    for await (const chunk of stream) return JSON.parse(String(chunk)) as { Actor: { ID: string }; timeNano: number }
    throw new Error('the stream ended')
  })()
  const id = await create(['true'])
  const event = await heard
  stream.destroy()
  assert.equal(event.Actor.ID, id)
  assert.equal(typeof event.timeNano, 'number')
})

test('versions that are not spoken, routes that are not there', async () => {
  const { status, body } = await engine.client.get<Message>('/v1.99/info')
  assert.equal(status, 400)
  assert.match(body.message, /^client version 1\.99 is too new\. Maximum supported API version is 1\.\d\d$/)
  const old = await engine.client.get('/v1.10/info')
  assert.equal(old.status, 400)
  assert.match(old.text, /^client version 1\.10 is too old\. Minimum supported API version is 1\.24, please upgrade/)
  for (const path of ['/nope', '/v1.44/containers/x/nope']) {
    const missing = await engine.client.get<Message>(path)
    assert.deepEqual([missing.status, missing.body.message], [404, 'page not found'])
  }
})

test('swarm is off', async () => {
  for (const path of ['/swarm', '/services', '/nodes', '/tasks', '/secrets', '/configs']) {
    const { status, body } = await engine.client.get<Message>(path)
    assert.equal(status, 503, path)
    assert.match(body.message, /^This node is not a swarm manager\./)
  }
  assert.deepEqual((await engine.client.get('/plugins')).body, [])
})

test('bodies and queries that make no sense', async () => {
  const refused = async (path: string, body: string | undefined, status: number, message: string) => {
    const headers: Record<string, string> = body === undefined ? {} : { 'Content-Type': 'application/json' }
    const answer = await engine.client.request<Message>('POST', path, { body, headers })
    assert.deepEqual([answer.status, answer.body.message], [status, message])
  }
  await refused('/containers/create', undefined, 400, 'invalid JSON: got EOF while reading request body')
  await refused('/containers/create', '{', 400, 'invalid JSON: unexpected EOF')
  await refused('/containers/create', '{}x', 400, 'unexpected content after JSON')
  await refused('/containers/create', 'null', 400, 'config cannot be empty in order to create a container')
  await refused('/containers/nope/wait?condition=foo', undefined, 400, 'invalid condition: "foo"')
  await refused('/containers/nope/resize?h=1&w=x', undefined, 400, 'invalid resize width "x": invalid syntax')
  await refused('/containers/nope/rename', undefined, 400, 'Neither old nor new names may be empty')
  await refused('/containers/nope/exec', '{}', 400, 'No exec command specified')
  await refused('/containers/nope/stop?t=abc', undefined, 500, 'strconv.Atoi: parsing "abc": invalid syntax')
  for (const path of ['/containers/json', '/images/json', '/volumes', '/networks']) {
    assert.match((await engine.client.get<Message>(path, { filters: 'x' })).body.message, /invalid filter$/)
    assert.equal((await engine.client.get<Message>(path, { filters: { a: ['b'] } })).body.message, "invalid filter 'a'")
  }
})

test('the networks that are always there', async () => {
  type Network = { Name: string; Driver: string; Id: string; Containers: object }
  const networks = expectStatus(await engine.client.get<Network[]>('/networks'), 200)
  assert.deepEqual(networks.map(({ Name, Driver }) => `${Name} ${Driver}`).sort(), [
    'bridge bridge',
    'host host',
    'none null',
  ])
  const named = await engine.client.get<Network[]>('/networks', { filters: { name: ['bri'] } })
  assert.deepEqual(
    named.body.map(({ Name }) => Name),
    ['bridge'],
  )
  const { status, body } = await engine.client.delete<Message>('/networks/bridge')
  assert.deepEqual([status, body.message], [403, 'bridge is a pre-defined network and cannot be removed'])
  assert.equal((await engine.client.get<Message>('/networks/nope')).body.message, 'network nope not found')
})

test('what is not there yet says so', { skip: isTare ? false : 'Docker has it' }, async () => {
  const id = await create(['true'])
  for (const path of [`/containers/${id}/stats`, `/containers/${id}/changes`, `/containers/${id}/archive`]) {
    const { status, body } = await engine.client.get<Message>(path, { path: '/' })
    assert.equal(status, 501, path)
    assert.match(body.message, /not supported by Tare yet$/)
  }
  assert.equal((await engine.client.get('/containers/nope/stats')).status, 404)
})
