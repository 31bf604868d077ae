// Published ports: who answers where, TCP and UDP, and what happens when a port is taken.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { after, before, test } from 'node:test'
import type { PortBinding } from '../../src/api/container.ts'
import { ContainerBench, IDLE, sh } from '../harness/container-bench.ts'
import { until } from '../harness/daemon.ts'
import { freePort } from '../harness/port.ts'

let bench: ContainerBench
before(async () => {
  bench = await ContainerBench.start()
})
after(() => bench[Symbol.asyncDispose]())

const ECHO = sh('nc -ll -p 7 -e cat')

const hostAddress = (): string => {
  const addresses = Object.entries(networkInterfaces()).flatMap(([name, all]) =>
    /^(lo|br|np|tare|docker|veth)/.test(name) ? [] : (all ?? []),
  )
  const found = addresses.find(({ family, internal }) => family === 'IPv4' && !internal)
  assert.ok(found, 'this host has an IPv4 address')
  return found.address
}

/** What comes back from a server that echoes; undefined when nobody answers. */
const echo = (host: string, port: number): Promise<string | undefined> =>
  new Promise(resolve => {
    let text = ''
    const socket = connect({ host, port, timeout: 2000 }, () => socket.end('ping'))
    socket.on('data', chunk => {
      text += chunk
    })
    socket.once('timeout', () => socket.destroy())
    socket.once('error', () => {})
    socket.once('close', () => resolve(text === '' ? undefined : text))
  })
const answers = (host: string, port: number) =>
  until(`an answer on ${host}:${port}`, async () => (await echo(host, port)) === 'ping', 5000)

/** A server that echoes on port 7, with these ports published. */
const bound = (PortBindings: Record<string, PortBinding[]>, more: object = {}) => ({
  Cmd: ECHO,
  ExposedPorts: Object.fromEntries(Object.keys(PortBindings).map(key => [key, {}])),
  HostConfig: { NetworkMode: 'bridge', PortBindings, ...more },
})
const portOf = async (id: string, key: string): Promise<PortBinding> => {
  const binding = (await bench.inspect(id)).NetworkSettings.Ports[key]?.find(({ HostIp }) => HostIp !== '::')
  assert.ok(binding, key)
  return binding
}

test('a TCP port answers on localhost and on the host’s address, and no more when the container has ended', async () => {
  const port = await freePort()
  const id = await bench.run(bound({ '7/tcp': [{ HostPort: String(port) }] }))
  assert.deepEqual(await portOf(id, '7/tcp'), { HostIp: '0.0.0.0', HostPort: String(port) })
  for (const host of ['127.0.0.1', 'localhost', hostAddress()]) await answers(host, port)
  const [row] = await bench.list({ filters: { id: [id] } })
  assert.deepEqual(
    row?.Ports.find(({ IP }) => IP === '0.0.0.0'),
    { IP: '0.0.0.0', PrivatePort: 7, PublicPort: port, Type: 'tcp' },
  )
  await bench.client.post(`/containers/${id}/kill`)
  await bench.wait(id)
  assert.equal(await echo('127.0.0.1', port), undefined)
  assert.deepEqual((await bench.inspect(id)).NetworkSettings.Ports, {})
  const server = createServer().listen(port)
  await once(server, 'listening')
  server.close()
  await bench.remove(id)
})

test('another container reaches it through the gateway and through the host’s address', async () => {
  const port = await freePort()
  const id = await bench.run(bound({ '7/tcp': [{ HostPort: String(port) }] }))
  await answers('127.0.0.1', port)
  const client = await bench.run({ Cmd: IDLE, HostConfig: { NetworkMode: 'bridge' } })
  const { Gateway } = (await bench.inspect(client)).NetworkSettings.Networks.bridge ?? {}
  for (const address of [Gateway, hostAddress()]) {
    const { stdout } = await bench.exec(client, sh(`echo through | nc -w 3 ${address} ${port}`))
    assert.equal(stdout, 'through\n', address)
  }
  // And itself, by the same way.
  assert.equal((await bench.exec(id, sh(`echo back | nc -w 3 ${Gateway} ${port}`))).stdout, 'back\n')
  for (const one of [client, id]) await bench.remove(one)
})

