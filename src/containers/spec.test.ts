import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HostConfig } from '../api/container.ts'
import { DEFAULT_CAPABILITIES } from '../runtime/capabilities.ts'
import { MASKED_PATHS, READONLY_PATHS } from '../runtime/default-spec.ts'
import { containerSpec, type SpecFacts } from './spec.ts'

const ROOT = { uid: 0, gid: 0, additionalGids: [0], home: '/root' }
const FACTS: SpecFacts = {
  id: 'a'.repeat(64),
  config: { Hostname: 'box', Entrypoint: ['/entry'], Cmd: ['arg'], Env: ['A=1'] },
  host: {},
  rootfs: '/run/x/rootfs',
  user: ROOT,
  mounts: [],
  devices: [],
  cgroupsPath: '/tare/aaa',
  cgroupVersion: 2,
  capabilities: new Set([...DEFAULT_CAPABILITIES, 'CAP_SYS_ADMIN']),
  joined: {},
  init: undefined,
  defaultShmSize: 64 * 1024 * 1024,
  noNewPrivileges: false,
}
const spec = (facts: Partial<SpecFacts> = {}) => containerSpec({ ...FACTS, ...facts })
const forHost = (host: HostConfig) => spec({ host })
const kinds = (facts: Partial<SpecFacts>) =>
  spec(facts).linux.namespaces.map(({ type, path }) => (path === undefined ? type : `${type} ${path}`))
const mountAt = (facts: Partial<SpecFacts>, place: string) =>
  spec(facts).mounts.find(({ destination }) => destination === place)

test('the process is what the configuration says', () => {
  const { process } = spec({ config: { ...FACTS.config, WorkingDir: '/srv' } })
  assert.deepEqual(process.args, ['/entry', 'arg'])
  assert.equal(process.cwd, '/srv')
  assert.ok(process.env.includes('A=1') && process.env.includes('HOME=/root') && process.env.includes('HOSTNAME=box'))
  assert.equal(spec().process.cwd, '/')
})

test('namespaces: all its own, joined ones by their file, the host’s by leaving them out', () => {
  assert.deepEqual(kinds({}), ['mount', 'pid', 'network', 'ipc', 'uts', 'cgroup'])
  assert.deepEqual(kinds({ cgroupVersion: 1 }), ['mount', 'pid', 'network', 'ipc', 'uts'])
  assert.deepEqual(kinds({ cgroupVersion: 1, joined: { network: '/netns/x', pid: undefined } }), [
    'mount',
    'network /netns/x',
    'ipc',
    'uts',
  ])
  assert.deepEqual(kinds({ host: { CgroupnsMode: 'host' } }).at(-1), 'uts')
})

test("in the host's UTS namespace no name is set", () => {
  assert.equal(spec().hostname, 'box')
  assert.equal(spec({ config: { ...FACTS.config, Domainname: 'example' } }).domainname, 'example')
  assert.equal(spec({ joined: { uts: undefined } }).hostname, undefined)
})

test('root has the capabilities, another user only their bounds', () => {
  const own = spec().process.capabilities
  assert.deepEqual(new Set(own?.effective), new Set(DEFAULT_CAPABILITIES))
  const other = spec({ user: { ...ROOT, uid: 1000 } }).process.capabilities
  assert.deepEqual([other?.effective, other?.permitted, other?.bounding.length], [[], [], DEFAULT_CAPABILITIES.length])
})

test('a privileged container is not masked, filtered or held from devices', () => {
  const { linux, process, mounts } = forHost({ Privileged: true })
  assert.deepEqual([linux.maskedPaths, linux.readonlyPaths, linux.seccomp], [[], [], undefined])
  assert.ok(process.capabilities?.effective.includes('CAP_SYS_ADMIN'))
  assert.ok(mounts.find(({ destination }) => destination === '/sys')?.options?.includes('rw'))
  assert.deepEqual(linux.resources?.devices, [{ allow: true, access: 'rwm' }])
})

