// Mounts: volumes named and anonymous, binds, tmpfs; what inspect says and what the container can do.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ContainerBench, sh } from '../harness/container-bench.ts'
import { suiteRoot } from '../harness/suite-root.ts'

let bench: ContainerBench
before(async () => {
  bench = await ContainerBench.start()
})
after(() => bench[Symbol.asyncDispose]())

const none = (host: object) => ({ HostConfig: { NetworkMode: 'none', ...host } })
const folder = (): string => mkdtempSync(join(suiteRoot(), 'bind-'))
const mountpoint = async (volume: string): Promise<string> => {
  const { body } = await bench.client.get<{ Mountpoint: string }>(`/volumes/${volume}`)
  return body.Mountpoint
}
const removeVolume = async (volume: string): Promise<void> =>
  assert.equal((await bench.client.delete(`/volumes/${volume}`)).status, 204)

test('a named volume is made, keeps what is written, and outlives its containers', async () => {
  const volume = bench.name()
  await bench.output('echo kept > /data/file', none({ Binds: [`${volume}:/data`] }))
  assert.equal(await bench.output('cat /data/file', none({ Binds: [`${volume}:/data:ro`] })), 'kept\n')
  const id = await bench.create(none({ Binds: [`${volume}:/data`] }))
  const [mount] = (await bench.inspect(id)).Mounts
  const Source = await mountpoint(volume)
  assert.deepEqual(mount, {
    Type: 'volume',
    Name: volume,
    Source,
    Destination: '/data',
    Driver: 'local',
    Mode: 'z',
    RW: true,
    Propagation: '',
  })
  assert.equal(readFileSync(join(Source, 'file'), 'utf8'), 'kept\n')
  await bench.refused(
    bench.client.delete(`/volumes/${volume}`),
    409,
    new RegExp(`^remove ${volume}: volume is in use - \\[${id}\\]$`),
  )
  await bench.remove(id)
  await removeVolume(volume)
})

test('a new volume begins with what the image has there, owners and modes too', async () => {
  const volume = bench.name()
  const id = await bench.create(none({ Binds: [`${volume}:/etc`, '/lib:/lib'] }))
  const path = await mountpoint(volume)
  if (bench.isPeer) await bench.start(id)
  assert.match(readFileSync(join(path, 'passwd'), 'utf8'), /^root:/)
  await bench.remove(id)
  // One that has something already stays as it is.
  assert.equal(
    await bench.output('ls /tmp/x', none({ Binds: [`${volume}:/tmp/x`] })).then(text => text.includes('passwd')),
    true,
  )
  writeFileSync(join(path, 'only'), 'mine')
  assert.equal(
    await bench
      .output('ls -a /bin/x | grep -c busybox; ls /bin/x/only', none({ Binds: [`${volume}:/bin/x`] }))
      .catch(String),
    '0\n/bin/x/only\n',
  )
  await removeVolume(volume)
  const other = bench.name()
  await bench.output('stat -c %a /tmp', none({ Binds: [`${other}:/tmp`] })).then(mode => assert.equal(mode, '1777\n'))
  await removeVolume(other)
})

test('nocopy: it begins empty', async () => {
  const volume = bench.name()
  assert.equal(
    await bench.output(
      'ls /home/../root; ls /etc2 2>/dev/null; ls /data | wc -l',
      none({ Mounts: [{ Type: 'volume', Source: volume, Target: '/data', VolumeOptions: { NoCopy: true } }] }),
    ),
    '0\n',
  )
  await removeVolume(volume)
})

test('an anonymous volume has a name of its own and goes with its container when asked', async () => {
  const id = await bench.run({ Cmd: sh('echo x > /own/file; sleep 600'), Volumes: { '/own': {} } })
  const [mount] = (await bench.inspect(id)).Mounts
  assert.match(mount?.Name ?? '', /^[0-9a-f]{64}$/)
  assert.deepEqual([mount?.Type, mount?.Destination, mount?.Driver, mount?.RW], ['volume', '/own', 'local', true])
  const path = await mountpoint(mount?.Name ?? '')
  assert.ok(existsSync(path))
  await bench.remove(id)
  assert.ok(!existsSync(path))
})

