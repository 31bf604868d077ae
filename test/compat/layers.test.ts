// Everything that a layer can hold, on its way: pull → run → commit → push → another machine pulls. The diffIDs are the same there,
// and so is what a container sees.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { attributesOf } from '../../src/storage/archive/packer.ts'
import { busyboxTar } from '../harness/busybox-image.ts'
import { TestDaemon } from '../harness/daemon.ts'
import { expectStatus } from '../harness/http-client.ts'
import { pull, push, succeeded } from '../harness/image-transfer.ts'
import { type Member, makeImage, makeLayer, noise, publish, tarOf } from '../harness/layer-image.ts'
import { TestRegistry } from '../harness/registry.ts'
import { suiteRoot } from '../harness/suite-root.ts'

const LONG = `${'long-directory-name/'.repeat(9)}${'n'.repeat(200)}`
/** cap_net_raw, effective and permitted: struct vfs_cap_data of revision 2. */
const CAPABILITY = Buffer.from('0100000200200000000000000000000000000000', 'hex')

const kinds: Member[] = [
  { path: 'kinds', type: 'directory', mode: 0o1777, mtime: 1_000_000_000_123_456_789n },
  { path: 'kinds/setuid', content: 'setuid', mode: 0o4755, uid: 12, gid: 34, mtime: 987_654_321_000_000_001n },
  { path: 'kinds/setgid', content: 'setgid', mode: 0o2711, uid: 3_000_000, gid: 3_000_000 },
  { path: 'kinds/hard', type: 'hardlink', linkTarget: 'kinds/setuid' },
  { path: 'kinds/soft', type: 'symlink', linkTarget: '../nowhere/at all' },
  { path: 'kinds/null', type: 'char', major: 1, minor: 3, mode: 0o666 },
  { path: 'kinds/disk', type: 'block', major: 7, minor: 300, mode: 0o600 },
  { path: 'kinds/fifo', type: 'fifo', mode: 0o622 },
  { path: 'kinds/empty', type: 'directory' },
  { path: 'kinds/capable', content: 'capable', xattrs: new Map([['security.capability', CAPABILITY]]) },
  { path: 'kinds/not-utf8-\xff\xfe', content: 'bytes' },
  { path: `kinds/${'d'.repeat(90)}`, content: 'short of the limit' },
  { path: 'kinds/before', content: '1969', mtime: -1_000_000_000n },
  { path: 'gone/file', content: 'will be whited out' },
  { path: 'opaque/below', content: 'will not be seen' },
]

/** As GNU tar writes them: its own headers for long names and for sparse files. */
const gnuTar = (): Buffer => {
  const folder = mkdtempSync(join(suiteRoot(), 'gnu-'))
  mkdirSync(join(folder, 'gnu', LONG, '..'), { recursive: true })
  writeFileSync(join(folder, 'gnu', LONG), 'long')
  execFileSync('sh', ['-c', 'truncate -s 5M sparse && printf middle | dd of=sparse bs=1 seek=3000000 conv=notrunc'], {
    cwd: join(folder, 'gnu'),
    stdio: 'ignore',
  })
  const args = ['--format=gnu', '--sparse', '--owner=0', '--group=0', '-cf', '-', '-C', folder, 'gnu']
  const tar = execFileSync('tar', args, { maxBuffer: 1 << 24 })
  rmSync(folder, { recursive: true })
  return tar
}

/** What a container does: of each kind something, and of what was there something is gone. */
const CHANGES = `set -e
rm /gone/file && rm -r /opaque && mkdir /opaque && echo new >/opaque/above
cp -a /kinds/setuid /work-setuid && ln /work-setuid /work-hard && chmod 6755 /work-hard
mknod /work-null c 1 3 && mkfifo /work-fifo && ln -s /target /work-soft
name=$(printf 'work-\\377\\376') && echo bytes >"/$name"
dd if=/dev/zero of=/work-sparse bs=1 count=1 seek=4000000 2>/dev/null
mkdir -p /work-deep/${'x'.repeat(120)}/${'y'.repeat(120)} && chown -R 77:88 /work-deep && touch -d @86400 /work-deep
rm /kinds/hard && mv /kinds/soft /kinds/softer`

