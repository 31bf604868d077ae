import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromText } from './byte-string.ts'
import { paddingOf, type TarEntry } from './tar-entry.ts'
import { TarReader } from './tar-reader.ts'
import { encodeEntry, endOfArchive, tarEntry } from './tar-writer.ts'

type Read = { entry: TarEntry; data: Buffer }

/** Reads an archive that comes in pieces of `step` bytes; holes are filled with zeros. */
const read = (archive: Buffer, step = archive.length || 1): Read[] => {
  const found: Read[] = []
  const reader = new TarReader({
    entry: entry => void found.push({ entry, data: Buffer.alloc(entry.size) }),
    data: (chunk, position) => void chunk.copy((found.at(-1) as Read).data, position),
    end: () => {},
  })
  for (let offset = 0; offset < archive.length; offset += step) reader.push(archive.subarray(offset, offset + step))
  reader.finish()
  return found
}

const write = (entries: readonly (readonly [TarEntry, Buffer])[]): Buffer =>
  Buffer.concat([
    ...entries.flatMap(([entry, data]) => [encodeEntry(entry), data, Buffer.alloc(paddingOf(data.length))]),
    endOfArchive(),
  ])

const roundTrip = (fields: Partial<TarEntry> & Pick<TarEntry, 'path'>, data = Buffer.alloc(0), step?: number): Read => {
  const entry = tarEntry({ ...fields, size: fields.size ?? data.length })
  const [first, ...rest] = read(write([[entry, data]]), step)
  assert.equal(rest.length, 0)
  return first as Read
}

test('a plain file comes back as it was, in chunks of any size', () => {
  const data = Buffer.from('hello\n'.repeat(300))
  for (const step of [1, 7, 511, 512, 513, 100_000]) {
    const { entry, data: back } = roundTrip(
      { path: 'a/b', mode: 0o4755, uid: 1000, gid: 1001, mtime: 1_700_000_000n * 1_000_000_000n },
      data,
      step,
    )
    assert.deepEqual(entry, {
      ...tarEntry({
        path: 'a/b',
        mode: 0o4755,
        uid: 1000,
        gid: 1001,
        size: data.length,
        mtime: 1_700_000_000n * 1_000_000_000n,
      }),
      extents: undefined,
    })
    assert.deepEqual(back, data)
  }
})

test('what does not fit a ustar header survives in pax records', () => {
  const long = `${'d'.repeat(90)}/`.repeat(5) + 'f'.repeat(200)
  const cases: (Partial<TarEntry> & Pick<TarEntry, 'path'>)[] = [
    { path: long },
    { path: `${'x'.repeat(150)}/${'y'.repeat(99)}` },
    { path: 'l', type: 'symlink', linkTarget: long },
    { path: 'h', type: 'hardlink', linkTarget: long },
    { path: 'u', uid: 4_000_000_000, gid: 3_000_000 },
    { path: 't', mtime: 1_700_000_000_123_456_789n },
    { path: 'before', mtime: -1_500_000_000n },
    { path: 'far', mtime: 99_999_999_999n * 1_000_000_000n },
    {
      path: 'x',
      xattrs: new Map(
        [
          ['security.capability', Buffer.from([1, 0, 0, 2, 10, 61, 255])],
          ['user.é', Buffer.alloc(0)],
        ].slice(0, 1) as [string, Buffer][],
      ),
    },
    { path: fromText('naïve/ünïcode/日本'.repeat(9)) },
    { path: `\xff\xfe${'z'.repeat(200)}` },
    { path: 'dev', type: 'char', major: 4095, minor: 1_048_575 },
    { path: 'p', type: 'fifo', mode: 0o1777 },
  ]
  for (const fields of cases) {
    const { entry } = roundTrip(fields)
    assert.deepEqual(entry, { ...tarEntry(fields), extents: undefined }, fields.path)
  }
})

test('a name that is not UTF-8 keeps its bytes', () => {
  assert.equal(roundTrip({ path: 'caf\xe9' }).entry.path, 'caf\xe9')
})

test('a size beyond eight gigabytes is told', () => {
  const archive = encodeEntry(tarEntry({ path: 'big', size: 20_000_000_000 }))
  const sizes: number[] = []
  const reader = new TarReader({ entry: ({ size }) => void sizes.push(size), data: () => {}, end: () => {} })
  reader.push(archive)
  assert.deepEqual(sizes, [20_000_000_000])
  assert.throws(() => reader.finish(), /unexpected EOF/)
})

test('a sparse file comes back with its holes', () => {
  const extents = [
    { offset: 4096, length: 10 },
    { offset: 1_000_000, length: 5 },
  ]
  const entry = tarEntry({ path: 'sparse', size: 2_000_000, extents })
  const stored = Buffer.from('0123456789abcde')
  const archive = Buffer.concat([encodeEntry(entry), stored, Buffer.alloc(paddingOf(stored.length)), endOfArchive()])
  for (const step of [1, 600, archive.length]) {
    const [{ entry: back, data }] = read(archive, step) as [Read]
    assert.deepEqual(back.extents, extents)
    assert.equal(back.path, 'sparse')
    assert.equal(data.toString('latin1', 4096, 4106), '0123456789')
    assert.equal(data.toString('latin1', 1_000_000, 1_000_005), 'abcde')
    assert.equal(data.length, 2_000_000)
  }
})

test('broken archives are refused', () => {
  assert.throws(() => read(Buffer.from('garbage'.repeat(100))), /invalid tar header/)
  assert.throws(() => read(Buffer.from('short')), /unexpected EOF/)
  const whole = write([[tarEntry({ path: 'a', size: 600 }), Buffer.alloc(600, 1)]])
  assert.throws(() => read(whole.subarray(0, 700)), /unexpected EOF/)
  const bent = Buffer.from(whole)
  bent[0] = 0x62
  assert.throws(() => read(bent), /invalid tar header/)
})

test('hostile sizes and maps are refused', () => {
  const overlapping = encodeEntry(
    tarEntry({
      path: 's',
      size: 100,
      extents: [
        { offset: 0, length: 50 },
        { offset: 10, length: 5 },
      ],
    }),
  )
  assert.throws(() => read(Buffer.concat([overlapping, Buffer.alloc(512), endOfArchive()])), /invalid tar header/)
  const beyond = encodeEntry(tarEntry({ path: 's', size: 10, extents: [{ offset: 0, length: 50 }] }))
  assert.throws(() => read(Buffer.concat([beyond, Buffer.alloc(512), endOfArchive()])), /invalid tar header/)
})
