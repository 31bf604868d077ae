import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCgroups, parseLimit, parseVersion } from './facts.ts'

const V1_CPU = '31 30 0:27 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct'
const V1_SYSTEMD = '33 30 0:29 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd'
const V2 = '32 30 0:28 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw'
const ROOT = '30 22 0:26 / / rw,relatime shared:1 - ext4 /dev/vda rw,errors=remount-ro'

test('a v2 tree alone is unified, with the controllers that its root names', () => {
  assert.deepEqual(parseCgroups([ROOT, V2].join('\n'), 'cpuset cpu io memory pids\n'), {
    mode: 'unified',
    controllers: ['cpu', 'cpuset', 'io', 'memory', 'pids'],
  })
})

test('v1 controllers beside a v2 tree are hybrid; named hierarchies are no controllers', () => {
  assert.deepEqual(parseCgroups([ROOT, V1_CPU, V1_SYSTEMD, V2].join('\n'), ''), {
    mode: 'hybrid',
    controllers: ['cpu', 'cpuacct'],
  })
})

test('v1 without v2 is legacy, and a host without either has none', () => {
  assert.equal(parseCgroups([ROOT, V1_CPU].join('\n'), '').mode, 'legacy')
  assert.deepEqual(parseCgroups(ROOT, ''), { mode: 'none', controllers: [] })
})

test('a limit is read with its unlimited side left undefined', () => {
  const limits = [
    'Limit                     Soft Limit           Hard Limit           Units     ',
    'Max processes             96365                unlimited            processes ',
    'Max open files            1024                 524288               files     ',
  ].join('\n')
  assert.deepEqual(parseLimit(limits, 'Max open files'), { soft: 1024, hard: 524288 })
  assert.deepEqual(parseLimit(limits, 'Max processes'), { soft: 96365, hard: undefined })
  assert.deepEqual(parseLimit(limits, 'Max nonsense'), { soft: undefined, hard: undefined })
})

test('versions are found in what programs say of themselves', () => {
  assert.equal(parseVersion('runc version 1.1.5+ds1\ncommit: 1.1.5'), '1.1.5+ds1')
  assert.equal(parseVersion('conmon version 2.1.6\ncommit: unknown'), '2.1.6')
  assert.equal(parseVersion('ip utility, iproute2-6.1.0, libbpf 1.1.2'), '6.1.0')
  assert.equal(parseVersion('no number'), 'unknown')
})