const LIST = `find /kinds /gone /opaque /gnu /work-* -exec stat -c '%n|%F|%a|%u|%g|%h|%t:%T|%Y' {} ';' | sort
find /kinds /opaque /gnu /work-* -type f -exec md5sum {} ';' | sort
find / -maxdepth 1 -name 'work-*' | sort | od -c
for link in /kinds/softer /work-soft; do readlink $link; done`

type Inspect = { Id: string; RootFS: { Layers: string[] }; GraphDriver: { Data: { LowerDir?: string } } }

test('all that a layer can hold survives pull, run, commit, push and pull', async () => {
  await using registry = await TestRegistry.start()
  const base = makeImage({
    flavour: 'oci',
    layers: [
      makeLayer(readFileSync(busyboxTar()), 'gzip', 'oci'),
      makeLayer(tarOf(kinds), 'zstd'),
      makeLayer(gnuTar(), 'none', 'oci'),
      makeLayer([{ path: 'noise', content: noise(300_000) }], 'gzip', 'oci'),
    ],
  })
  await publish(registry.url, 'kinds', '1', base)
  const [first, last] = [`${registry.host}/kinds:1`, `${registry.host}/changed:1`]
  const must = async (daemon: TestDaemon, ...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await daemon.tare(args)
    assert.equal(code, 0, `${args.join(' ')}: ${stderr}`)
    return stdout
  }
  const inspect = async (daemon: TestDaemon, name: string): Promise<Inspect> =>
    expectStatus(await daemon.client.get<Inspect>(`/images/${name}/json`), 200)

  await using here = await TestDaemon.start({ busybox: false })
  succeeded(await pull(here.client, first))
  const pulled = await inspect(here, first)
  assert.deepEqual(
    pulled.RootFS.Layers,
    base.layers.map(({ diffId }) => diffId),
  )
  const capable = (pulled.GraphDriver.Data.LowerDir ?? '')
    .split(':')
    .map(folder => join(folder, 'kinds/capable'))
    .flatMap(path => {
      try {
        return [attributesOf(path)]
      } catch {
        return []
      }
    })
  assert.deepEqual(capable[0]?.get('security.capability'), CAPABILITY)

  await must(here, 'run', '--name', 'changes', first, 'sh', '-c', CHANGES)
  await must(here, 'commit', 'changes', last)
  const committed = await inspect(here, last)
  assert.deepEqual(committed.RootFS.Layers.slice(0, -1), pulled.RootFS.Layers)
  const seen = await must(here, 'run', '--rm', last, 'sh', '-c', LIST)
  assert.match(seen, /\/kinds\/setuid\|regular file\|4755\|12\|34\|2\|0:0\|987654321\n/)
  assert.match(seen, /\/work-hard\|regular file\|6755\|12\|34\|2\|/)
  assert.match(seen, /\/kinds\/disk\|block special file\|600\|0\|0\|1\|7:12c\|/)
  assert.equal(seen.includes('/opaque/below') || seen.includes('/gone/file'), false)
  const [aux] = succeeded(await push(here.client, `${registry.host}/changed`, { tag: '1' })).aux

  await using there = await TestDaemon.start({ busybox: false })
  succeeded(await pull(there.client, `${registry.host}/changed@${aux?.Digest}`))
  const arrived = await inspect(there, `${registry.host}/changed@${aux?.Digest}`)
  assert.deepEqual([arrived.Id, arrived.RootFS.Layers], [committed.Id, committed.RootFS.Layers])
  assert.equal(await must(there, 'run', '--rm', arrived.Id, 'sh', '-c', LIST), seen)

  // And here, with nothing of it left, once more.
  await must(here, 'rm', 'changes')
  await must(here, 'rmi', '-f', last)
  await must(here, 'rmi', '-f', first)
  succeeded(await pull(here.client, last))
  assert.equal((await inspect(here, last)).Id, committed.Id)
  assert.equal(await must(here, 'run', '--rm', last, 'sh', '-c', LIST), seen)
})