test('a UDP port answers on localhost and on the host’s address', async () => {
  const port = await freePort()
  const id = await bench.run({ ...bound({ '7/udp': [{ HostPort: String(port) }] }), Cmd: IDLE })
  assert.deepEqual(await portOf(id, '7/udp'), { HostIp: '0.0.0.0', HostPort: String(port) })
  const { Pid } = (await bench.inspect(id)).State
  const script =
    "const s = require('dgram').createSocket('udp4'); s.on('message', (m, from) => s.send(m, from.port, from.address)); s.bind(7, () => console.log('bound'))"
  const server = spawn('nsenter', ['--target', String(Pid), '--net', process.execPath, '-e', script])
  try {
    await once(server.stdout, 'data')
    for (const host of ['127.0.0.1', hostAddress()]) {
      const socket = createSocket('udp4')
      const answer = once(socket, 'message', { signal: AbortSignal.timeout(5000) })
      socket.send('ping', port, host)
      assert.equal(String((await answer)[0]), 'ping', host)
      socket.close()
    }
  } finally {
    server.kill('SIGKILL')
    await once(server, 'close')
  }
  await bench.remove(id)
})

test('published on one address it answers there only', async () => {
  const port = await freePort()
  const id = await bench.run(bound({ '7/tcp': [{ HostIp: '127.0.0.1', HostPort: String(port) }] }))
  assert.deepEqual(await portOf(id, '7/tcp'), { HostIp: '127.0.0.1', HostPort: String(port) })
  await answers('127.0.0.1', port)
  assert.equal(await echo(hostAddress(), port), undefined)
  await bench.remove(id)
})

test('a random port when none is said; -P for all that is exposed', async () => {
  const id = await bench.run({
    ...bound({ '7/tcp': [{}] }, { PublishAllPorts: true }),
    ExposedPorts: { '7/tcp': {}, '8/tcp': {}, '9/udp': {} },
  })
  const ports = await Promise.all(
    ['7/tcp', '8/tcp', '9/udp'].map(async key => Number((await portOf(id, key)).HostPort)),
  )
  for (const port of ports) assert.ok(port > 1024 && port < 65536, String(port))
  await answers('127.0.0.1', ports[0] ?? 0)
  await bench.remove(id)
})

test('what is bound need not be exposed', async context => {
  if (bench.isPeer) return context.skip('Docker leaves such a binding out')
  const { ExposedPorts: _, ...config } = bound({ '7/tcp': [{}] })
  const id = await bench.run(config)
  await answers('127.0.0.1', Number((await portOf(id, '7/tcp')).HostPort))
  await bench.remove(id)
})

test('what is exposed and not published is shown as such', async () => {
  const id = await bench.run({ Cmd: IDLE, ExposedPorts: { '80/tcp': {} }, HostConfig: { NetworkMode: 'bridge' } })
  assert.deepEqual((await bench.inspect(id)).NetworkSettings.Ports, { '80/tcp': null })
  const [row] = await bench.list({ filters: { id: [id] } })
  assert.deepEqual(row?.Ports, [{ PrivatePort: 80, Type: 'tcp' }])
  await bench.remove(id)
})

test('of a range the first that is free', async () => {
  const server = createServer().listen(0)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const range = [{ HostPort: `${port}-${port + 3}` }]
  const id = await bench.run(bound({ '7/tcp': range }))
  const got = Number((await portOf(id, '7/tcp')).HostPort)
  assert.ok(got > port && got <= port + 3, String(got))
  await answers('127.0.0.1', got)
  server.close()
  await bench.remove(id)
})

test('a port that another container has: the second is refused, and starts once it is free', async () => {
  const port = await freePort()
  const config = bound({ '7/tcp': [{ HostPort: String(port) }] })
  const [first, second] = [await bench.run(config), await bench.create(config)]
  const start = () => bench.client.post(`/containers/${second}/start`)
  await bench.refused(
    start(),
    500,
    new RegExp(
      `^failed to set up container networking: driver failed programming external connectivity on endpoint .*: Bind for 0\\.0\\.0\\.0:${port} failed: port is already allocated$`,
    ),
  )
  const { State, NetworkSettings } = await bench.inspect(second)
  assert.deepEqual([State.Status, State.ExitCode, NetworkSettings.Networks.bridge?.IPAddress], ['created', 128, ''])
  await bench.remove(first)
  assert.equal((await start()).status, 204)
  await answers('127.0.0.1', port)
  await bench.remove(second)
})

test('a port that a process of the host has', async () => {
  const server = createServer().listen(0)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const id = await bench.create(bound({ '7/tcp': [{ HostPort: String(port) }] }))
  await bench.refused(
    bench.client.post(`/containers/${id}/start`),
    500,
    new RegExp(
      `^failed to set up container networking: driver failed programming external connectivity on endpoint .*: failed to bind host port for 0\\.0\\.0\\.0:${port}:.*:7/tcp: address already in use$`,
    ),
  )
  server.close()
  await bench.remove(id)
})

test('an address that the host does not have', async () => {
  const id = await bench.create(bound({ '7/tcp': [{ HostIp: '192.0.2.200', HostPort: '7777' }] }))
  await bench.refused(bench.client.post(`/containers/${id}/start`), 500, /cannot assign requested address$/)
  await bench.remove(id)
})
