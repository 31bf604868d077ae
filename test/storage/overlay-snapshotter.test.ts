import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { Database } from '../../src/database.ts'
import { mountsBelow } from '../../src/host/mount.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { settle } from '../../src/storage/settle.ts'
import { layerIntakeSuite } from '../../src/storage/snapshots/layer-intake.suite.ts'
import { OverlaySnapshotter } from '../../src/storage/snapshots/overlay-snapshotter.ts'
import { layerTar, snapshotterSuite } from '../../src/storage/snapshots/snapshotter.suite.ts'
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

test('what another engine has mounted spares nothing of ours, whatever its number', async () => {
  await using ours = await make()
  await using theirs = await make()
  const { diffId } = await theirs.snapshotter.apply(Readable.from([layerTar([{ path: 'file' }, 'theirs'])]))
  const folder = basename(theirs.snapshotter.describeLayers([diffId]).UpperDir as string)
  theirs.snapshotter.prepare('k', [diffId])
  theirs.snapshotter.mount('k', theirs.target)
  mkdirSync(join(ours.root, 'snapshots', folder))
  await ours.reopen()
  assert.deepEqual(readdirSync(join(ours.root, 'snapshots')), ['0'])
  await theirs.snapshotter.unmount(theirs.target)
  await theirs.snapshotter.remove('k')
})

test('a broken tree is replaced; what is mounted keeps the old one until it is unmounted', async () => {
  await using place = await make()
  const { snapshotter, target } = place
  const tar = layerTar([{ path: 'motd' }, 'hello'])
  const file = join(place.root, 'blob')
  writeFileSync(file, tar)
  const expected = { digest: digestOf(tar), size: tar.length, diffId: digestOf(tar) }
  const receive = async (replace: boolean): Promise<void> => {
    await using intake = await snapshotter.receive({ file, whole: true, unpack: true, replace })
    await intake.finish(expected)
  }
  await receive(false)
  const tree = () => snapshotter.describeLayers([expected.diffId]).UpperDir as string
  const before = tree()
  snapshotter.prepare('k', [expected.diffId])
  snapshotter.mount('k', target)
  writeFileSync(join(before, 'motd'), 'HELLO')

  await receive(true)
  assert.notEqual(tree(), before)
  assert.equal(readFileSync(join(tree(), 'motd'), 'utf8'), 'hello')
  assert.deepEqual(await snapshotter.strays(), [])
  assert.ok(existsSync(before), 'the mounted overlay still reads from it')
  const later = await place.reopen()
  assert.ok(existsSync(before), 'nor does the next daemon take it away')
  assert.equal(readFileSync(join(target, 'motd'), 'utf8'), 'HELLO')

  await later.unmount(target)
  assert.deepEqual(await later.strays(), [before])
  later.mount('k', target)
  assert.equal(readFileSync(join(target, 'motd'), 'utf8'), 'hello')
  await later.unmount(target)
  await later.remove('k')
})

test('what is being unpacked is no stray; what nobody knows is', async () => {
  await using place = await make()
  const { snapshotter } = place
  const file = join(place.root, 'blob')
  await using _intake = await snapshotter.receive({ file, unpack: true })
  assert.equal(readdirSync(join(place.root, 'snapshots')).length, 2)
  assert.deepEqual(await snapshotter.strays(), [])
  mkdirSync(join(place.root, 'snapshots/backup'))
  assert.deepEqual(await snapshotter.strays(), [join(place.root, 'snapshots/backup')])
})

test('a layer that the host did not live to write down is gone with the next boot, and only then', async () => {
  const root = mkdtempSync(join(suiteRoot(), 'snapshots-'))
  const awake = setInterval(() => {}, 1000)
  try {
    const open = async (boot: string, work: (snapshotter: OverlaySnapshotter) => Promise<void>): Promise<void> => {
      using database = new Database(join(root, 'tare.db'))
      const snapshotter = new OverlaySnapshotter({ root, database, boot })
      await snapshotter.sweep()
      await work(snapshotter)
    }
    const tar = layerTar([{ path: 'a' }, 'a'])
    const receive = async (snapshotter: OverlaySnapshotter): Promise<void> => {
      const file = join(root, 'blob')
      rmSync(file, { force: true })
      await using intake = await snapshotter.receive({ file, unpack: true })
      await intake.write(tar)
      await intake.finish({ digest: digestOf(tar), size: tar.length, diffId: digestOf(tar) })
    }
    await open('one', receive)
    await open('one', async snapshotter => assert.equal(snapshotter.layers().length, 1))
    await open('two', async snapshotter => {
      assert.deepEqual(snapshotter.layers(), [])
      assert.deepEqual(await snapshotter.strays(), [])
      await receive(snapshotter)
      await settle(root)
    })
    await open('three', async snapshotter => assert.equal(snapshotter.layers().length, 1))
  } finally {
    clearInterval(awake)
    rmSync(root, { recursive: true })
  }
})
