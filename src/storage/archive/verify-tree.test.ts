import assert from 'node:assert/strict'
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { lremovexattr, lsetxattr, mknod, S_IFCHR } from '../../host/syscalls.ts'
import { fromText } from './byte-string.ts'
import { Packer } from './packer.ts'
import { paddingOf, type TarEntry } from './tar-entry.ts'
import { TarReader } from './tar-reader.ts'
import { encodeEntry, endOfArchive, tarEntry } from './tar-writer.ts'
import { Unpacker } from './unpacker.ts'
import { TreeVerifier } from './verify-tree.ts'

type Member = readonly [Partial<TarEntry> & Pick<TarEntry, 'path'>, string?]

const tarOf = (members: readonly Member[]): Buffer =>
  Buffer.concat([
    ...members.flatMap(([fields, text = '']) => {
      const data = Buffer.from(text)
      const entry = tarEntry({
        size: data.length,
        mode: fields.type === 'directory' ? 0o755 : 0o644,
        mtime: 1_700_000_000_123_456_789n,
        ...fields,
      })
      return [encodeEntry(entry), data, Buffer.alloc(paddingOf(data.length))]
    }),
    endOfArchive(),
  ])

const unpackInto = (root: string, tar: Buffer): void => {
  using unpacker = new Unpacker(root, { format: 'layer' })
  const reader = new TarReader(unpacker)
  reader.push(tar)
  reader.finish()
  unpacker.finish()
}

const compare = (tar: Buffer, root: string, limit?: number) => {
  const verifier = new TreeVerifier()
  for (let at = 0; at < tar.length; at += 1000) verifier.push(tar.subarray(at, at + 1000))
  return verifier.compare(root, limit)
}

const found = (tar: Buffer, root: string): string[] =>
  compare(tar, root)
    .differences.map(({ path, what }) => `${what} ${path}`)
    .sort()

/** An unpacked tree, gone at the end of the block. */
const unpacked = (tar: Buffer): { root: string } & Disposable => {
  const root = mkdtempSync(join(tmpdir(), 'tare-verify-'))
  chmodSync(root, 0o755)
  unpackInto(root, tar)
  return { root, [Symbol.dispose]: () => rmSync(root, { recursive: true }) }
}

const SPARSE = [
  { offset: 0, length: 5 },
  { offset: 1 << 20, length: 4 },
  { offset: 3 << 20, length: 0 },
]

const LAYER = tarOf([
  [{ path: 'etc/', type: 'directory', mode: 0o750, uid: 5, gid: 6 }],
  [{ path: 'etc/passwd' }, 'root:x:0:0\n'],
  [{ path: 'etc/shadow', mode: 0o600, uid: 0, gid: 42, mtime: 1_600_000_000_000_000_000n }, 'secret'],
  [{ path: 'etc/empty' }],
  [{ path: 'etc/.wh.gone' }],
  [{ path: 'opt/', type: 'directory' }],
  [{ path: 'opt/.wh..wh..opq' }],
  [{ path: 'usr/bin/tool', mode: 0o6755 }, 'tool'.repeat(40_000)],
  [{ path: 'usr/bin/same', type: 'hardlink', linkTarget: 'usr/bin/tool' }],
  [{ path: 'usr/bin/link', type: 'symlink', linkTarget: '../lib' }],
  [
    {
      path: 'usr/bin/ping',
      xattrs: new Map([
        ['security.capability', Buffer.from('0100000200200000000000000000000000000000', 'hex')],
        ['user.note', Buffer.from('x')],
      ]),
    },
    'ping',
  ],
  [{ path: 'dev/null', type: 'char', major: 1, minor: 3, mode: 0o666 }],
  [{ path: 'dev/fifo', type: 'fifo' }],
  [{ path: fromText('name-ü') }, 'utf-8'],
  [{ path: 'name-\xff' }, 'no utf-8'],
  [{ path: 'sparse', size: 3 << 20, extents: SPARSE }, 'startmid!'],
])

test('a tree is what its archive makes of it', () => {
  using tree = unpacked(LAYER)
  const { total, differences, entries } = compare(LAYER, tree.root)
  assert.deepEqual(differences, [])
  assert.equal(total, 0)
  assert.equal(entries, 18)
})

