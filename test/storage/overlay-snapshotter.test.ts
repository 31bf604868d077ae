import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Database } from '../../src/database.ts'
import { mountsBelow } from '../../src/host/mount.ts'
import { layerIntakeSuite } from '../../src/storage/snapshots/layer-intake.suite.ts'
import { OverlaySnapshotter } from '../../src/storage/snapshots/overlay-snapshotter.ts'
import { snapshotterSuite } from '../../src/storage/snapshots/snapshotter.suite.ts'
import { suiteRoot } from '../harness/suite-root.ts'

const make = async (limits: { maxLayerSize?: number; maxLayerEntries?: number } = {}) => {
  const root = mkdtempSync(join(suiteRoot(), 'snapshots-'))
  const target = join(root, 'target')
  mkdirSync(target)
  const databases: Database[] = []
  const open = async (): Promise<OverlaySnapshotter> => {
    for (const database of databases.splice(0)) database[Symbol.dispose]()
    const database = new Database(join(root, 'tare.db'))
    databases.push(database)
    const snapshotter = new OverlaySnapshotter({ root, database, ...limits })
    await snapshotter.sweep()
    return snapshotter
  }
  return {
    root,
    target,
    snapshotter: await open(),
    reopen: open,
    async [Symbol.asyncDispose]() {
      for (const database of databases) database[Symbol.dispose]()
      assert.deepEqual(mountsBelow(root), [])
      rmSync(root, { recursive: true })
    },
  }
}

snapshotterSuite('OverlaySnapshotter', make)
layerIntakeSuite('OverlaySnapshotter', make)

test('folders that nobody knows are swept, and their numbers not used before', async () => {
  await using place = await make()
  const stray = join(place.root, 'snapshots/7')
  mkdirSync(join(stray, 'upper'), { recursive: true })
  writeFileSync(join(stray, 'upper/file'), 'left by a dead process')
  const snapshotter = await place.reopen()
  assert.deepEqual(readdirSync(join(place.root, 'snapshots')), ['0'])
  snapshotter.prepare('k', [])
  assert.deepEqual(readdirSync(join(place.root, 'snapshots')).sort(), ['0', '8'])
})
