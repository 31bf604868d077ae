import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { test } from 'node:test'
import { isKind, messageOf } from '../errdefs.ts'
import { HostPorts, type PortRequest, portRequests } from './ports.ts'

const LOOPBACK = '127.0.0.1'

const listen = async (port = 0): Promise<Server & { port: number } & AsyncDisposable> => {
  const server = createServer().listen(port, LOOPBACK)
  await once(server, 'listening')
  const close = async () => {
    server.close()
    await once(server, 'close')
  }
  return Object.assign(server, { port: (server.address() as AddressInfo).port, [Symbol.asyncDispose]: close })
}

const freePort = async (): Promise<number> => {
  await using server = await listen()
  return server.port
}

const request = (more: Partial<PortRequest>): PortRequest => ({
  containerPort: 80,
  protocol: 'tcp',
  hostIp: LOOPBACK,
  first: 0,
  last: 0,
  ...more,
})

test('bindings become requests: address, range and protocol', () => {
  assert.deepEqual(
    portRequests(
      { '80/tcp': [{ HostPort: '8080' }, { HostIp: LOOPBACK, HostPort: '9000-9010' }], '53/udp': [{}], '81': null },
      null,
      false,
    ),
    [
      { containerPort: 81, protocol: 'tcp', hostIp: '0.0.0.0', first: 0, last: 0 },
      { containerPort: 80, protocol: 'tcp', hostIp: '0.0.0.0', first: 8080, last: 8080 },
      { containerPort: 80, protocol: 'tcp', hostIp: LOOPBACK, first: 9000, last: 9010 },
      { containerPort: 53, protocol: 'udp', hostIp: '0.0.0.0', first: 0, last: 0 },
    ],
  )
})

test('--publish-all takes what is exposed and not bound', () => {
  const requests = portRequests({ '80/tcp': [{ HostPort: '1' }] }, { '80/tcp': {}, '443/tcp': {}, '53/udp': {} }, true)
  assert.deepEqual(
    requests.map(({ containerPort, protocol, first }) => `${containerPort}/${protocol} ${first}`),
    ['80/tcp 1', '443/tcp 0', '53/udp 0'],
  )
  assert.deepEqual(portRequests({}, { '80/tcp': {} }, false), [])
})

test('ports that cannot be are refused', () => {
  for (const key of ['0/tcp', '65536/tcp', 'x/tcp', '-1/tcp', '/tcp', '80/icmp', '1.5']) {
    assert.throws(
      () => portRequests({ [key]: [{}] }, null, false),
      error => isKind(error, 'InvalidArgument'),
      key,
    )
  }
  for (const HostPort of ['65536', 'x', '-1', '10-9', '1-2-3', '80-70000']) {
    assert.throws(
      () => portRequests({ '80/tcp': [{ HostPort }] }, null, false),
      error => isKind(error, 'InvalidArgument'),
      HostPort,
    )
  }
})

test('addresses that cannot be published on are refused', () => {
  const at = (HostIp: string) => () => portRequests({ '80/tcp': [{ HostIp }] }, null, false)
  for (const address of ['x', '1.2.3', '256.1.1.1', 'localhost']) {
    assert.throws(at(address), { kind: 'InvalidArgument', message: `invalid IP address: ${address}` })
  }
  for (const address of ['::', '::1']) assert.throws(at(address), { kind: 'NotImplemented' })
})

test('a port that is taken is held: nobody else can listen there until it is given back', async () => {
  using ports = new HostPorts()
  const taken = ports.allocate([request({})], '10.0.0.2')
  const port = taken[0]?.hostPort ?? 0
  assert.ok(port > 0)
  await assert.rejects(listen(port), { code: 'EADDRINUSE' })
  ports.release(taken)
  await using _ = await listen(port)
})

test('a port of another container, or of another program, is told in its own words', async () => {
  using ports = new HostPorts()
  const port = await freePort()
  const wanted = request({ first: port, last: port })
  ports.allocate([wanted], '10.0.0.2')
  assert.throws(() => ports.allocate([wanted], '10.0.0.3'), {
    kind: 'Internal',
    message: `Bind for 127.0.0.1:${port} failed: port is already allocated`,
  })
  await using other = await listen()
  assert.throws(() => ports.allocate([request({ first: other.port, last: other.port })], '10.0.0.3'), {
    message: `failed to bind host port for 127.0.0.1:${other.port}:10.0.0.3:80/tcp: address already in use`,
  })
})

test('an address that the host does not have', () => {
  using ports = new HostPorts()
  assert.throws(() => ports.allocate([request({ hostIp: '192.0.2.1', first: 8080, last: 8080 })], '10.0.0.2'), {
    message: 'failed to bind host port for 192.0.2.1:8080:10.0.0.2:80/tcp: cannot assign requested address',
  })
})

test('every address collides with each, two addresses do not, nor TCP with UDP', async () => {
  using ports = new HostPorts()
  const port = await freePort()
  const at =
    (hostIp: string, protocol: 'tcp' | 'udp' = 'tcp') =>
    () =>
      ports.allocate([request({ hostIp, protocol, first: port, last: port })], '10.0.0.2')
  at(LOOPBACK)()
  at('127.0.0.2')()
  at(LOOPBACK, 'udp')()
  assert.throws(at('0.0.0.0'), /port is already allocated/)
})

test('of a range the first free one is taken; when none is, nothing is', async () => {
  await using other = await listen()
  using ports = new HostPorts()
  const range = { first: other.port, last: other.port + 1 }
  let taken: readonly { hostPort: number }[]
  try {
    taken = ports.allocate([request(range)], '10.0.0.2')
  } catch (error) {
    // Somebody else on this host has the port beside it.
    assert.match(messageOf(error), /address already in use/)
    return
  }
  assert.equal(taken[0]?.hostPort, other.port + 1)
  assert.throws(() => ports.allocate([request(range)], '10.0.0.2'))
})

test('all that is asked for, or nothing', async () => {
  await using other = await listen()
  using ports = new HostPorts()
  const port = await freePort()
  const wanted = [
    request({ first: port, last: port }),
    request({ containerPort: 81, first: other.port, last: other.port }),
  ]
  assert.throws(() => ports.allocate(wanted, '10.0.0.2'))
  await using _ = await listen(port)
})

test("a running container's ports are taken back after a restart, even one that somebody else has now", async () => {
  await using other = await listen()
  using ports = new HostPorts()
  const port = await freePort()
  const published = [port, other.port].map(hostPort => ({
    containerPort: 80,
    protocol: 'tcp' as const,
    hostIp: LOOPBACK,
    hostPort,
  }))
  ports.adopt(published)
  await assert.rejects(listen(port), { code: 'EADDRINUSE' })
  for (const first of [port, other.port])
    assert.throws(() => ports.allocate([request({ first, last: first })], '10.0.0.2'), /already allocated/)
  ports.release(published)
  await using _ = await listen(port)
})

test('UDP ports are held as well', async () => {
  using ports = new HostPorts()
  const [taken] = ports.allocate([request({ protocol: 'udp' })], '10.0.0.2')
  const socket = createSocket('udp4')
  const failed = once(socket, 'error')
  socket.bind(taken?.hostPort, LOOPBACK)
  const [error] = await failed
  assert.equal((error as NodeJS.ErrnoException).code, 'EADDRINUSE')
  socket.close()
})