test('run --rm takes its anonymous volumes along, not the named ones', async () => {
  const volume = bench.name()
  const id = await bench.create({
    Cmd: ['true'],
    Volumes: { '/own': {} },
    ...none({ AutoRemove: true, Binds: [`${volume}:/named`] }),
  })
  const own = (await bench.inspect(id)).Mounts.find(({ Destination }) => Destination === '/own')?.Name ?? ''
  const removed = bench.wait(id, 'removed')
  await bench.start(id)
  await removed
  assert.equal((await bench.client.get(`/volumes/${own}`)).status, 404)
  await removeVolume(volume)
})

test('a bind is the host’s own directory; with ro only to be read', async () => {
  const source = folder()
  writeFileSync(join(source, 'from-host'), 'host\n')
  const script = 'cat /in/from-host; echo container > /in/from-container'
  assert.equal(await bench.output(script, none({ Binds: [`${source}:/in`] })), 'host\n')
  assert.equal(readFileSync(join(source, 'from-container'), 'utf8'), 'container\n')
  const { code, stderr } = await bench.finish({ Cmd: sh('touch /in/no'), ...none({ Binds: [`${source}:/in:ro`] }) })
  assert.equal(code, 1)
  assert.match(stderr, /Read-only file system/)
  const id = await bench.create(none({ Binds: [`${source}:/in:ro`] }))
  assert.deepEqual((await bench.inspect(id)).Mounts, [
    { Type: 'bind', Source: source, Destination: '/in', Mode: 'ro', RW: false, Propagation: 'rprivate' },
  ])
  await bench.remove(id)
  assert.ok(existsSync(join(source, 'from-host')), 'removing a container leaves the host’s files alone')
  rmSync(source, { recursive: true })
})

test('a bind of a file, and of a directory that -v makes', async () => {
  const source = folder()
  const file = join(source, 'file')
  writeFileSync(file, 'text')
  assert.equal(await bench.output('cat /etc/new', none({ Binds: [`${file}:/etc/new:ro`] })), 'text')
  const made = join(source, 'a/b')
  await bench.output('touch /in/x', none({ Binds: [`${made}:/in`] }))
  assert.ok(statSync(join(made, 'x')).isFile())
  rmSync(source, { recursive: true })
})

test('a bind within a bind, whatever their order', async () => {
  const source = folder()
  mkdirSync(join(source, 'inner'))
  const [outer, inner] = [folder(), folder()]
  writeFileSync(join(inner, 'deep'), 'deep')
  assert.equal(await bench.output('cat /in/x/deep', none({ Binds: [`${inner}:/in/x`, `${outer}:/in`] })), 'deep')
  for (const path of [source, outer, inner]) rmSync(path, { recursive: true })
})

test('binds bring the mounts below them along, read-only ones too', async context => {
  if (bench.isPeer) return context.skip('the peer may have mounts of its own')
  const source = folder()
  mkdirSync(join(source, 'sub'))
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', join(source, 'sub')])
  try {
    writeFileSync(join(source, 'sub/file'), 'below')
    assert.equal(await bench.output('cat /in/sub/file', none({ Binds: [`${source}:/in`] })), 'below')
    const readOnly = { Cmd: sh('touch /in/sub/no 2>/dev/null'), ...none({ Binds: [`${source}:/in:ro`] }) }
    assert.equal((await bench.finish(readOnly)).code, 1)
    const Mounts = [{ Type: 'bind' as const, Source: source, Target: '/in', BindOptions: { NonRecursive: true } }]
    assert.equal(await bench.output('ls /in/sub', none({ Mounts })), '')
  } finally {
    execFileSync('umount', [join(source, 'sub')])
  }
  rmSync(source, { recursive: true })
})

test('a file over a directory is explained', async () => {
  const source = folder()
  const id = await bench.create({ Cmd: ['true'], ...none({ Binds: [`${source}:/etc/passwd`] }) })
  await bench.refused(
    bench.client.post(`/containers/${id}/start`),
    400,
    /Are you trying to mount a directory onto a file \(or vice-versa\)\? Check if the specified host path exists and is the expected type$/,
  )
  assert.equal((await bench.inspect(id)).State.ExitCode, 127)
  await bench.remove(id)
  rmSync(source, { recursive: true })
})

