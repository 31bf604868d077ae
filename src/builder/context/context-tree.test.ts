import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { paddingOf, type TarEntry } from '../../storage/archive/tar-entry.ts'
import { encodeEntry, endOfArchive, tarEntry } from '../../storage/archive/tar-writer.ts'
import { digestSources } from '../solver/digest-sources.ts'
import { selectSources } from '../solver/select-sources.ts'
import type { ContextTree } from './context-tree.ts'
import { applyIgnoreRules } from './ignore-rules.ts'
import { receiveContext } from './receive-context.ts'

const folder = mkdtempSync(join(tmpdir(), 'context-'))
after(() => rmSync(folder, { recursive: true }))

type Member = Partial<TarEntry> & { path: string; content?: string | Buffer }
const archive = (members: readonly Member[]): Buffer =>
  Buffer.concat([
    ...members.flatMap(({ content = '', ...entry }) => {
      const bytes = Buffer.from(content)
      return [encodeEntry(tarEntry({ size: bytes.length, ...entry })), bytes, Buffer.alloc(paddingOf(bytes.length))]
    }),
    endOfArchive(),
  ])
let count = 0
const receive = (bytes: Buffer): Promise<ContextTree> => {
  const chunks = Array.from({ length: Math.ceil(bytes.length / 1000) }, (_, index) =>
    bytes.subarray(index * 1000, index * 1000 + 1000),
  )
  return receiveContext(
    Readable.from(chunks, { objectMode: false }),
    join(folder, `spool-${count++}`),
    new AbortController().signal,
  )
}
const tree = (members: readonly Member[]): Promise<ContextTree> => receive(archive(members))
const file = (path: string, content = ''): Member => ({ path, content })
const link = (path: string, linkTarget: string): Member => ({ path, type: 'symlink', linkTarget })

test('names, metadata and contents; owners are dropped', async () => {
  using context = await tree([
    { path: './d/', type: 'directory', mode: 0o700, uid: 5 },
    { ...file('./d/f', 'hello'), mode: 0o4755, uid: 7, gid: 8 },
    file('deep/er/f', 'x'),
  ])
  assert.deepEqual(context.names(''), ['d', 'deep'])
  assert.deepEqual(context.names('deep'), ['er'])
  const { type, mode, uid, gid, size } = context.entry('d/f')!
  assert.deepEqual({ type, mode, uid, gid, size }, { type: 'file', mode: 0o4755, uid: 0, gid: 0, size: 5 })
  assert.equal(context.entry('d')?.mode, 0o700)
  assert.equal(context.text('d/f'), 'hello')
  assert.equal(context.text('d'), undefined)
  const window = Buffer.alloc(2)
  assert.equal(context.read('d/f', window, 3), 2)
  assert.equal(window.toString(), 'lo')
})

test('links are followed inside the context and never out of it', async () => {
  using context = await tree([
    file('d/f', 'x'),
    link('l', 'd/f'),
    link('abs', '/d'),
    link('up', '../../../d'),
    link('loop', 'loop'),
    link('dead', 'nope'),
    link('d/back', '../l'),
  ])
  assert.equal(context.resolve('l'), 'd/f')
  assert.equal(context.resolve('abs/f'), 'd/f')
  assert.equal(context.resolve('up/back'), 'd/f')
  assert.equal(context.resolve('loop'), undefined)
  assert.equal(context.resolve('dead'), undefined)
  assert.equal(context.resolve(''), '')
  assert.equal(context.entry('l')?.type, 'symlink')
})

test('hard links, a later member in the place of an earlier one', async () => {
  using context = await tree([
    file('a', 'one'),
    { path: 'h', type: 'hardlink', linkTarget: 'a' },
    file('a', 'two'),
    file('x', 'file'),
    file('x/below', 'y'),
  ])
  assert.equal(context.text('h'), 'one')
  assert.equal(context.text('a'), 'two')
  assert.equal(context.text('x/below'), 'y')
})

test('what climbs out is refused, what is cut off too', async () => {
  await assert.rejects(tree([file('../x')]), { message: 'forbidden path outside the build context: ../x ()' })
  await assert.rejects(receive(archive([file('a', 'x'.repeat(2000))]).subarray(0, 1500)), { message: 'unexpected EOF' })
  await assert.rejects(receive(Buffer.from('garbage')), { message: 'unexpected EOF' })
})

