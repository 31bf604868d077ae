import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { Database } from '../../src/database.ts'
import { lsetxattr, lutimes, makeDevice, mknod, S_IFBLK, S_IFCHR, S_IFIFO } from '../../src/host/syscalls.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { pack } from '../../src/storage/archive/pack.ts'
import { OverlaySnapshotter } from '../../src/storage/snapshots/overlay-snapshotter.ts'
import { suiteRoot } from '../harness/suite-root.ts'

const CAPABILITY = Buffer.from('0100000200040000000000000000000000000000', 'hex')

/** A tree with everything that a layer can hold. */
const makeTree = (root: string): void => {
  const at = (...parts: string[]): string => join(root, ...parts)
  mkdirSync(at('bin'), { recursive: true })
  writeFileSync(at('bin/su'), 'setuid')
  chmodSync(at('bin/su'), 0o6755)
  writeFileSync(at('bin/ping'), 'capable')
  lsetxattr(at('bin/ping'), 'security.capability', CAPABILITY)
  lsetxattr(at('bin/ping'), 'user.note', Buffer.from([0, 255, 10, 61]))
  linkSync(at('bin/ping'), at('bin/ping4'))
  mkdirSync(at('dev'))
  mknod(at('dev/null'), S_IFCHR, makeDevice(1, 3))
  mknod(at('dev/disk'), S_IFBLK, makeDevice(259, 70_000))
  mknod(at('dev/pipe'), S_IFIFO)
  chmodSync(at('dev/null'), 0o666)
  mkdirSync(at('tmp'))
  chmodSync(at('tmp'), 0o1777)
  mkdirSync(at('mail'))
  chmodSync(at('mail'), 0o2775)
  writeFileSync(at('mail/inherits'), 'group')
  symlinkSync('../bin/su', at('tmp/link'))
  symlinkSync(`/${'far/'.repeat(60)}away`, at('tmp/long-link'))
  mkdirSync(at('deep', `${'d'.repeat(90)}`, `${'e'.repeat(200)}`), { recursive: true })
  writeFileSync(at('deep', `${'d'.repeat(90)}`, `${'e'.repeat(200)}`, `${'f'.repeat(250)}`), 'long name')
  for (const name of [Buffer.from('caf\xe9', 'latin1'), Buffer.from('日本'), Buffer.from('new\nline')])
    writeFileSync(Buffer.concat([Buffer.from(`${root}/`), name]), 'name')
  const sparse = openSync(at('sparse'), 'w')
  writeSync(sparse, 'data', 8 << 20)
  ftruncateSync(sparse, 20 << 20)
  closeSync(sparse)
  writeFileSync(at('empty'), '')
  writeFileSync(at('old'), 'before 1970')
  lutimes(at('old'), -1_500_000_000n, -1_500_000_000n)
  lutimes(at('bin/su'), 1_500_000_000_123_456_789n, 1_500_000_000_123_456_789n)
  // overlayfs' notation, as in the upper directory of a container.
  mknod(at('bin/gone'), S_IFCHR, 0n)
  lsetxattr(at('tmp'), 'trusted.overlay.opaque', Buffer.from('y'))
}

const packed = (directory: string): Promise<Buffer> => buffer(pack(directory, { format: 'layer' }).tar)

type Place = { readonly root: string; unpacked(blob: Buffer, tar: Buffer): Promise<string> }

const withSnapshotter = async (work: (place: Place) => Promise<void>): Promise<void> => {
  const root = mkdtempSync(join(suiteRoot(), 'fidelity-'))
  try {
    using database = new Database(join(root, 'tare.db'))
    const snapshotter = new OverlaySnapshotter({ root, database })
    await work({
      root,
      async unpacked(blob, tar) {
        await snapshotter.removeLayer(digestOf(tar))
        const file = join(root, 'blob')
        writeFileSync(file, blob)
        await using intake = await snapshotter.receive({ file, whole: true, unpack: true })
        const { layer } = await intake.finish({ digest: digestOf(blob), size: blob.length, diffId: digestOf(tar) })
        return snapshotter.describeLayers([layer.diffId]).UpperDir as string
      },
    })
  } finally {
    rmSync(root, { recursive: true })
  }
}

test('a layer with everything in it comes out as it went in, bit for bit', async () => {
  await withSnapshotter(async ({ root, unpacked }) => {
    makeTree(join(root, 'tree'))
    const tar = await packed(join(root, 'tree'))
    assert.ok(tar.includes(CAPABILITY) && tar.includes('bin/.wh.gone') && tar.includes('tmp/.wh..wh..opq'))
    for (const blob of [tar, gzipSync(tar), zstdCompressSync(tar)])
      assert.equal(digestOf(await packed(await unpacked(blob, tar))), digestOf(tar))
  })
})

for (const format of ['gnu', 'pax', 'ustar'] as const) {
  test(`what GNU tar writes as ${format} settles after one turn`, async () => {
    await withSnapshotter(async ({ root, unpacked }) => {
      makeTree(join(root, 'tree'))
      // No room for it in that format, or in ours only.
      for (const name of format === 'ustar' ? ['deep', 'tmp', 'old', 'bin/gone', 'dev'] : ['bin/gone'])
        rmSync(join(root, 'tree', name), { recursive: true })
      const options = { gnu: ['--sparse'], pax: ['--sparse', '--xattrs', '--xattrs-include=*'], ustar: [] }[format]
      const argv = [`--format=${format}`, '--sort=name', ...options, '-C', join(root, 'tree'), '-cf', '-', '.']
      const foreign = execFileSync('tar', argv, { maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] })
      const ours = await packed(await unpacked(gzipSync(foreign), foreign))
      const names = (tar: Buffer): string[] =>
        execFileSync('tar', ['-tf', '-'], { input: tar, encoding: 'latin1' })
          .split('\n')
          .map(name => name.replace(/^\.\//, ''))
          .filter(name => name !== '')
          .sort()
      assert.deepEqual(
        names(ours),
        names(foreign).filter(name => name !== '' && name !== './'),
      )
      assert.equal(digestOf(await packed(await unpacked(ours, ours))), digestOf(ours))
    })
  })
}