test('tmpfs: in memory, of the size and mode asked for, gone with the process', async () => {
  const id = await bench.run(none({ Tmpfs: { '/scratch': 'size=1m,mode=700' } }))
  const line = (await bench.exec(id, sh('grep " /scratch " /proc/mounts'))).stdout
  assert.match(line, /^tmpfs \/scratch tmpfs rw,nosuid,nodev,noexec,relatime,size=1024k,mode=700/)
  const filled = await bench.exec(id, sh('head -c 2000000 /dev/zero > /scratch/big; stat -c %s /scratch/big'))
  assert.equal(filled.stdout, '1048576\n')
  await bench.remove(id)
  const mounted = none({ Mounts: [{ Type: 'tmpfs', Target: '/t', TmpfsOptions: { SizeBytes: 65536, Mode: 0o1777 } }] })
  assert.match(await bench.output('grep " /t " /proc/mounts; stat -c %a /t', mounted), /size=64k.*\n1777\n$/)
})

test('tmpfs read-only', async () => {
  const mounted = none({ Mounts: [{ Type: 'tmpfs', Target: '/t', ReadOnly: true }] })
  const { code } = await bench.finish({ Cmd: sh('touch /t/x 2>/dev/null'), ...mounted })
  assert.equal(code, 1)
})

test('a read-only root: nothing can be written but where something is mounted', async () => {
  const script =
    'touch /x 2>/dev/null && echo root; touch /tmp/x && echo tmp; touch /data/x && echo data; touch /etc/hosts 2>/dev/null && echo hosts; echo y > /dev/shm/y && echo shm; true'
  assert.equal(
    await bench.output(script, { Volumes: { '/data': {} }, ...none({ ReadonlyRootfs: true, Tmpfs: { '/tmp': '' } }) }),
    'tmp\ndata\nshm\n',
  )
})

test('a place that is not in the image is made', async () => {
  assert.equal(await bench.output('ls -d /new/place', none({ Tmpfs: { '/new/place': '' } })), '/new/place\n')
})

test('a link in the image does not lead a mount out of it', async () => {
  const id = await bench.create({ Cmd: sh('ln -s /../../../tmp /evil; ls -la /evil') })
  await bench.start(id)
  await bench.wait(id)
  await bench.remove(id)
  const source = folder()
  writeFileSync(join(source, 'mark'), '')
  assert.equal(await bench.output('ls /linked/mark', none({ Binds: [`${source}:/linked`] })), '/linked/mark\n')
  rmSync(source, { recursive: true })
})

test('what a container is made on cannot be pruned away before it is there', async () => {
  const image = bench.name()
  const many = 'mkdir /data; cd /data; i=0; while [ $i -lt 3000 ]; do echo $i >$i; i=$((i + 1)); done'
  const source = await bench.run({ Cmd: sh(many) })
  await bench.wait(source)
  assert.equal((await bench.client.post('/commit', undefined, { container: source, repo: image })).status, 201)
  await bench.remove(source)
  const volume = bench.name()
  let made = false
  const creating = bench
    .create({
      Image: image,
      Cmd: sh('ls /data | wc -l'),
      HostConfig: { NetworkMode: 'none', Binds: [`${volume}:/data`] },
    })
    .finally(() => {
      made = true
    })
  const tried: number[] = []
  while (!made) {
    tried.push((await bench.client.delete(`/volumes/${volume}`)).status)
    tried.push((await bench.client.delete(`/images/${image}`)).status)
    await bench.client.post('/volumes/prune', undefined, { filters: { all: ['true'] } })
  }
  const id = await creating
  assert.ok(
    tried.every(status => status === 404 || status === 409),
    tried.join(),
  )
  await bench.start(id)
  assert.equal(await bench.wait(id), 0)
  assert.equal((await bench.logs(id)).stdout, '3000\n')
  await bench.remove(id)
  await removeVolume(volume)
  assert.equal((await bench.client.delete(`/images/${image}`)).status, 200)
})
