import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { Database } from '../../src/database.ts'
import { mount, umount } from '../../src/host/mount.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { ContentStore } from '../../src/storage/content/content-store.ts'
import { OverlaySnapshotter } from '../../src/storage/snapshots/overlay-snapshotter.ts'
import { layerTar } from '../../src/storage/snapshots/snapshotter.suite.ts'
import { suiteRoot } from '../harness/suite-root.ts'

const noise = (seed: number): string =>
  Array.from({ length: 60 }, (_, at) => createHash('sha512').update(`${seed} ${at}`).digest('base64')).join('')
const TAR = layerTar(...Array.from({ length: 4000 }, (_, at) => [{ path: `d${at % 40}/f${at}` }, noise(at)] as const))
const BLOB = gzipSync(TAR, { level: 1 })
const EXPECTED = { digest: digestOf(BLOB), size: BLOB.length, diffId: digestOf(TAR) }

test('killed at any moment, it leaves what a later try goes on with, and nothing else', {
  timeout: 120_000,
}, async () => {
  const root = mkdtempSync(join(suiteRoot(), 'killed-'))
  const blob = join(root, 'blob')
  writeFileSync(blob, BLOB)
  const start = () =>
    spawn(
      process.execPath,
      [
        '--disable-warning=ExperimentalWarning',
        join(import.meta.dirname, 'receive-child.ts'),
        root,
        blob,
        EXPECTED.digest,
        EXPECTED.diffId,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
  try {
    let resumed = 0
    // How far it comes before it is killed: a part of the blob, or so many milliseconds after the last of it.
    const moments = [0, 0.1, 0.3, 0.5, 0.7, 0.9, ...[0, 5, 10, 20, 40, 80].map(after => ({ after }))]
    for (const moment of moments) {
      const child = start()
      for await (const line of createInterface({ input: child.stdout })) {
        const [word, number] = line.split(' ')
        if (word === 'offset' && Number(number) > 0) resumed++
        if (typeof moment === 'number' ? Number(number) >= moment * BLOB.length : word === 'written') break
      }
      if (typeof moment === 'object') await setTimeout(moment.after)
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      using database = new Database(join(root, 'tare.db'))
      const content = new ContentStore(root)
      const snapshotter = new OverlaySnapshotter({ root, database })
      await snapshotter.sweep()
      const layers = snapshotter.layers()
      assert.ok(layers.length <= 1)
      assert.equal(readdirSync(join(root, 'snapshots')).length, 1 + layers.length)
      if (content.has(EXPECTED.digest)) {
        assert.deepEqual(content.readSync(EXPECTED.digest), BLOB)
        assert.equal(layers.length, 1)
        content.remove(EXPECTED.digest)
      } else if (existsSync(content.partialPath(EXPECTED.digest))) {
        const partial = readFileSync(content.partialPath(EXPECTED.digest))
        assert.ok(partial.equals(BLOB.subarray(0, partial.length)))
      }
      if (layers.length === 1) {
        const tree = snapshotter.describeLayers([EXPECTED.diffId]).UpperDir as string
        assert.equal(readdirSync(tree, { recursive: true }).length, 4040)
        await snapshotter.removeLayer(EXPECTED.diffId)
      }
    }
    assert.ok(resumed > 1, `${resumed} resumed`)
    const child = start()
    assert.match(await text(child.stdout), /done/)
  } finally {
    rmSync(root, { recursive: true })
  }
})

test('a disk that fills is told in clear words, everything is given back, and the next try succeeds', async () => {
  const root = mkdtempSync(join(suiteRoot(), 'full-'))
  const small = join(root, 'small')
  mkdirSync(small)
  mount('tmpfs', small, 'tmpfs', 0, 'size=24m')
  try {
    using database = new Database(join(root, 'tare.db'))
    const snapshotter = new OverlaySnapshotter({ root: small, database })
    const file = join(small, 'blob')
    const receive = async (): Promise<void> => {
      await using intake = await snapshotter.receive({ file, unpack: true })
      for (let at = intake.offset; at < BLOB.length; at += 100_000) await intake.write(BLOB.subarray(at, at + 100_000))
      await intake.finish(EXPECTED)
    }
    // Full in the tree first, and then already in the blob.
    for (const taken of [4_000_000, 20_000_000]) {
      writeFileSync(join(small, 'other'), Buffer.alloc(taken))
      await assert.rejects(receive(), {
        kind: 'Internal',
        message: /^failed to register layer: no space left on device/,
      })
      assert.equal(existsSync(file), false)
      assert.deepEqual(readdirSync(join(small, 'snapshots')), ['0'])
      assert.deepEqual(snapshotter.layers(), [])
    }
    rmSync(join(small, 'other'))
    umount(small)
    mount('tmpfs', small, 'tmpfs', 0, 'size=200m')
    mkdirSync(join(small, 'snapshots/0'), { recursive: true })
    await receive()
    assert.equal(snapshotter.layers().length, 1)
  } finally {
    umount(small)
    rmSync(root, { recursive: true })
  }
})
