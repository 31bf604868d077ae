import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HostConfig } from '../api/container.ts'
import { isKind } from '../errdefs.ts'
import { DEVICE_RULES } from '../runtime/default-spec.ts'
import { checkResources, deviceSpecs, resourcesSpec } from './resources.ts'

const MIB = 1024 * 1024

const BAD: readonly (readonly [host: HostConfig, message: string])[] = [
  [{ Memory: 6 * MIB - 1 }, 'Minimum memory limit allowed is 6MB'],
  [{ MemorySwap: 10 * MIB }, 'You should always set the Memory limit when using Memoryswap limit, see usage'],
  [
    { Memory: 20 * MIB, MemorySwap: 10 * MIB },
    'Minimum memoryswap limit should be larger than memory limit, see usage',
  ],
  [
    { Memory: 10 * MIB, MemoryReservation: 20 * MIB },
    'Minimum memory limit can not be less than memory reservation limit, see usage',
  ],
  [{ NanoCpus: 1e9, CpuQuota: 1 }, 'Conflicting options: Nano CPUs and CPU CFS quota or period cannot both be set'],
  [{ NanoCpus: 3e9 }, 'range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available'],
  [{ NanoCpus: -1 }, 'range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available'],
]

for (const [host, message] of BAD) {
  test(`${JSON.stringify(host)} is refused`, () => {
    assert.throws(() => checkResources(host, 2), { kind: 'InvalidArgument', message })
  })
}

test('limits that make sense pass', () => {
  for (const host of [
    {},
    { Memory: 6 * MIB },
    { Memory: 6 * MIB, MemorySwap: -1 },
    { Memory: 6 * MIB, MemorySwap: 6 * MIB },
    { NanoCpus: 2e9 },
  ]) {
    checkResources(host, 2)
  }
})

const memory = (host: HostConfig) => resourcesSpec(host, []).memory

test('memory: as much swap again, unless told otherwise', () => {
  assert.equal(memory({})?.limit, undefined)
  assert.deepEqual([memory({ Memory: 8 * MIB })?.limit, memory({ Memory: 8 * MIB })?.swap], [8 * MIB, 16 * MIB])
  assert.equal(memory({ Memory: 8 * MIB, MemorySwap: -1 })?.swap, -1)
  assert.equal(memory({ Memory: 8 * MIB, MemorySwap: 8 * MIB })?.swap, 8 * MIB)
  assert.equal(memory({ MemoryReservation: 7 * MIB })?.reservation, 7 * MIB)
  assert.equal(memory({ MemorySwappiness: 0 })?.swappiness, 0)
  assert.equal(memory({ MemorySwappiness: -1 }), undefined)
})

test('--cpus is a quota of a tenth of a second', () => {
  const cpu = (host: HostConfig) => resourcesSpec(host, []).cpu
  assert.deepEqual([cpu({ NanoCpus: 1.5e9 })?.quota, cpu({ NanoCpus: 1.5e9 })?.period], [150_000, 100_000])
  assert.deepEqual([cpu({ NanoCpus: 1e7 })?.quota, cpu({ CpuQuota: 5000, CpuPeriod: 20_000 })?.quota], [1000, 5000])
  assert.equal(cpu({ CpusetCpus: '0-1', CpuShares: 512 })?.cpus, '0-1')
  assert.equal(cpu({}), undefined)
})

test('pids: nothing, so many, or without limit', () => {
  const pids = (PidsLimit: number | null) => resourcesSpec({ PidsLimit }, []).pids
  assert.deepEqual([pids(null), pids(0), pids(50), pids(-1)], [undefined, undefined, { limit: 50 }, { limit: -1 }])
})

test('devices: everything is forbidden first; what is given is allowed as far as it was', () => {
  const Devices = [{ PathOnHost: '/dev/full', PathInContainer: '/dev/mine', CgroupPermissions: 'r' }]
  const devices = deviceSpecs({ Devices })
  assert.deepEqual(
    devices.map(({ path, type, major, minor }) => ({ path, type, major, minor })),
    [{ path: '/dev/mine', type: 'c', major: 1, minor: 7 }],
  )
  const rules = resourcesSpec({ Devices, DeviceCgroupRules: ['c 10:* rw'] }, devices).devices ?? []
  assert.deepEqual(rules[0], { allow: false, access: 'rwm' })
  assert.deepEqual(rules.slice(DEVICE_RULES.length), [
    { allow: true, type: 'c', major: 1, minor: 7, access: 'r' },
    { allow: true, type: 'c', major: 10, access: 'rw' },
  ])
  assert.deepEqual(resourcesSpec({ Privileged: true }, []).devices, [{ allow: true, access: 'rwm' }])
})

test('devices that are none', () => {
  const device = (PathOnHost: string) => () =>
    deviceSpecs({ Devices: [{ PathOnHost, PathInContainer: '', CgroupPermissions: '' }] })
  assert.throws(
    device('/dev/nothing'),
    /error gathering device information while adding custom device "\/dev\/nothing": no such file or directory/,
  )
  assert.throws(device('/etc/passwd'), /not a device node/)
  for (const rule of ['x 1:1 r', 'c 1 r', 'c 1:1', 'c 1:1 x']) {
    assert.throws(
      () => resourcesSpec({ DeviceCgroupRules: [rule] }, []),
      error => isKind(error, 'InvalidArgument'),
      rule,
    )
  }
})