const DAMAGE: Record<string, readonly [(at: (path: string) => string) => void, ...string[]]> = {
  'a byte': [
    at => {
      const bytes = readFileSync(at('usr/bin/tool'))
      bytes[100_000] = (bytes[100_000] as number) ^ 1
      writeFileSync(at('usr/bin/tool'), bytes)
      chmodSync(at('usr/bin/tool'), 0o6755)
      utimesSync(at('usr/bin/tool'), 1_700_000_000, 1_700_000_000)
    },
    'content /usr/bin/same',
    'time /usr/bin/same',
  ],
  'an owner': [at => chownSync(at('etc/shadow'), 0, 0), 'owner /etc/shadow'],
  'a mode': [at => chmodSync(at('etc/shadow'), 0o644), 'mode /etc/shadow'],
  'the mode of a directory': [at => chmodSync(at('etc'), 0o755), 'mode /etc'],
  'the mode of a directory that is only implied': [at => chmodSync(at('usr'), 0o777), 'mode /usr'],
  'the mode of the root': [at => chmodSync(at('.'), 0o700), 'mode /'],
  'a time': [at => utimesSync(at('etc/shadow'), 1, 1), 'time /etc/shadow'],
  'a size': [
    at => {
      truncateSync(at('etc/shadow'), 3)
      utimesSync(at('etc/shadow'), 1_600_000_000, 1_600_000_000)
    },
    'size /etc/shadow',
  ],
  'a file gone': [at => unlinkSync(at('dev/fifo')), 'missing /dev/fifo'],
  'a directory gone': [at => rmSync(at('usr'), { recursive: true }), 'missing /usr'],
  'a file too many': [at => writeFileSync(at('usr/bin/more'), ''), 'extra /usr/bin/more'],
  'a tree too many': [at => mkdirSync(at('usr/a/b/c'), { recursive: true }), 'extra /usr/a'],
  'a name that is no UTF-8': [
    at => unlinkSync(Buffer.concat([Buffer.from(at('name-')), Buffer.from([0xff])])),
    'missing /name-\ufffd',
  ],
  'a whiteout gone': [at => unlinkSync(at('etc/gone')), 'missing /etc/gone'],
  'a file in the place of a whiteout': [
    at => {
      unlinkSync(at('etc/gone'))
      writeFileSync(at('etc/gone'), '')
    },
    'type /etc/gone',
  ],
  'a whiteout in the place of a file': [
    at => {
      unlinkSync(at('name-ü'))
      mknod(at('name-ü'), S_IFCHR, 0n)
    },
    'type /name-ü',
  ],
  'an opaque mark gone': [at => lremovexattr(at('opt'), 'trusted.overlay.opaque'), 'opaque /opt'],
  'an opaque mark too many': [at => lsetxattr(at('dev'), 'trusted.overlay.opaque', Buffer.from('y')), 'opaque /dev'],
  'a redirection': [at => lsetxattr(at('dev'), 'trusted.overlay.redirect', Buffer.from('/etc')), 'attributes /dev'],
  'a capability': [at => lremovexattr(at('usr/bin/ping'), 'security.capability'), 'attributes /usr/bin/ping'],
  'an attribute of another value': [
    at => lsetxattr(at('usr/bin/ping'), 'user.note', Buffer.from('y')),
    'attributes /usr/bin/ping',
  ],
  'an attribute too many': [
    at => lsetxattr(at('usr/bin/ping'), 'user.other', Buffer.from('y')),
    'attributes /usr/bin/ping',
  ],
  'a symbolic link': [
    at => {
      unlinkSync(at('usr/bin/link'))
      symlinkSync('/etc', at('usr/bin/link'))
    },
    'target /usr/bin/link',
    'time /usr/bin/link',
  ],
  'a device': [
    at => {
      unlinkSync(at('dev/null'))
      mknod(at('dev/null'), S_IFCHR, 0x105n)
      chmodSync(at('dev/null'), 0o666)
    },
    'device /dev/null',
    'time /dev/null',
  ],
  'a directory that is a link now': [
    at => {
      renameSync(at('etc'), at('usr/etc'))
      symlinkSync('usr/etc', at('etc'))
    },
    'extra /usr/etc',
    'type /etc',
  ],
  'a hard link that has become a copy': [
    at => {
      const bytes = readFileSync(at('usr/bin/same'))
      unlinkSync(at('usr/bin/same'))
      writeFileSync(at('usr/bin/same'), bytes)
      chmodSync(at('usr/bin/same'), 0o6755)
    },
    'links /usr/bin/tool',
    'time /usr/bin/same',
  ],
  'a hole with something in it': [
    at => {
      const bytes = readFileSync(at('sparse'))
      bytes[2 << 20] = 1
      writeFileSync(at('sparse'), bytes)
      utimesSync(at('sparse'), 1, 1)
    },
    'content /sparse',
    'time /sparse',
  ],
}

