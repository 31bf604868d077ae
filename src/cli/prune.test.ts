import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { FakeDaemon } from '../../test/harness/fake-daemon.ts'
import { command as networkPrune } from './commands/network-prune.ts'
import { command as systemPrune } from './commands/system-prune.ts'
import { ConfigFile } from './config-file.ts'
import { parseFlagTable } from './flags/flag-table.ts'
import { parseFlags } from './flags/parse-flags.ts'
import { pruneFilters } from './prune.ts'

const EMPTY = { SpaceReclaimed: 0 }

test('system prune: one kind after the other, what went before a failure is told', async () => {
  await using daemon = await FakeDaemon.start(({ path }) => {
    if (path === '/containers/prune') return { json: { ContainersDeleted: ['c1'], SpaceReclaimed: 1000 } }
    if (path === '/images/prune')
      return { json: { ImagesDeleted: [{ Untagged: 'a:1' }, { Deleted: 'sha256:1' }], SpaceReclaimed: 2000 } }
    return { json: EMPTY }
  })
  const { stdout } = await daemon.run(systemPrune, '-f', '-a', '--volumes', '--filter', 'label=x')
  assert.equal(
    stdout,
    'Deleted Containers:\nc1\n\nDeleted Images:\nuntagged: a:1\ndeleted: sha256:1\n\nTotal reclaimed space: 3kB\n',
  )
  assert.deepEqual(
    daemon.asked.map(({ path, query }) => [path, query.get('filters')]),
    [
      ['/containers/prune', '{"label":{"x":true}}'],
      ['/networks/prune', '{"label":{"x":true}}'],
      ['/volumes/prune', '{"label":{"x":true}}'],
      ['/images/prune', '{"label":{"x":true},"dangling":{"false":true}}'],
      ['/build/prune', null],
    ],
  )
  await using failing = await FakeDaemon.start(({ path }) =>
    path === '/networks/prune'
      ? { status: 409, json: { message: 'a prune operation is already running' } }
      : { json: { ContainersDeleted: ['c1'], SpaceReclaimed: 1000 } },
  )
  const half = await failing.run(systemPrune, '-f')
  assert.equal(half.stdout, 'Deleted Containers:\nc1\n\n')
  assert.equal(half.fault?.message, 'a prune operation is already running')
})

test('network prune counts no bytes', async () => {
  await using daemon = await FakeDaemon.start(() => ({ json: { NetworksDeleted: ['n'] } }))
  assert.equal((await daemon.run(networkPrune, '-f')).stdout, 'Deleted Networks:\nn\n\n')
})

test('filters of config.json are added, but for those that a flag contradicts', async () => {
  await using daemon = await FakeDaemon.start(() => ({}))
  writeFileSync(
    join(daemon.folder, 'config.json'),
    JSON.stringify({ pruneFilters: ['label!=keep', 'label=temp', 'until=1h', 'nonsense'] }),
  )
  const { flags } = parseFlags(['--filter', 'label=keep'], { table: parseFlagTable('      --filter filter   x\n') })
  assert.deepEqual(pruneFilters(flags, new ConfigFile(daemon.folder)), ['label=keep', 'label=temp', 'until=1h'])
})
