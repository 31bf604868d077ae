import assert from 'node:assert/strict'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { paddingOf, type TarEntry } from './tar-entry.ts'
import { TarReader } from './tar-reader.ts'
import { encodeEntry, endOfArchive, tarEntry } from './tar-writer.ts'
import { Unpacker } from './unpacker.ts'

type Fields = Partial<TarEntry> & Pick<TarEntry, 'path'>

let place: string
let root: string
let outside: string

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'tare-hostile-'))
  root = join(place, 'root')
  outside = join(place, 'outside')
  mkdirSync(root)
  mkdirSync(outside)
  writeFileSync(join(outside, 'precious'), 'untouched')
})

afterEach(() => {
  assert.equal(readFileSync(join(outside, 'precious'), 'utf8'), 'untouched')
  assert.equal(lstatSync(join(outside, 'precious')).nlink, 1)
  rmSync(place, { recursive: true })
})

const owned = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }

const unpack = (...members: readonly (readonly [Fields, string?])[]): void => {
  using unpacker = new Unpacker(root)
  const reader = new TarReader(unpacker)
  for (const [fields, text = ''] of members) {
    reader.push(
      encodeEntry(
        tarEntry({
          ...owned,
          size: Buffer.byteLength(text),
          mode: fields.type === 'directory' ? 0o755 : 0o644,
          ...fields,
        }),
      ),
    )
    reader.push(Buffer.from(text))
    reader.push(Buffer.alloc(paddingOf(Buffer.byteLength(text))))
  }
  reader.push(endOfArchive())
  reader.finish()
  unpacker.finish()
}

test('names that climb out are refused', () => {
  for (const path of ['../outside/evil', 'a/../../outside/evil', '/../outside/evil']) {
    assert.throws(() => unpack([{ path }, 'evil']), /outside of the archive's root/)
  }
  assert.equal(existsSync(join(outside, 'evil')), false)
})

test('an absolute name lies below the root', () => {
  unpack([{ path: '/etc/x' }, 'in'])
  assert.equal(readFileSync(join(root, 'etc/x'), 'utf8'), 'in')
})

test('a symbolic link of the archive leads nowhere but inside', () => {
  unpack(
    [{ path: 'abs', type: 'symlink', linkTarget: outside }],
    [{ path: 'abs/evil' }, 'evil'],
    [{ path: 'up', type: 'symlink', linkTarget: '../../../outside' }],
    [{ path: 'up/evil' }, 'evil'],
    [{ path: 'up/precious' }, 'evil'],
  )
  assert.equal(existsSync(join(outside, 'evil')), false)
  assert.equal(readFileSync(join(root, outside, 'evil'), 'utf8'), 'evil')
  assert.equal(readFileSync(join(root, 'outside/precious'), 'utf8'), 'evil')
})

test('a link that was there before is not followed out either', () => {
  symlinkSync(outside, join(root, 'door'))
  unpack([{ path: 'door/evil' }, 'evil'], [{ path: 'door/deep/evil' }, 'evil'])
  assert.equal(existsSync(join(outside, 'evil')), false)
  assert.equal(existsSync(join(outside, 'deep')), false)
})

test('a file in the place of a link replaces the link, not what it points at', () => {
  unpack([{ path: 'l', type: 'symlink', linkTarget: join(outside, 'precious') }], [{ path: 'l' }, 'mine'])
  assert.equal(readFileSync(join(root, 'l'), 'utf8'), 'mine')
  assert.equal(lstatSync(join(root, 'l')).isFile(), true)
})

test("modes and times of a link are the link's own", () => {
  const before = lstatSync(join(outside, 'precious'))
  unpack([{ path: 'l', type: 'symlink', linkTarget: join(outside, 'precious'), mode: 0o7777, mtime: 5_000_000_000n }])
  assert.equal(lstatSync(join(outside, 'precious')).mode, before.mode)
  assert.equal(lstatSync(join(outside, 'precious')).mtimeMs, before.mtimeMs)
  assert.equal(lstatSync(join(root, 'l')).mtimeMs, 5000)
})

test('a hard link cannot take a file from outside', () => {
  assert.throws(
    () => unpack([{ path: 'h', type: 'hardlink', linkTarget: '../outside/precious' }]),
    /outside of the archive's root/,
  )
  assert.throws(
    () => unpack([{ path: 'h', type: 'hardlink', linkTarget: join(outside, 'precious') }]),
    /no such file or directory/,
  )
  unpack([{ path: 'door', type: 'symlink', linkTarget: outside }])
  assert.throws(
    () => unpack([{ path: 'h', type: 'hardlink', linkTarget: 'door/precious' }]),
    /no such file or directory/,
  )
})

test('a directory that becomes a link in mid-archive is not written through', () => {
  unpack(
    [{ path: 'd', type: 'directory' }],
    [{ path: 'd/one' }, '1'],
    [{ path: 'd', type: 'symlink', linkTarget: outside }],
    [{ path: 'd/evil' }, 'evil'],
  )
  assert.equal(existsSync(join(outside, 'evil')), false)
})

test('replacing a tree removes the tree, and not what its links point at', () => {
  mkdirSync(join(root, 'd/e'), { recursive: true })
  symlinkSync(outside, join(root, 'd/e/door'))
  unpack([{ path: 'd' }, 'file now'])
  assert.equal(readFileSync(join(root, 'd'), 'utf8'), 'file now')
})

test('links in a circle end', () => {
  assert.throws(
    () =>
      unpack(
        [{ path: 'a', type: 'symlink', linkTarget: 'b' }],
        [{ path: 'b', type: 'symlink', linkTarget: 'a' }],
        [{ path: 'a/x' }, 'x'],
      ),
    /too many levels of symbolic links/,
  )
})

test('a hard link to its own name keeps the file', () => {
  unpack([{ path: 'f' }, 'text'], [{ path: './f', type: 'hardlink', linkTarget: 'f' }])
  assert.equal(readFileSync(join(root, 'f'), 'utf8'), 'text')
})

test("a whiteout's name is only a name outside of layers", () => {
  unpack([{ path: '.wh.x' }, 'text'])
  assert.equal(readFileSync(join(root, '.wh.x'), 'utf8'), 'text')
})