for (const [name, [damage, ...expected]] of Object.entries(DAMAGE)) {
  test(`is seen: ${name}`, () => {
    using tree = unpacked(LAYER)
    damage(path => join(tree.root, path))
    assert.deepEqual(
      found(LAYER, tree.root).filter(line => !/^time \/($|etc$|usr$|usr\/bin$|dev$)/.test(line)),
      expected.sort(),
    )
  })
}

test('two files of the archive may not be one', () => {
  const tar = tarOf([
    [{ path: 'a' }, 'same'],
    [{ path: 'b' }, 'same'],
  ])
  using tree = unpacked(tar)
  unlinkSync(join(tree.root, 'b'))
  linkSync(join(tree.root, 'a'), join(tree.root, 'b'))
  assert.deepEqual(found(tar, tree.root), ['links /b'])
})

test('the list of differences is bounded, their number is told', () => {
  const tar = tarOf(Array.from({ length: 50 }, (_, at): Member => [{ path: `f${at}` }, String(at)]))
  using tree = unpacked(tar)
  for (let at = 0; at < 50; at++) unlinkSync(join(tree.root, `f${at}`))
  const { total, differences } = compare(tar, tree.root, 7)
  assert.deepEqual([total, differences.length], [50, 7])
})

test('an archive that is cut off is an error, a directory that is not there too', () => {
  const verifier = new TreeVerifier()
  verifier.push(LAYER.subarray(0, 5000))
  assert.throws(() => verifier.compare('/'), { message: 'unexpected EOF' })
  assert.throws(() => compare(LAYER, '/nowhere'), { code: 'ENOENT' })
})

test('what the last member of a name says counts, and names that go through links', () => {
  const tar = tarOf([
    [{ path: 'a' }, 'first'],
    [{ path: 'b', type: 'hardlink', linkTarget: 'a' }],
    [{ path: 'a' }, 'second'],
    [{ path: 'real/', type: 'directory' }],
    [{ path: 'alias', type: 'symlink', linkTarget: '/real' }],
    [{ path: 'alias/below/file' }, 'through a link'],
    [{ path: 'was-dir/inner' }, 'x'],
    [{ path: 'was-dir' }, 'now a file'],
    [{ path: '.wh.hidden' }],
    [{ path: 'hidden/', type: 'directory' }],
    [{ path: 'own' }, 'stays'],
    [{ path: '.wh.own' }],
  ])
  using tree = unpacked(tar)
  assert.deepEqual(found(tar, tree.root), [])
  unlinkSync(join(tree.root, 'real/below/file'))
  assert.deepEqual(found(tar, tree.root), ['missing /real/below/file'])
})

/** A small generator, so that a failure can be had again: https://en.wikipedia.org/wiki/Linear_congruential_generator */
const randomFrom = (seed: number) => {
  let state = seed
  return (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

test('whatever a layer does, its tree is found to be what it is; packed again it is the same', () => {
  const names = ['a', 'b', 'c', 'a/a', 'a/b', 'b/c', 'a/b/c', 'c/a/b']
  let compared = 0
  for (let seed = 1; seed <= 400; seed++) {
    const random = randomFrom(seed)
    const pick = () => names[random(names.length)] as string
    const members = Array.from({ length: 2 + random(12) }, (): Member => {
      const path = pick()
      const slash = path.lastIndexOf('/') + 1
      const kinds: readonly Member[] = [
        [{ path }, `content ${random(3)}`],
        [{ path, mode: 0o600, uid: 7 }, 'x'],
        [{ path: `${path}/`, type: 'directory', mode: 0o711 }],
        [{ path, type: 'symlink', linkTarget: random(2) ? pick() : `/${pick()}` }],
        [{ path, type: 'hardlink', linkTarget: pick() }],
        [{ path: `${path.slice(0, slash)}.wh.${path.slice(slash)}` }],
        [{ path: `${path}/.wh..wh..opq` }],
      ]
      return kinds[random(kinds.length)] as Member
    })
    const tar = tarOf(members)
    let tree: ReturnType<typeof unpacked>
    try {
      tree = unpacked(tar)
    } catch {
      // A layer that cannot be unpacked has no tree.
      continue
    }
    using _tree = tree
    assert.deepEqual(found(tar, tree.root), [], `seed ${seed}: ${members.map(([{ path, type }]) => `${type} ${path}`)}`)
    const packed = Buffer.concat([...new Packer({ format: 'layer' }).pack(tree.root)])
    assert.deepEqual(found(packed, tree.root), [], `seed ${seed}, packed`)
    compared++
  }
  assert.ok(compared > 100, `${compared} layers`)
})
