// What users get wrong every day: Docker's status, Docker's words, and nothing half-made.
import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:net'
import { after, afterEach, before, test } from 'node:test'
import { type EngineUnderTest, engineUnderTest } from '../harness/engine-under-test.ts'
import { freePort } from '../harness/port.ts'

type Message = { message: string }

let daemon: EngineUnderTest
before(async () => {
  daemon = await engineUnderTest()
})
after(() => daemon[Symbol.asyncDispose]())

afterEach(async () => {
  const { body } = await daemon.client.get<{ Id: string }[]>('/containers/json', { all: 1 })
  for (const { Id } of body) await daemon.client.delete(`/containers/${Id}`, { force: 1 })
})

const create = (name: string, body: object) =>
  daemon.client.post<{ Id: string }>('/containers/create', { Image: 'busybox', ...body }, { name })

const publish = (port: number) => ({
  Cmd: ['sleep', '600'],
  ExposedPorts: { '80/tcp': {} },
  HostConfig: { PortBindings: { '80/tcp': [{ HostPort: String(port) }] } },
})

const connectivity = (name: string, reason: string) =>
  new RegExp(
    `^failed to set up container networking: driver failed programming external connectivity on endpoint ${name} \\([0-9a-f]{64}\\): ${reason}$`,
  )

const assertNotStarted = async (name: string, status = 'created') => {
  const { body } = await daemon.client.get<{ State: { Status: string; Pid: number } }>(`/containers/${name}/json`)
  assert.deepEqual({ status: body.State.Status, pid: body.State.Pid }, { status, pid: 0 })
}

test('an unknown image', async () => {
  const { status, body } = await daemon.client.post<Message>('/containers/create', { Image: 'nowhere:1' })
  assert.deepEqual({ status, message: body.message }, { status: 404, message: 'No such image: nowhere:1' })
})

test('a name that is taken', async () => {
  const first = await create('taken', {})
  const { status, body } = await daemon.client.post<Message>(
    '/containers/create',
    { Image: 'busybox' },
    { name: 'taken' },
  )
  assert.equal(status, 409)
  assert.equal(
    body.message,
    `Conflict. The container name "/taken" is already in use by container "${first.body.Id}". You have to remove (or rename) that container to be able to reuse that name.`,
  )
})

test('a name that is none', async () => {
  const { status, body } = await daemon.client.post<Message>(
    '/containers/create',
    { Image: 'busybox' },
    { name: 'not/one' },
  )
  assert.equal(status, 400)
  assert.match(body.message, /^Invalid container name \(not\/one\), only \[a-zA-Z0-9\]\[a-zA-Z0-9_.-\] are allowed$/)
})

test('a port that another container has', async () => {
  const port = await freePort()
  await create('first', publish(port))
  assert.equal((await daemon.client.post('/containers/first/start')).status, 204)
  await create('second', publish(port))
  const { status, body } = await daemon.client.post<Message>('/containers/second/start')
  assert.equal(status, 500)
  assert.match(body.message, connectivity('second', `Bind for 0\\.0\\.0\\.0:${port} failed: port is already allocated`))
  await assertNotStarted('second')
  await daemon.client.delete('/containers/first', { force: 1 })
  assert.equal((await daemon.client.post('/containers/second/start')).status, 204, 'once it is free')
})

test('a port that a program of the host has', async () => {
  const port = await freePort()
  const server = await new Promise<Server>(resolve => {
    const made = createServer().listen(port, '0.0.0.0', () => resolve(made))
  })
  try {
    await create('web', publish(port))
    const { status, body } = await daemon.client.post<Message>('/containers/web/start')
    assert.equal(status, 500)
    const bound = `failed to bind host port for 0\\.0\\.0\\.0:${port}:[\\d.]+:80/tcp: address already in use`
    assert.match(body.message, connectivity('web', bound))
    await assertNotStarted('web')
  } finally {
    await new Promise(resolve => server.close(resolve))
  }
  assert.equal((await daemon.client.post('/containers/web/start')).status, 204, 'once it is free')
})

test('a command that the image does not have', async () => {
  await create('lost', { Cmd: ['no-such-command'] })
  const { status, body } = await daemon.client.post<Message>('/containers/lost/start')
  assert.equal(status, 400)
  assert.match(body.message, /exec: "no-such-command": executable file not found in \$PATH/)
  await assertNotStarted('lost')
  const { body: after } = await daemon.client.get<{ State: { ExitCode: number } }>('/containers/lost/json')
  assert.equal(after.State.ExitCode, 127)
})

test('a user that the image does not have', async () => {
  await create('nobody-knows', { Cmd: ['true'], User: 'stranger' })
  const { status, body } = await daemon.client.post<Message>('/containers/nobody-knows/start')
  assert.notEqual(status, 204)
  assert.match(body.message, /unable to find user stranger: no matching entries in passwd file/)
  await assertNotStarted('nobody-knows')
})

test('a network that does not exist', async () => {
  await create('offline', { Cmd: ['true'], HostConfig: { NetworkMode: 'nowhere' } })
  const { status, body } = await daemon.client.post<Message>('/containers/offline/start')
  assert.equal(status, 404)
  assert.match(body.message, /network nowhere not found/)
})

test('a body that is no JSON, a path that is none, a method that is none', async () => {
  const bad = await daemon.client.request<Message>('POST', '/containers/create', {
    body: '{"Image":',
    headers: { 'Content-Type': 'application/json' },
  })
  assert.equal(bad.status, 400)
  assert.deepEqual((await daemon.client.get<Message>('/nonsense')).body, { message: 'page not found' })
  assert.equal((await daemon.client.get('/v9.99/info')).status, 400)
})

test('stopping what does not exist, starting what runs', async () => {
  const gone = await daemon.client.post<Message>('/containers/gone/stop')
  assert.deepEqual(
    { status: gone.status, body: gone.body },
    { status: 404, body: { message: 'No such container: gone' } },
  )
  await create('here', { Cmd: ['sleep', '600'] })
  assert.equal((await daemon.client.post('/containers/here/start')).status, 204)
  assert.equal((await daemon.client.post('/containers/here/start')).status, 304)
  const running = await daemon.client.delete<Message>('/containers/here')
  assert.equal(running.status, 409)
  assert.match(
    running.body.message,
    /cannot remove container "\/?here": container is running: stop the container before removing or force remove/,
  )
})
