import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Packer } from './packer.ts'
import { TarReader } from './tar-reader.ts'
import { Unpacker } from './unpacker.ts'

const scratch = (): Disposable & { path: string } => {
  const path = mkdtempSync(join(tmpdir(), 'tare-tar-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

const unpackInto = (archive: Buffer, directory: string): number => {
  mkdirSync(directory, { recursive: true })
  using unpacker = new Unpacker(directory)
  const reader = new TarReader(unpacker)
  for (let offset = 0; offset < archive.length; offset += 10_000) reader.push(archive.subarray(offset, offset + 10_000))
  reader.finish()
  unpacker.finish()
  return unpacker.size
}

/** A tree with everything that an ordinary user can make. */
const makeTree = (root: string): void => {
  mkdirSync(join(root, 'dir/deep'), { recursive: true })
  writeFileSync(join(root, 'dir/file'), 'content\n', { mode: 0o640 })
  linkSync(join(root, 'dir/file'), join(root, 'dir/zlink'))
  symlinkSync('../file', join(root, 'dir/deep/symlink'))
  writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0x63, 0xe9, 0x66])]), 'latin1 name')
  writeFileSync(join(root, `${'long'.repeat(40)}`), 'x')
  const fd = openSync(join(root, 'sparse'), 'w')
  writeSync(fd, 'data', 3_000_000)
  ftruncateSync(fd, 50_000_000)
  closeSync(fd)
  utimesSync(join(root, 'dir/deep'), 1_000_000_000, 1_000_000_000)
}

for (const format of ['gnu', 'posix', 'oldgnu']) {
  test(`what GNU tar wrote as ${format} is unpacked as GNU tar does`, () => {
    using place = scratch()
    const tree = join(place.path, 'tree')
    mkdirSync(tree)
    makeTree(tree)
    const versions =
      format === 'posix' ? ['--sparse-version=0.0', '--sparse-version=0.1', '--sparse-version=1.0'] : ['--sparse']
    for (const version of versions) {
      const archive = execFileSync('tar', [`--format=${format}`, '--sparse', version, '-C', tree, '-cf', '-', '.'], {
        maxBuffer: 1 << 28,
      })
      const out = join(place.path, `out${version}`)
      unpackInto(archive, out)
      execFileSync('diff', ['-r', tree, out])
      assert.equal(lstatSync(join(out, 'dir/file')).ino, lstatSync(join(out, 'dir/zlink')).ino)
      assert.equal(lstatSync(join(out, 'dir/file')).mode & 0o7777, 0o640)
      assert.equal(lstatSync(join(out, 'dir/deep')).mtimeMs, 1_000_000_000_000)
      assert.equal(
        lstatSync(join(out, 'dir/file'), { bigint: true }).mtimeNs / 1_000_000_000n,
        lstatSync(join(tree, 'dir/file'), { bigint: true }).mtimeNs / 1_000_000_000n,
      )
      assert.ok(lstatSync(join(out, 'sparse')).blocks * 512 < 1_000_000, 'the holes are gone')
    }
  })
}

test('what is packed here, GNU tar unpacks; the same tree gives the same bytes', () => {
  using place = scratch()
  const tree = join(place.path, 'tree')
  mkdirSync(tree)
  makeTree(tree)
  const packer = new Packer()
  const archive = Buffer.concat([...packer.pack(tree)])
  assert.deepEqual(Buffer.concat([...new Packer().pack(tree)]), archive)
  assert.ok(archive.length < 1_000_000, 'a sparse file is stored whole')
  const out = join(place.path, 'gnu')
  mkdirSync(out)
  execFileSync('tar', ['-C', out, '-xf', '-'], { input: archive })
  execFileSync('diff', ['-r', tree, out])
  assert.equal(lstatSync(join(out, 'dir/file')).ino, lstatSync(join(out, 'dir/zlink')).ino)
  const own = join(place.path, 'own')
  assert.equal(unpackInto(archive, own), packer.size)
  execFileSync('diff', ['-r', tree, own])
  assert.equal(
    lstatSync(join(own, 'dir/file'), { bigint: true }).mtimeNs,
    lstatSync(join(tree, 'dir/file'), { bigint: true }).mtimeNs,
  )
  assert.equal(readFileSync(join(own, 'dir/zlink'), 'utf8'), 'content\n')
})
