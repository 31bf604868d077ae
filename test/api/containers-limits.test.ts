// What the kernel holds a container to: limits in its cgroup, rlimits, capabilities, seccomp, masked paths, descriptors.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { after, before, test } from 'node:test'
import type { ContainerCreateRequest, HostConfig } from '../../src/api/container.ts'
import { ContainerBench, cgroupValue, IDLE, processStatus, sh } from '../harness/container-bench.ts'

let bench: ContainerBench
before(async () => {
  bench = await ContainerBench.start()
})
after(() => bench[Symbol.asyncDispose]())

const MIB = 1024 * 1024

/** Runs an idle container and shows its first process. */
const withProcess = async (
  config: ContainerCreateRequest,
  look: (pid: number, id: string) => Promise<void> | void,
): Promise<void> => {
  const id = await bench.run({ Cmd: ['sleep', '600'], ...config })
  try {
    await look(await bench.processOf(id), id)
  } finally {
    await bench.remove(id)
  }
}
const none = (host: HostConfig) => ({ HostConfig: { NetworkMode: 'none', ...host } })

test('memory, swap, CPU and pids as the cgroup has them', async () => {
  const host = {
    Memory: 64 * MIB,
    MemoryReservation: 32 * MIB,
    NanoCpus: 5e8,
    CpuShares: 512,
    PidsLimit: 50,
    CpusetCpus: '0',
  }
  await withProcess(none(host), pid => {
    assert.equal(cgroupValue(pid, 'memory', 'memory.limit_in_bytes', 'memory.max'), String(64 * MIB))
    assert.equal(cgroupValue(pid, 'memory', 'memory.soft_limit_in_bytes', 'memory.low'), String(32 * MIB))
    const quota = cgroupValue(pid, 'cpu', 'cpu.cfs_quota_us', 'cpu.max').split(' ')[0]
    assert.equal(quota, '50000')
    assert.ok(['512', '20', '59'].includes(cgroupValue(pid, 'cpu', 'cpu.shares', 'cpu.weight')))
    assert.equal(cgroupValue(pid, 'pids', 'pids.max', 'pids.max'), '50')
    assert.equal(cgroupValue(pid, 'cpuset', 'cpuset.cpus', 'cpuset.cpus'), '0')
  })
})

test('without a word there are no limits', async () => {
  await withProcess({}, pid => {
    assert.match(cgroupValue(pid, 'memory', 'memory.limit_in_bytes', 'memory.max'), /^(9223372036854771712|max)$/)
    assert.match(cgroupValue(pid, 'cpu', 'cpu.cfs_quota_us', 'cpu.max'), /^(-1|max 100000)$/)
    assert.match(cgroupValue(pid, 'pids', 'pids.max', 'pids.max'), /^max$/)
  })
})

test('one that takes too much memory is ended, and it is said why', async () => {
  const id = await bench.create({
    Cmd: sh('x=a; while :; do x=$x$x; done'),
    ...none({ Memory: 16 * MIB, MemorySwap: 16 * MIB }),
  })
  await bench.expectEvents(id, ['start', 'oom', 'die'], async () => {
    await bench.start(id)
    assert.equal(await bench.wait(id), 137)
  })
  const { OOMKilled, ExitCode } = (await bench.inspect(id)).State
  assert.deepEqual({ OOMKilled, ExitCode }, { OOMKilled: true, ExitCode: 137 })
  await bench.remove(id)
})