test('paths are masked unless told otherwise', () => {
  const { linux } = spec()
  assert.deepEqual([linux.maskedPaths, linux.readonlyPaths], [MASKED_PATHS, READONLY_PATHS])
  assert.deepEqual(forHost({ SecurityOpt: ['systempaths=unconfined'] }).linux.maskedPaths, [])
  assert.deepEqual(forHost({ MaskedPaths: ['/proc/x'], ReadonlyPaths: [] }).linux.maskedPaths, ['/proc/x'])
})

test('sysctls: ping and low ports for everybody, but not in the host’s network', () => {
  assert.equal(spec().linux.sysctl?.['net.ipv4.ip_unprivileged_port_start'], '0')
  assert.deepEqual(spec({ joined: { network: undefined } }).linux.sysctl, {})
  assert.equal(
    forHost({ Sysctls: { 'net.ipv4.ip_unprivileged_port_start': '1024' } }).linux.sysctl?.[
      'net.ipv4.ip_unprivileged_port_start'
    ],
    '1024',
  )
})

test("a user's mount takes the place of the usual one", () => {
  const own = { destination: '/dev/shm', type: 'tmpfs', source: 'tmpfs', options: ['size=1m'] }
  assert.deepEqual(mountAt({ mounts: [own] }, '/dev/shm'), own)
  assert.equal(spec({ mounts: [own] }).mounts.filter(({ destination }) => destination === '/dev/shm').length, 1)
  assert.ok(mountAt({ host: { ShmSize: 4096 } }, '/dev/shm')?.options?.includes('size=4096'))
  assert.equal(mountAt({ joined: { ipc: undefined } }, '/dev/shm')?.source, '/dev/shm')
  assert.equal(mountAt({ joined: { ipc: '/proc/7/ns/ipc' } }, '/dev/shm')?.type, 'tmpfs', "never the host's")
  assert.equal(mountAt({ joined: { ipc: undefined } }, '/dev/mqueue'), undefined)
})

test('limits: -1 is none, soft may not be above hard', () => {
  const limits = (Soft: number, Hard: number) => forHost({ Ulimits: [{ Name: 'nofile', Soft, Hard }] }).process.rlimits
  assert.deepEqual(limits(10, 20), [{ type: 'RLIMIT_NOFILE', soft: 10, hard: 20 }])
  assert.ok((limits(-1, -1)?.[0]?.hard ?? 0) > 2 ** 52)
  assert.throws(() => limits(20, 10), {
    message: 'ulimit soft limit must be less than or equal to hard limit: 20 > 10',
  })
})

test('--init runs the init program before the command', () => {
  const { process, mounts } = spec({ init: '/usr/bin/docker-init' })
  assert.deepEqual(process.args, ['/sbin/docker-init', '--', '/entry', 'arg'])
  assert.ok(
    mounts.some(({ destination, source }) => destination === '/sbin/docker-init' && source === '/usr/bin/docker-init'),
  )
})

test('terminals have a size from the start where one was given', () => {
  const tty = { ...FACTS.config, Tty: true }
  assert.deepEqual(spec({ config: tty, host: { ConsoleSize: [24, 80] } }).process.consoleSize, {
    height: 24,
    width: 80,
  })
  assert.equal(spec({ config: tty, host: { ConsoleSize: [0, 0] } }).process.consoleSize, undefined)
  assert.ok(spec({ config: tty }).process.env.includes('TERM=xterm'))
})

test('no new privileges: by the daemon or by the container', () => {
  assert.equal(spec().process.noNewPrivileges, false)
  assert.equal(spec({ noNewPrivileges: true }).process.noNewPrivileges, true)
  assert.equal(forHost({ SecurityOpt: ['no-new-privileges'] }).process.noNewPrivileges, true)
})

test('the specification is JSON: nothing in it is lost on the way to the runtime', () => {
  const value = spec()
  assert.deepEqual(JSON.parse(JSON.stringify(value)), JSON.parse(JSON.stringify(structuredClone(value))))
  assert.equal(value.root.path, '/run/x/rootfs')
  assert.equal(forHost({ ReadonlyRootfs: true }).root.readonly, true)
})
