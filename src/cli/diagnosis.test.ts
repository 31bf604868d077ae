import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseHandler } from '../host/binfmt.ts'
import type { HostFacts } from '../host/facts.ts'
import { diagnose, type Finding, renderFindings } from './diagnosis.ts'

const program = { path: '/usr/bin/x', version: '1.0' }
const GIB = 1024 ** 3
const ARM64 = parseHandler('qemu-aarch64', 'enabled\ninterpreter /usr/bin/qemu\nflags: OCF\n')
const GOOD: HostFacts = {
  kernel: '6.1.0-35-amd64',
  architecture: 'x64',
  node: '24.0.0',
  cpus: 2,
  memory: 4 * GIB,
  isRoot: true,
  capabilities: (1n << 41n) - 1n,
  cgroups: { mode: 'unified', controllers: ['cpu', 'cpuset', 'io', 'memory', 'pids'] },
  emulated: new Map([['arm64', ARM64]]),
  overlay: true,
  dataRoot: { path: '/var/lib/tare', freeBytes: 50 * GIB, totalBytes: 100 * GIB, fileSystem: 'ext4' },
  programs: { runc: program, conmon: program, ip: program, nft: program, mmdebstrap: program, busybox: program },
  libnftables: '/usr/lib/libnftables.so.1',
  nftWorks: true,
  ipForward: true,
  forwardPolicy: undefined,
  nameservers: ['192.0.2.1'],
  openFiles: { soft: 1024, hard: 524288 },
  processes: { soft: undefined, hard: undefined },
  userNamespaces: 10000,
  seccomp: true,
  apparmor: false,
  otherEngines: [],
}

const find = (facts: Partial<HostFacts>, name: string): Finding => {
  const finding = diagnose({ ...GOOD, ...facts }).find(found => found.name === name)
  assert.ok(finding, name)
  return finding
}

test('a host with everything has nothing to note', () => {
  assert.deepEqual(
    diagnose(GOOD).filter(({ verdict }) => verdict !== 'ok'),
    [],
  )
  assert.match(renderFindings(diagnose(GOOD)), /\nEverything that Tare needs is here\.\n$/)
})

test('a missing program names the command that brings it', () => {
  const { verdict, mend } = find({ programs: { ...GOOD.programs, conmon: undefined } }, 'conmon')
  assert.deepEqual({ verdict, mend }, { verdict: 'missing', mend: 'apt-get install conmon' })
  assert.equal(find({ programs: { ...GOOD.programs, mmdebstrap: undefined } }, 'mmdebstrap').verdict, 'note')
  assert.equal(find({ libnftables: undefined }, 'libnftables').mend, 'apt-get install libnftables1')
})

test('which other platforms can run is told, and what lets them', () => {
  const other = (facts: Partial<HostFacts>) => find(facts, 'other platforms')
  assert.deepEqual(other({}), {
    group: 'host',
    name: 'other platforms',
    verdict: 'ok',
    value: 'linux/386; emulated: linux/arm64',
  })
  const none = other({ emulated: new Map(), architecture: 'arm64' })
  assert.equal(none.verdict, 'note')
  assert.match(none.mend ?? '', /^apt-get install qemu-user-static/)
  const bound = other({ emulated: new Map([['arm64', { ...ARM64, flags: 'OC' }]]) })
  assert.equal(bound.verdict, 'note')
  assert.match(bound.value, /linux\/arm64 \(only where the container has \/usr\/bin\/qemu\)/)
  assert.match(bound.mend ?? '', /F flag/)
  // A handler for the host's own programs changes nothing.
  assert.match(other({ emulated: new Map([['arm64', ARM64]]), architecture: 'arm64' }).value, /no handler/)
})

test('hybrid hosts need the v1 controllers that keep devices and freezing', () => {
  const controllers = ['cpu', 'devices', 'freezer', 'memory', 'pids']
  assert.equal(find({ cgroups: { mode: 'hybrid', controllers } }, 'cgroups').verdict, 'ok')
  const { verdict, value } = find({ cgroups: { mode: 'hybrid', controllers: ['cpu', 'pids'] } }, 'cgroups')
  assert.equal(verdict, 'missing')
  assert.match(value, /without memory, devices, freezer/)
  assert.equal(find({ cgroups: { mode: 'none', controllers: [] } }, 'cgroups').verdict, 'missing')
})

test('root without its capabilities cannot run containers', () => {
  const { verdict, value } = find({ capabilities: 0xa80425fbn }, 'privilege')
  assert.equal(verdict, 'missing')
  assert.match(value, /CAP_SYS_ADMIN/)
  assert.equal(find({ isRoot: false, capabilities: 0n }, 'privilege').verdict, 'note')
})

test('a data root on overlayfs cannot work; a full one is noted', () => {
  assert.equal(find({ dataRoot: { ...GOOD.dataRoot, fileSystem: 'overlay' } }, 'data root').verdict, 'missing')
  assert.equal(find({ dataRoot: { ...GOOD.dataRoot, freeBytes: GIB } }, 'data root').verdict, 'note')
})

test('nameservers that only the host itself can ask are noted', () => {
  assert.equal(find({ nameservers: ['127.0.0.53'] }, 'nameservers').verdict, 'note')
})

test('columns line up, and the last line says what stands in the way', () => {
  const text = renderFindings(diagnose({ ...GOOD, overlay: false, programs: { ...GOOD.programs, runc: undefined } }))
  const columns = text
    .split('\n')
    .flatMap(line => line.match(/^ {2}\S.*? {2,}(?=ok |note |missing )/)?.[0].length ?? [])
  assert.equal(new Set(columns).size, 1)
  assert.match(text, /\nTare cannot work here yet because of: overlayfs, runc\.\n$/)
})
