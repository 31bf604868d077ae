import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Database } from '../../database.ts'
import { type ContextLease, ContextStore } from './context-store.ts'
import type { Content } from './context-tree.ts'

const folder = mkdtempSync(join(tmpdir(), 'contexts-'))
after(() => rmSync(folder, { recursive: true }))
let count = 0
const place = () => ({ directory: join(folder, String(count++)), database: new Database(':memory:') })

const digest = (text: string) => createHash('sha256').update(text).digest('hex')
const wanted = (text: string): Content => ({ source: undefined, offset: 0, size: 0, digest: digest(text) })
const bring = (lease: ContextLease, ...texts: string[]): Promise<void> =>
  lease.bring(async writer =>
    texts.map(text => {
      const offset = writer.length
      writer.append(Buffer.from(text))
      return { source: undefined, offset, size: text.length, digest: digest(text) }
    }),
  )
const textOf = ({ source, offset, size }: Content): string => {
  const buffer = Buffer.alloc(size)
  assert.equal(source?.read(buffer, offset), size)
  return buffer.toString()
}
/** Until what is brought is known to be on the disk. */
const settled = async (database: Database): Promise<void> => {
  while (database.get('SELECT id FROM context_packs WHERE durable = 0'))
    await new Promise(resolve => setImmediate(resolve))
}

test('what was brought is found by its digest, by others too', async () => {
  const { directory, database } = place()
  const store = new ContextStore(directory, database)
  using first = store.lease()
  await bring(first, 'one', 'x'.repeat(600_000), 'three', '')
  using second = store.lease()
  const contents = [wanted('three'), wanted('four'), wanted('x'.repeat(600_000)), wanted('')]
  assert.deepEqual(second.fill(contents), [contents[1]])
  assert.equal(textOf(contents[0]!), 'three')
  assert.equal(textOf(contents[2]!), 'x'.repeat(600_000))
  assert.equal(textOf(contents[3]!), '')
  await settled(database)
})

test('nothing stays of what broke off', async () => {
  const { directory, database } = place()
  const store = new ContextStore(directory, database)
  using lease = store.lease()
  await assert.rejects(
    lease.bring(async writer => {
      writer.append(Buffer.from('half'))
      throw new Error('gone')
    }),
    /gone/,
  )
  assert.deepEqual(readdirSync(directory), [])
  assert.deepEqual(store.list(), [])
  assert.equal(lease.fill([wanted('half')]).length, 1)
})

test('the longest unused goes when there is too much, never what is in use', async () => {
  const { directory, database } = place()
  const store = new ContextStore(directory, database, { bytes: 10, packs: 100 })
  {
    using lease = store.lease()
    await bring(lease, 'aaaaaa')
    await bring(lease, 'bbbbbb')
    assert.equal(store.list().length, 2)
    assert.ok(store.list().every(({ inUse }) => inUse))
  }
  using lease = store.lease()
  assert.deepEqual(lease.fill([wanted('bbbbbb')]), [])
  await bring(lease, 'cc')
  assert.equal(lease.fill([wanted('aaaaaa')]).length, 1)
  assert.deepEqual(lease.fill([wanted('bbbbbb'), wanted('cc')]), [])
  assert.equal(readdirSync(directory).length, 2)
})

test('a number of packs is kept, too', async () => {
  const { directory, database } = place()
  const store = new ContextStore(directory, database, { bytes: 1000, packs: 3 })
  for (const text of ['a', 'b', 'c', 'd', 'e']) {
    using lease = store.lease()
    await bring(lease, text)
  }
  assert.equal(store.list().length, 3)
  assert.equal(readdirSync(directory).length, 3)
})

test('the next daemon keeps what was on the disk, and sweeps the rest', async () => {
  const { directory, database } = place()
  const before = new ContextStore(directory, database)
  for (const text of ['whole', 'cut off', 'not settled']) {
    using lease = before.lease()
    await bring(lease, text)
    await settled(database)
  }
  database.run('UPDATE context_packs SET durable = 0 WHERE id = 3')
  truncateSync(join(directory, '2'), 3)
  writeFileSync(join(directory, '77'), 'stray')
  const store = new ContextStore(directory, database)
  store.recover()
  assert.deepEqual(readdirSync(directory), ['1'])
  using lease = store.lease()
  assert.equal(lease.fill([wanted('whole'), wanted('cut off'), wanted('not settled')]).length, 2)
})

test('a pack that was taken away is sent again', async () => {
  const { directory, database } = place()
  const store = new ContextStore(directory, database)
  {
    using lease = store.lease()
    await bring(lease, 'text')
    await settled(database)
  }
  rmSync(join(directory, '1'))
  using lease = store.lease()
  assert.equal(lease.fill([wanted('text')]).length, 1)
  assert.deepEqual(store.list(), [])
})