test('more processes than allowed cannot be made', async () => {
  const { stderr } = await bench.finish({
    Cmd: sh('for i in 1 2 3 4 5 6 7 8; do sleep 0.2 & done; wait'),
    ...none({ PidsLimit: 5 }),
  })
  assert.match(stderr, /can't fork/)
})

test('rlimits', async () => {
  const host = none({
    Ulimits: [
      { Name: 'nofile', Soft: 100, Hard: 200 },
      { Name: 'core', Soft: 0, Hard: 0 },
    ],
  })
  assert.equal(await bench.output('ulimit -Sn; ulimit -Hn; ulimit -c', host), '100\n200\n0\n')
})

/** Capabilities of a `/proc/<pid>/status` line as numbers. */
const bits = (hexadecimal: string | undefined): number[] => {
  const value = BigInt(`0x${hexadecimal}`)
  return Array.from({ length: 64 }, (_, bit) => bit).filter(bit => (value >> BigInt(bit)) & 1n)
}
/** CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW SYS_CHROOT MKNOD AUDIT_WRITE SETFCAP */
const DEFAULT = [0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31]
const [SYS_ADMIN, NET_ADMIN] = [21, 12]

test("root has Docker's capabilities, filtered calls, and can gain no more than its bounds", async () => {
  await withProcess({}, pid => {
    const status = processStatus(pid)
    for (const set of ['CapEff', 'CapPrm', 'CapBnd']) assert.deepEqual(bits(status[set]), DEFAULT, set)
    for (const set of ['CapInh', 'CapAmb']) assert.deepEqual(bits(status[set]), [], set)
    assert.deepEqual([status.Seccomp, status.NoNewPrivs], ['2', '0'])
  })
})

test('another user has none in effect', async () => {
  await withProcess({ User: '1000:1001' }, pid => {
    const status = processStatus(pid)
    assert.deepEqual([bits(status.CapEff), bits(status.CapPrm), bits(status.CapBnd)], [[], [], DEFAULT])
    assert.deepEqual([status.Uid?.split('\t')[0], status.Gid?.split('\t')[0]], ['1000', '1001'])
  })
})

test('--cap-add, --cap-drop, no-new-privileges, seccomp=unconfined', async () => {
  await withProcess(
    none({
      CapAdd: ['NET_ADMIN'],
      CapDrop: ['MKNOD', 'chown'],
      SecurityOpt: ['no-new-privileges', 'seccomp=unconfined'],
    }),
    pid => {
      const status = processStatus(pid)
      const expected = [...DEFAULT.filter(bit => bit !== 27 && bit !== 0), NET_ADMIN].sort((a, b) => a - b)
      assert.deepEqual(bits(status.CapEff), expected)
      assert.deepEqual([status.Seccomp, status.NoNewPrivs], ['0', '1'])
    },
  )
  await withProcess(none({ CapDrop: ['ALL'] }), pid => assert.deepEqual(bits(processStatus(pid).CapBnd), []))
})

test('--privileged: all that the host has, no filter, its devices allowed', async () => {
  await withProcess(none({ Privileged: true }), async (pid, id) => {
    const status = processStatus(pid)
    assert.ok(bits(status.CapEff).includes(SYS_ADMIN))
    assert.equal(status.Seccomp, '0')
    assert.equal((await bench.exec(id, sh('mount -t tmpfs tmpfs /tmp && echo mounted'))).stdout, 'mounted\n')
    assert.equal(
      (await bench.exec(id, sh('echo 0 > /proc/sys/kernel/printk_delay && echo writable'))).stdout,
      'writable\n',
    )
  })
})

test('what an ordinary container may not do', async () => {
  const cases = [
    'mount -t tmpfs tmpfs /tmp',
    'echo 1 > /proc/sys/kernel/printk_delay',
    'mknod /tmp/disk b 8 0 && head -c 1 /tmp/disk',
    'hostname other',
    'unshare -m true',
    'ip link set lo down',
  ]
  for (const attempt of cases) {
    const { code } = await bench.finish({ Cmd: sh(`${attempt} 2>/dev/null`) })
    assert.notEqual(code, 0, attempt)
  }
})

test('masked and read-only paths', async () => {
  const script = [
    'for path in /proc/kcore /proc/keys /proc/timer_list /proc/interrupts; do test ! -e $path || wc -c < $path; done | sort -u',
    'for path in /proc/scsi /proc/acpi /sys/firmware; do test ! -e $path || ls $path; done',
    'grep -c "^proc /proc/sys proc ro" /proc/mounts',
    'touch /sys/x 2>/dev/null || echo sysfs is read-only',
  ]
  assert.equal(await bench.output(script.join('\n')), '0\n1\nsysfs is read-only\n')
  const host = none({ MaskedPaths: [], ReadonlyPaths: [] })
  assert.equal(
    await bench.output('grep -c " /proc/" /proc/mounts || true; head -c 1 /proc/interrupts | wc -c', host),
    '0\n1\n',
  )
})

test('a process has three descriptors, and they are not files of the host', async () => {
  for (const config of [{}, { OpenStdin: true }, { Tty: true, OpenStdin: true }]) {
    await withProcess(config, pid => {
      assert.deepEqual(readdirSync(`/proc/${pid}/fd`).sort(), ['0', '1', '2'])
      for (const fd of [0, 1, 2])
        assert.match(readlinkSync(`/proc/${pid}/fd/${fd}`), /^(pipe:|\/dev\/(null|pts\/\d+|console))/)
    })
  }
})

test('namespaces: its own, unless it asks for the host’s', async () => {
  const kinds = ['pid', 'mnt', 'net', 'ipc', 'uts'] as const
  const shared = (pid: number) =>
    kinds.filter(kind => readlinkSync(`/proc/${pid}/ns/${kind}`) === readlinkSync(`/proc/self/ns/${kind}`))
  await withProcess({}, pid => assert.deepEqual(shared(pid), []))
  await withProcess({ HostConfig: { NetworkMode: 'host', PidMode: 'host', IpcMode: 'host', UTSMode: 'host' } }, pid =>
    assert.deepEqual(shared(pid), ['pid', 'net', 'ipc', 'uts']),
  )
})

test("another container's processes and IPC objects", async () => {
  const other = await bench.run({ Cmd: IDLE, ...none({ IpcMode: 'shareable' }) })
  const { Pid } = (await bench.inspect(other)).State
  await withProcess(none({ PidMode: `container:${other}`, IpcMode: `container:${other}` }), async (pid, id) => {
    for (const kind of ['pid', 'ipc'])
      assert.equal(readlinkSync(`/proc/${pid}/ns/${kind}`), readlinkSync(`/proc/${Pid}/ns/${kind}`), kind)
    assert.equal((await bench.exec(id, sh('grep -c trap /proc/1/cmdline'))).stdout, '1\n')
  })
  await bench.remove(other)
})

test('devices: the usual ones, and those that are given', async () => {
  assert.equal(
    await bench.output(
      'cd /dev; ls null zero full random urandom tty ptmx stdin fd -d | wc -l; head -c 1 /dev/zero | wc -c',
    ),
    '9\n1\n',
  )
  const Devices = [{ PathOnHost: '/dev/full', PathInContainer: '/dev/mine', CgroupPermissions: 'rw' }]
  assert.match(await bench.output('ls -l /dev/mine', none({ Devices })), /^c.* 1,\s+7 /)
  const id = await bench.create(
    none({ Devices: [{ PathOnHost: '/dev/nothing', PathInContainer: '/dev/x', CgroupPermissions: 'rwm' }] }),
  )
  await bench.refused(
    bench.client.post(`/containers/${id}/start`),
    400,
    /error gathering device information while adding (custom )?device "\/dev\/nothing": no such file or directory/,
  )
  await bench.remove(id)
})

test('sysctls, shared memory, OOM score', async () => {
  const host = none({ Sysctls: { 'net.ipv4.ip_forward': '1' }, ShmSize: 8 * MIB, OomScoreAdj: 123 })
  await withProcess(host, async (pid, id) => {
    assert.equal(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim(), '123')
    assert.equal((await bench.exec(id, ['cat', '/proc/sys/net/ipv4/ip_forward'])).stdout, '1\n')
    assert.match((await bench.exec(id, sh('grep /dev/shm /proc/mounts'))).stdout, /size=8192k/)
  })
})
