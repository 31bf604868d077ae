// What RUN's processes are given and held to, by the Dockerfile, the client and the daemon.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { cgroupVersion } from '../../src/host/cgroup.ts'
import { build, lastOutput } from '../harness/build.ts'
import { type CommandResult, launcher, run } from '../harness/command.ts'
import { TestDaemon } from '../harness/daemon.ts'
import { suiteRoot } from '../harness/suite-root.ts'

let daemon: TestDaemon
const directory = mkdtempSync(join(suiteRoot(), 'options'))
before(async () => {
  daemon = await TestDaemon.start({
    flags: [
      ...['--allow-insecure-entitlement', 'security.insecure', '--default-ulimit', 'nofile=3000:4000'],
      ...['--dns', '192.0.2.53', '--dns-search', 'example.test', '--dns-opt', 'ndots:3'],
    ],
  })
})
after(async () => {
  await daemon[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true })
})

const output = async (
  step: string,
  query: Record<string, string | number | readonly string[]> = {},
): Promise<string> => {
  const result = await build(daemon.client, `FROM busybox\n${step}`, {}, { nocache: 1, ...query })
  assert.equal(result.error, undefined, result.text)
  return lastOutput(result)
}
const tare = async (dockerfile: string, ...args: string[]): Promise<CommandResult> => {
  const context = mkdtempSync(join(directory, 'context'))
  writeFileSync(join(context, 'Dockerfile'), dockerfile)
  return await run([launcher, '-H', daemon.host, 'build', '--no-cache', '--progress', 'plain', ...args, context], {
    env: { XDG_CACHE_HOME: directory },
  })
}
const logs = ({ stderr }: CommandResult): string[] =>
  stderr.split('\n').flatMap(line => /^#\d+ \d+\.\d+ (.*)$/.exec(line)?.[1] ?? [])
const V2 = cgroupVersion() === 2
const MEMORY = V2 ? 'memory.max' : 'memory.limit_in_bytes'
const controller = (name: string): string => (V2 ? '/sys/fs/cgroup' : `/sys/fs/cgroup/${name}`)

test('names of hosts, shared memory, open files and the resolver', async () => {
  assert.match(
    await output('RUN cat /etc/resolv.conf'),
    /nameserver 192\.0\.2\.53\nsearch example\.test\noptions ndots:3\n/,
  )
  assert.equal(await output('RUN ulimit -Sn; ulimit -Hn'), '3000\n4000\n')
  const ulimits = JSON.stringify([{ Name: 'nofile', Soft: 100, Hard: 200 }])
  assert.equal(await output('RUN ulimit -Sn; ulimit -Hn', { ulimits }), '100\n200\n')
  assert.equal(await output("RUN df -m /dev/shm | awk 'NR==2 {print $2}'", { shmsize: 16 * 1024 * 1024 }), '16\n')
  assert.equal(
    await output('RUN grep some.test /etc/hosts', { extrahosts: 'some.test:192.0.2.7' }),
    '192.0.2.7\tsome.test\n',
  )
  const result = await tare(
    'FROM busybox\nRUN grep -e one -e gate /etc/hosts; ulimit -n; df -m /dev/shm | grep -c " 32 "',
    ...['--add-host', 'one=192.0.2.1', '--add-host', 'gate:host-gateway', '--ulimit', 'nofile=50', '--shm-size', '32m'],
  )
  assert.deepEqual(logs(result), ['192.0.2.1\tone', `${daemon.subnet}.1\tgate`, '50', '1'], result.stderr)
})

test('added hosts count for the cache, other limits do not', async () => {
  const step = 'FROM busybox\nRUN cat /etc/hosts'
  const cached = async (query: Record<string, string | number>) =>
    /Using cache/.test((await build(daemon.client, step, {}, query)).text)
  assert.equal(await cached({}), false)
  assert.equal(await cached({ shmsize: 1 << 24 }), true)
  assert.equal(await cached({ extrahosts: 'a:192.0.2.7' }), false)
  assert.equal(await cached({ extrahosts: 'a:192.0.2.7' }), true)
})

test('memory and processors', async () => {
  const shares = V2 ? 'cpu.weight' : 'cpu.shares'
  const quota = V2 ? 'cpu.max' : 'cpu.cfs_quota_us'
  const read = `RUN cat ${controller('memory')}/${MEMORY} ${controller('cpu')}/${quota}; nproc; cat ${controller('cpu')}/${shares}`
  const limits = {
    memory: 64 * 1024 * 1024,
    memswap: -1,
    cpuperiod: 50000,
    cpuquota: 25000,
    cpusetcpus: '0',
    cpushares: 512,
  }
  assert.equal(await output(read, limits), `67108864\n25000${V2 ? ' 50000' : ''}\n1\n${V2 ? 20 : 512}\n`)
  const small = await build(daemon.client, 'FROM busybox\nRUN true', {}, { memory: 1000 })
  assert.equal(small.error, 'Minimum memory limit allowed is 6MB')
  const host = await build(daemon.client, 'FROM busybox\nRUN true', {}, { extrahosts: 'a:b' })
  assert.equal(host.error, 'invalid IP address in add-host: "b"')
})

test('all of it through the docker CLI', async () => {
  const context = mkdtempSync(join(directory, 'context'))
  writeFileSync(
    join(context, 'Dockerfile'),
    'FROM busybox\nRUN --mount=type=cache,target=/k --mount=target=/c echo $(ulimit -n) $(grep -c one.test /etc/hosts) ' +
      `$(df -m /dev/shm | awk 'NR==2 {print $2}') $(cat ${controller('memory')}/${MEMORY}) $(ls /c) | tee /k/f`,
  )
  const limits = ['--ulimit', 'nofile=77', '--add-host', 'one.test:192.0.2.1', '--shm-size', '8m', '--memory', '32m']
  const built = await daemon.docker(['build', ...limits, context])
  assert.equal(built.code, 0, built.stderr)
  assert.match(built.stdout, /\n77 1 8 33554432 Dockerfile\n/)
  const listed = await daemon.docker(['system', 'df', '--verbose'])
  assert.match(listed.stdout, /exec\.cachemount +[\d.]+kB/)
  const pruned = await daemon.docker(['builder', 'prune', '--force', '--all'])
  assert.match(pruned.stdout, /cache-mount-\d+\n/, pruned.stderr)
})

test('a parent in the hierarchy of cgroups', async () => {
  const parent = `tare-test-${process.pid}`
  try {
    assert.match(
      await output('RUN cat /proc/self/cgroup', { cgroupparent: parent }),
      new RegExp(`:/${parent}/[0-9a-f]{32}\n`),
    )
  } finally {
    const hierarchies = V2 ? [''] : readdirSync('/sys/fs/cgroup')
    for (const name of hierarchies) {
      const path = join('/sys/fs/cgroup', name, parent)
      if (existsSync(path)) rmdirSync(path)
    }
  }
})

test("the host's network: for one step when it is allowed, for all when the build asks for it", async () => {
  const dockerfile = 'FROM busybox\nRUN --network=host ls /sys/class/net | wc -l\nRUN --network=none ls /sys/class/net'
  const refused = await tare(dockerfile)
  assert.match(refused.stderr, /network\.host is not allowed/)
  assert.match(refused.stderr, /Dockerfile:2/)
  const classic = await build(daemon.client, dockerfile)
  assert.match(classic.error ?? '', /^network\.host is not allowed/)
  const links = (await run(['ls', '/sys/class/net'])).stdout.trim().split('\n').length
  const allowed = await tare(dockerfile, '--allow', 'network.host')
  assert.equal(allowed.code, 0, allowed.stderr)
  assert.equal(logs(allowed)[1], 'lo')
  assert.ok(Number(logs(allowed)[0]) >= Math.min(links, 2))
  assert.equal((await tare(dockerfile, '--network', 'host')).code, 0)
  assert.match(await output('RUN --network=host echo yes', { networkmode: 'host' }), /yes/)
})

test('--security=insecure: when the client asks and the daemon allows it', async () => {
  const dockerfile = [
    'FROM busybox',
    'RUN --security=insecure grep CapEff /proc/self/status; mkdir /t && mount -t tmpfs tmpfs /t && umount /t && rmdir /t && echo mounted',
    'RUN grep -e CapEff -e Seccomp: /proc/self/status; mount -t tmpfs tmpfs /mnt 2>/dev/null || echo refused',
  ].join('\n')
  assert.match((await tare(dockerfile)).stderr, /security\.insecure is not allowed/)
  const result = await tare(dockerfile, '--allow', 'security.insecure')
  assert.equal(result.code, 0, result.stderr)
  const [insecure, mounted, sandboxed, seccomp, refused] = logs(result)
  assert.notEqual(insecure, sandboxed)
  assert.equal(mounted, 'mounted')
  assert.match(`${sandboxed} ${seccomp}`, /CapEff:\s00000000a80425fb Seccomp:\s2/)
  assert.equal(refused, 'refused')
  {
    await using strict = await TestDaemon.start({ busybox: false })
    const asked = await run(
      [launcher, '-H', strict.host, 'build', '--progress', 'plain', '--allow', 'security.insecure', '-'],
      { stdin: 'FROM scratch' },
    )
    assert.match(asked.stderr, /granting entitlement security\.insecure is not allowed by build daemon configuration/)
  }
})

test('a device is refused before anything runs', async () => {
  const result = await tare('FROM busybox\nRUN echo ran\nRUN --device=vendor.com/class=name true')
  assert.match(result.stderr, /the --device option of RUN is not supported/)
  assert.deepEqual(logs(result), [])
})