test('large contexts go to a file without a name, small ones do not; compressed ones come uncompressed', async () => {
  const content = Buffer.alloc(3 * 1024 * 1024, 'abc')
  using context = await receive(gzipSync(archive([file('small', 's'), { path: 'large', content }, file('last', 'l')])))
  assert.deepEqual(readdirSync(folder), [])
  assert.equal(context.text('small'), 's')
  assert.equal(context.text('last'), 'l')
  assert.equal(context.text('large'), content.toString())
})

test('a client that stops sending is an error, not a wait', async () => {
  const stream = new Readable({ read() {} })
  const stop = new AbortController()
  const received = receiveContext(stream, join(folder, 'never'), stop.signal)
  stream.push(archive([file('a', 'x')]).subarray(0, 600))
  setImmediate(() => stop.abort(new Error('gone')))
  await assert.rejects(received)
})

test('ignore rules, with exceptions, and the file of the Dockerfile itself first', async () => {
  const members = [
    file('a.log'),
    file('keep.log'),
    file('d/b.log'),
    file('d/keep'),
    file('secret/x'),
    file('.dockerignore', '*.log\n**/b.log\n!keep.log\nsecret\n'),
  ]
  using context = await tree(members)
  await applyIgnoreRules(context, 'Dockerfile')
  assert.deepEqual(context.names(''), ['.dockerignore', 'd', 'keep.log'])
  assert.deepEqual(context.names('d'), ['keep'])
  using own = await tree([...members, file('x/Df.dockerignore', 'd\n')])
  await applyIgnoreRules(own, 'x/Df')
  assert.deepEqual(own.names(''), ['.dockerignore', 'a.log', 'keep.log', 'secret', 'x'])
  using exception = await tree([file('d/in', ''), file('d/out', ''), file('.dockerignore', 'd\n!d/in\n')])
  await applyIgnoreRules(exception, 'Dockerfile')
  assert.deepEqual(exception.names('d'), ['in'])
})

test('sources: names, wildcards, escapes', async () => {
  using context = await tree([
    file('a.txt'),
    file('b.txt'),
    file('[x].txt'),
    file('d/c.txt'),
    link('l.txt', 'd/c.txt'),
    file('d/e/f'),
  ])
  const select = (...patterns: string[]): string[] =>
    selectSources(context, patterns, 'COPY', 'context').map(({ path, name }) => `${name}=${path}`)
  assert.deepEqual(select('a.txt', './d//c.txt', '/d'), ['a.txt=a.txt', 'c.txt=d/c.txt', 'd=d'])
  assert.deepEqual(select('[ab].t?t'), ['a.txt=a.txt', 'b.txt=b.txt'])
  assert.deepEqual(select('*.txt'), ['[x].txt=[x].txt', 'a.txt=a.txt', 'b.txt=b.txt', 'l.txt=d/c.txt'])
  assert.deepEqual(select('\\[x].txt', '*/e/*'), ['[x].txt=[x].txt', 'f=d/e/f'])
  assert.deepEqual(select('.'), ['='])
  assert.deepEqual(select('nothing*', '[z-a]'), [])
  assert.throws(() => select('nope'), {
    message:
      'COPY failed: file not found in build context or excluded by .dockerignore: stat nope: file does not exist',
  })
  assert.throws(() => select('d/../../x'), {
    message: 'COPY failed: forbidden path outside the build context: ../x ()',
  })
})

test('the digest of sources: content and metadata, neither times nor what is not copied', async () => {
  const digest = async (members: readonly Member[]): Promise<string> => {
    using context = await tree(members)
    return digestSources(selectSources(context, ['d', 'a'], 'COPY', 'context'))
  }
  const base = [file('a', '1'), file('d/x', '2'), link('d/l', 'x'), file('other', '3')]
  const same = await digest(base)
  assert.equal(await digest(base.map(member => ({ ...member, mtime: 5_000_000_000n, uid: 9 }))), same)
  assert.equal(await digest([...base].reverse()), same)
  assert.equal(await digest([...base.slice(0, 3), file('other', 'changed')]), same)
  const others = [
    await digest([file('a', '9'), ...base.slice(1)]),
    await digest([{ ...file('a', '1'), mode: 0o755 }, ...base.slice(1)]),
    await digest([base[0]!, file('d/y', '2'), ...base.slice(2)]),
    await digest([base[0]!, base[1]!, link('d/l', 'y'), base[3]!]),
    await digest([...base, { path: 'd/empty', type: 'directory', mode: 0o755 }]),
  ]
  assert.equal(new Set([same, ...others]).size, 6)
})
