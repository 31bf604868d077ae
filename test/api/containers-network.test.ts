// Networks of containers: what they see, whom they reach, and what is told of them.
import assert from 'node:assert/strict'
import { readlinkSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'
import { after, before, test } from 'node:test'
import type { NetworkInspect } from '../../src/api/network.ts'
import { ContainerBench, IDLE, sh } from '../harness/container-bench.ts'
import { expectStatus } from '../harness/http-client.ts'

let bench: ContainerBench
before(async () => {
  bench = await ContainerBench.start()
})
after(() => bench[Symbol.asyncDispose]())

const BRIDGE = { HostConfig: { NetworkMode: 'bridge' } }
const namespaceOf = (pid: number | 'self') => readlinkSync(`/proc/${pid}/ns/net`)

/** An address of this host that is no bridge of an engine's. */
const hostAddress = (): string => {
  const addresses = Object.entries(networkInterfaces()).flatMap(([name, all]) =>
    /^(lo|br|np|tare|docker|veth)/.test(name) ? [] : (all ?? []),
  )
  const found = addresses.find(({ family, internal }) => family === 'IPv4' && !internal)
  assert.ok(found, 'this host has an IPv4 address')
  return found.address
}

/** Answers every connection with a word and with the address that it came from. */
const greeter = async (address: string): Promise<{ port: number } & AsyncDisposable> => {
  const server: Server = createServer(socket => socket.end(`hello ${socket.remoteAddress}\n`))
  await new Promise<void>(resolve => server.listen(0, address, resolve))
  const bound = server.address()
  assert.ok(bound && typeof bound === 'object')
  return {
    port: bound.port,
    [Symbol.asyncDispose]: async () => void (await new Promise(resolve => server.close(resolve))),
  }
}

test('the bridge: inspect and the container agree on its addresses', async () => {
  const id = await bench.run(BRIDGE)
  const { NetworkSettings } = await bench.inspect(id)
  const settings = NetworkSettings.Networks.bridge
  assert.ok(settings)
  const { IPAddress = '', IPPrefixLen, Gateway, MacAddress } = settings
  assert.match(IPAddress, /^\d+\.\d+\.\d+\.\d+$/)
  assert.match(settings.EndpointID ?? '', /^[0-9a-f]{64}$/)
  const shown = (await bench.exec(id, sh('ip -o -4 addr show eth0; ip -o link show eth0; ip route'))).stdout
  assert.ok(shown.includes(`inet ${IPAddress}/${IPPrefixLen}`), shown)
  assert.ok(shown.includes(`link/ether ${MacAddress}`), shown)
  assert.ok(shown.includes(`default via ${Gateway} dev eth0`), shown)
  const hosts = (await bench.exec(id, ['cat', '/etc/hosts'])).stdout
  assert.ok(hosts.endsWith(`${IPAddress}\t${id.slice(0, 12)}\n`), hosts)
  assert.equal(NetworkSettings.SandboxKey !== '', true)
  await bench.remove(id)
})

test('once it has ended it has no addresses any more, and somebody else may have them', async () => {
  const id = await bench.run({ ...BRIDGE, Cmd: ['true'] })
  await bench.wait(id)
  const { NetworkSettings } = await bench.inspect(id)
  const { bridge } = NetworkSettings.Networks
  assert.deepEqual(
    [bridge?.IPAddress, bridge?.EndpointID, bridge?.Gateway, NetworkSettings.SandboxKey],
    ['', '', '', ''],
  )
  await bench.remove(id)
})

test('the network tells who is on it', async () => {
  const name = bench.name()
  const id = await bench.run(BRIDGE, name)
  const { IPAddress, IPPrefixLen, EndpointID, MacAddress } =
    (await bench.inspect(id)).NetworkSettings.Networks.bridge ?? {}
  const network = expectStatus(await bench.client.get<NetworkInspect>('/networks/bridge'), 200)
  assert.deepEqual(network.Containers[id], {
    Name: name,
    EndpointID,
    MacAddress,
    IPv4Address: `${IPAddress}/${IPPrefixLen}`,
    IPv6Address: '',
  })
  await bench.remove(id)
  const later = expectStatus(await bench.client.get<NetworkInspect>('/networks/bridge'), 200)
  assert.equal(later.Containers[id], undefined)
})

test('a container reaches the host, and the host sees who it is', async () => {
  const address = hostAddress()
  await using server = await greeter(address)
  const id = await bench.run({ ...BRIDGE, Cmd: sh(`nc -w 5 ${address} ${server.port}`) })
  const { IPAddress } = (await bench.inspect(id)).NetworkSettings.Networks.bridge ?? {}
  await bench.wait(id)
  assert.match(
    (await bench.logs(id)).stdout,
    new RegExp(`^hello (${IPAddress?.replaceAll('.', '\\.') || '[0-9.]+'})\n$`),
  )
  await bench.remove(id)
})

test("the host's loopback is out of reach", async () => {
  await using server = await greeter('127.0.0.1')
  const id = await bench.run(BRIDGE)
  const { Gateway } = (await bench.inspect(id)).NetworkSettings.Networks.bridge ?? {}
  for (const address of ['127.0.0.1', Gateway]) {
    const { code } = await bench.exec(id, sh(`nc -w 2 ${address} ${server.port}`))
    assert.notEqual(code, 0, address)
  }
  await bench.remove(id)
})

test('two containers reach each other', async () => {
  const server = await bench.run({ ...BRIDGE, Cmd: sh('nc -ll -p 7 -e echo reached') })
  const { IPAddress } = (await bench.inspect(server)).NetworkSettings.Networks.bridge ?? {}
  const client = await bench.run(BRIDGE)
  assert.notEqual((await bench.inspect(client)).NetworkSettings.Networks.bridge?.IPAddress, IPAddress)
  const call = `nc -w 5 ${IPAddress} 7`
  assert.equal(
    (await bench.exec(client, sh(`${call} || { sleep 0.3; ${call}; } || { sleep 1; ${call}; }`))).stdout,
    'reached\n',
  )
  for (const id of [server, client]) await bench.remove(id)
})

test('none: a loopback and nothing else', async () => {
  const id = await bench.run()
  assert.deepEqual((await bench.exec(id, sh('ls /sys/class/net; ip route'))).stdout, 'lo\n')
  assert.equal(
    (await bench.exec(id, sh('nc -ll -p 7 -e echo x & sleep 0.2; nc -w 1 127.0.0.1 7; kill $!'))).stdout,
    'x\n',
  )
  const { NetworkSettings, State } = await bench.inspect(id)
  assert.deepEqual(Object.keys(NetworkSettings.Networks), ['none'])
  assert.equal(NetworkSettings.Networks.none?.IPAddress, '')
  assert.notEqual(namespaceOf(State.Pid), namespaceOf('self'))
  await bench.remove(id)
})

test('host: the network and the name of the host', async () => {
  const id = await bench.run({ HostConfig: { NetworkMode: 'host' } })
  const { State, NetworkSettings, Config } = await bench.inspect(id)
  assert.equal(namespaceOf(State.Pid), namespaceOf('self'))
  assert.deepEqual(Object.keys(NetworkSettings.Networks), ['host'])
  assert.equal((await bench.exec(id, ['hostname'])).stdout.trim(), hostname())
  assert.equal(Config.Hostname, hostname())
  await bench.remove(id)
})

test("container: another one's network, found by name, kept by id", async () => {
  const name = bench.name()
  const other = await bench.run(BRIDGE, name)
  const id = await bench.run({ HostConfig: { NetworkMode: `container:${name}` } })
  const [first, second] = [await bench.inspect(other), await bench.inspect(id)]
  assert.equal(namespaceOf(second.State.Pid), namespaceOf(first.State.Pid))
  assert.equal(second.HostConfig.NetworkMode, `container:${other}`)
  assert.deepEqual(second.NetworkSettings.Networks, {})
  for (const one of [id, other]) await bench.remove(one)
})

test('networks that cannot be joined', async () => {
  const stopped = await bench.create({}, bench.name())
  const waiting = await bench.create({ HostConfig: { NetworkMode: `container:${stopped}` } })
  const name = (await bench.inspect(stopped)).Name.slice(1)
  await bench.refused(
    bench.client.post(`/containers/${waiting}/start`),
    409,
    new RegExp(`^cannot join network namespace of a non running container: container /?${name} is created$`),
  )
  const lost = await bench.create({ HostConfig: { NetworkMode: 'container:nobody' } })
  await bench.refused(
    bench.client.post(`/containers/${lost}/start`),
    404,
    'joining network namespace of container: No such container: nobody',
  )
  const unknown = await bench.create({ HostConfig: { NetworkMode: 'nowhere' } })
  await bench.refused(bench.client.post(`/containers/${unknown}/start`), 404, /network nowhere not found$/)
  for (const id of [waiting, stopped, lost, unknown]) await bench.remove(id)
})

test('names: --hostname, --domainname, --add-host, --dns', async () => {
  const HostConfig = {
    NetworkMode: 'bridge',
    ExtraHosts: ['db:10.1.2.3', 'me:host-gateway'],
    Dns: ['9.9.9.9'],
    DnsSearch: ['a.test'],
    DnsOptions: ['ndots:3'],
  }
  const id = await bench.run({ Cmd: IDLE, Hostname: 'box', Domainname: 'example.test', HostConfig })
  const { IPAddress } = (await bench.inspect(id)).NetworkSettings.Networks.bridge ?? {}
  const read = async (path: string) => (await bench.exec(id, ['cat', path])).stdout
  assert.equal((await bench.exec(id, ['hostname'])).stdout, 'box\n')
  assert.equal(await read('/etc/hostname'), 'box\n')
  const hosts = await read('/etc/hosts')
  assert.match(hosts, /^10\.1\.2\.3\tdb$/m)
  assert.match(hosts, /^\d+\.\d+\.\d+\.\d+\tme$/m)
  assert.match(hosts, new RegExp(`^${IPAddress}\tbox\\.example\\.test box$`, 'm'))
  const resolver = (await read('/etc/resolv.conf')).split('\n').filter(line => line !== '' && !line.startsWith('#'))
  assert.deepEqual(resolver.sort(), ['nameserver 9.9.9.9', 'options ndots:3', 'search a.test'])
  await bench.remove(id)
})

test('the predefined networks are there and stay', async () => {
  const networks = expectStatus(await bench.client.get<NetworkInspect[]>('/networks'), 200)
  for (const name of ['bridge', 'host', 'none'])
    assert.ok(
      networks.some(({ Name }) => Name === name),
      name,
    )
  await bench.refused(
    bench.client.delete('/networks/bridge'),
    403,
    'bridge is a pre-defined network and cannot be removed',
  )
  await bench.refused(bench.client.get('/networks/nowhere'), 404, 'network nowhere not found')
})
