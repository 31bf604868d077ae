import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { lgetxattr } from '../../host/syscalls.ts'
import { type Digest, digestOf } from '../../oci/digest.ts'
import { paddingOf, type TarEntry } from '../archive/tar-entry.ts'
import { encodeEntry, endOfArchive, tarEntry } from '../archive/tar-writer.ts'
import type { Snapshotter } from './snapshotter.ts'

export type SnapshotterPlace = AsyncDisposable & {
  readonly snapshotter: Snapshotter
  /** An empty directory to mount at. */
  readonly target: string
  /** Another snapshotter over the same state, as after a restart. */
  reopen(): Promise<Snapshotter>
}

type Fields = Partial<TarEntry> & Pick<TarEntry, 'path'>

/** A layer's tar of a few members. */
export const layerTar = (...members: readonly (readonly [Fields, string?])[]): Buffer =>
  Buffer.concat([
    ...members.flatMap(([fields, text = '']) => {
      const data = Buffer.from(text)
      return [
        encodeEntry(tarEntry({ mode: fields.type === 'directory' ? 0o755 : 0o644, ...fields, size: data.length })),
        data,
        Buffer.alloc(paddingOf(data.length)),
      ]
    }),
    endOfArchive(),
  ])

const streamOf = (bytes: Buffer): Readable => Readable.from([bytes.subarray(0, 100), bytes.subarray(100)])

const BASE = layerTar(
  [{ path: 'etc/', type: 'directory' }],
  [{ path: 'etc/kept' }, 'kept'],
  [{ path: 'etc/gone' }, 'gone'],
  [{ path: 'dir/', type: 'directory' }],
  [{ path: 'dir/a' }, 'a'],
  [{ path: 'dir/b' }, 'b'],
  [{ path: 'bin/su', mode: 0o4755, uid: 0, gid: 42, mtime: 1_500_000_000_250_000_000n }, 'su'],
)

/** What every snapshotter does. Run as root: it mounts. */
export const snapshotterSuite = (name: string, make: () => Promise<SnapshotterPlace>): void => {
  const it = (what: string, run: (place: SnapshotterPlace) => Promise<void>): void => {
    test(`${name}: ${what}`, async () => {
      await using place = await make()
      await run(place)
    })
  }
  const mounted = async (
    place: SnapshotterPlace,
    key: string,
    work: (root: string) => void | Promise<void>,
  ): Promise<void> => {
    place.snapshotter.mount(key, place.target)
    try {
      await work(place.target)
    } finally {
      await place.snapshotter.unmount(place.target)
    }
  }
  const commit = (place: SnapshotterPlace, key: string): Promise<{ diffId: Digest; size: number; tar: Buffer }> => {
    let tar = Buffer.alloc(0)
    return place.snapshotter
      .commit(key, async stream => {
        tar = await buffer(stream)
        return digestOf(tar)
      })
      .then(layer => ({ ...layer, tar }))
  }

  it('a layer is known by the digest of its tar', async ({ snapshotter }) => {
    assert.equal(snapshotter.layer(digestOf(BASE)), undefined)
    const layer = await snapshotter.apply(streamOf(BASE))
    assert.deepEqual(layer, { diffId: digestOf(BASE), size: 12 })
    assert.deepEqual(snapshotter.layer(layer.diffId), layer)
    assert.deepEqual(snapshotter.layers(), [layer])
  })

  it('applying twice, also at once, gives one layer', async ({ snapshotter }) => {
    const [a, b] = await Promise.all([snapshotter.apply(streamOf(BASE)), snapshotter.apply(streamOf(BASE))])
    assert.deepEqual(a, b)
    assert.deepEqual(await snapshotter.apply(streamOf(BASE)), a)
    assert.equal(snapshotter.layers().length, 1)
  })

  it('a snapshot shows its layers and keeps what is written to itself', async place => {
    const { snapshotter } = place
    const { diffId } = await snapshotter.apply(streamOf(BASE))
    snapshotter.prepare('one', [diffId])
    snapshotter.prepare('two', [diffId])
    await mounted(place, 'one', root => {
      assert.deepEqual(readdirSync(root).sort(), ['bin', 'dir', 'etc'])
      const su = lstatSync(join(root, 'bin/su'), { bigint: true })
      assert.equal(Number(su.mode & 0o7777n), 0o4755)
      assert.equal(su.gid, 42n)
      assert.equal(su.mtimeNs, 1_500_000_000_250_000_000n)
      writeFileSync(join(root, 'etc/new'), 'new')
      rmSync(join(root, 'etc/gone'))
    })
    await mounted(place, 'two', root => assert.deepEqual(readdirSync(join(root, 'etc')), ['gone', 'kept']))
    await mounted(place, 'one', root => assert.deepEqual(readdirSync(join(root, 'etc')), ['kept', 'new']))
    assert.deepEqual(snapshotter.stack('one'), [diffId])
    assert.equal(snapshotter.stack('none'), undefined)
    assert.equal(await snapshotter.usage('one'), 3)
  })

  it('without layers a snapshot is empty', async place => {
    place.snapshotter.prepare('empty', [])
    await mounted(place, 'empty', root => {
      assert.deepEqual(readdirSync(root), [])
      writeFileSync(join(root, 'x'), 'x')
    })
    const { size, tar } = await commit(place, 'empty')
    assert.equal(size, 1)
    assert.equal(execFileSync('tar', ['-tf', '-'], { input: tar, encoding: 'utf8' }), 'x\n')
  })

  it('changes come out as an OCI layer, and that layer has the same effect', async place => {
    const { snapshotter } = place
    const base = await snapshotter.apply(streamOf(BASE))
    snapshotter.prepare('work', [base.diffId])
    await mounted(place, 'work', root => {
      rmSync(join(root, 'etc/gone'))
      writeFileSync(join(root, 'etc/kept'), 'changed')
      rmSync(join(root, 'dir'), { recursive: true })
      mkdirSync(join(root, 'dir'))
      writeFileSync(join(root, 'dir/c'), 'c')
      linkSync(join(root, 'dir/c'), join(root, 'dir/d'))
      symlinkSync('c', join(root, 'dir/l'))
      // rename(2) of a lower directory is EXDEV there, and programs copy instead.
      execFileSync('mv', [join(root, 'bin'), join(root, 'sbin')])
      chmodSync(join(root, 'sbin/su'), 0o755)
    })
    const tar = await buffer(snapshotter.diff('work'))
    assert.deepEqual(await buffer(snapshotter.diff('work')), tar, 'the same changes give the same bytes')
    const names = execFileSync('tar', ['-tf', '-'], { input: tar, encoding: 'utf8' }).trim().split('\n')
    assert.deepEqual(names, [
      '.wh.bin',
      'dir/',
      'dir/.wh..wh..opq',
      'dir/c',
      'dir/d',
      'dir/l',
      'etc/',
      'etc/.wh.gone',
      'etc/kept',
      'sbin/',
      'sbin/su',
    ])
    const layer = await snapshotter.apply(streamOf(tar))
    snapshotter.prepare('check', [base.diffId, layer.diffId])
    await mounted(place, 'check', root => {
      assert.deepEqual(readdirSync(root).sort(), ['dir', 'etc', 'sbin'])
      assert.deepEqual(readdirSync(join(root, 'dir')).sort(), ['c', 'd', 'l'])
      assert.deepEqual(readdirSync(join(root, 'etc')), ['kept'])
      assert.equal(readFileSync(join(root, 'etc/kept'), 'utf8'), 'changed')
      assert.equal(statSync(join(root, 'dir/c')).ino, statSync(join(root, 'dir/d')).ino)
      assert.equal(readlinkSync(join(root, 'dir/l')), 'c')
      assert.equal(statSync(join(root, 'sbin/su')).mode & 0o7777, 0o755)
    })
  })

  it('a snapshot becomes a layer, and is gone then', async place => {
    const { snapshotter } = place
    const base = await snapshotter.apply(streamOf(BASE))
    snapshotter.prepare('work', [base.diffId])
    await mounted(place, 'work', root => {
      writeFileSync(join(root, 'made'), 'made')
      unlinkSync(join(root, 'etc/gone'))
    })
    const { diffId, size, tar } = await commit(place, 'work')
    assert.equal(diffId, digestOf(tar))
    assert.equal(size, 4)
    assert.deepEqual(snapshotter.keys(), [])
    assert.equal(snapshotter.stack('work'), undefined)
    snapshotter.prepare('next', [base.diffId, diffId])
    await mounted(place, 'next', root => {
      assert.equal(readFileSync(join(root, 'made'), 'utf8'), 'made')
      assert.equal(existsSync(join(root, 'etc/gone')), false)
    })
    assert.deepEqual(await snapshotter.apply(streamOf(tar)), { diffId, size })
  })

  it('a commit that fails keeps the snapshot; one that was there already ends as the same layer', async place => {
    const { snapshotter } = place
    for (const key of ['a', 'b']) {
      snapshotter.prepare(key, [])
      await mounted(place, key, root => void execFileSync('touch', ['-d', '@1000000000', join(root, 'f')]))
    }
    await assert.rejects(
      snapshotter.commit('a', () => Promise.reject(new Error('disk full'))),
      /disk full/,
    )
    assert.deepEqual([...snapshotter.keys()].sort(), ['a', 'b'])
    const [a, b] = [await commit(place, 'a'), await commit(place, 'b')]
    assert.equal(a.diffId, b.diffId)
    assert.equal(snapshotter.layers().length, 1)
    assert.deepEqual(snapshotter.keys(), [])
  })

  it('whiteouts hide lower layers and never their own', async place => {
    const { snapshotter } = place
    const base = await snapshotter.apply(streamOf(BASE))
    const upper = await snapshotter.apply(
      streamOf(
        layerTar(
          [{ path: 'etc/gone' }, 'mine'],
          [{ path: 'etc/.wh.gone' }],
          [{ path: 'dir/c' }, 'c'],
          [{ path: '.wh.dir' }],
          [{ path: '.wh.bin' }],
          [{ path: 'bin/', type: 'directory' }],
          [{ path: 'bin/new' }, 'new'],
          [{ path: '.wh..wh.aufs' }],
        ),
      ),
    )
    snapshotter.prepare('s', [base.diffId, upper.diffId])
    await mounted(place, 's', root => {
      assert.equal(readFileSync(join(root, 'etc/gone'), 'utf8'), 'mine')
      assert.deepEqual(readdirSync(join(root, 'dir')), ['c'])
      assert.deepEqual(readdirSync(join(root, 'bin')), ['new'])
      assert.deepEqual(readdirSync(root).sort(), ['bin', 'dir', 'etc'])
    })
  })

  it('a layer that leads out, or is broken, leaves nothing', async ({ snapshotter }) => {
    await assert.rejects(snapshotter.apply(streamOf(layerTar([{ path: '../evil' }, 'x']))), { kind: 'InvalidArgument' })
    await assert.rejects(snapshotter.apply(streamOf(BASE.subarray(0, 3000))), {
      kind: 'InvalidArgument',
      message: 'unexpected EOF',
    })
    await assert.rejects(snapshotter.apply(streamOf(Buffer.alloc(2048, 'x'))), { kind: 'InvalidArgument' })
    assert.deepEqual(snapshotter.layers(), [])
  })

  it('attributes that would steer the snapshotter are not taken from a layer', async place => {
    const { snapshotter } = place
    const base = await snapshotter.apply(streamOf(BASE))
    const attributes = new Map([
      ['trusted.overlay.redirect', Buffer.from('/etc')],
      ['trusted.overlay.opaque', Buffer.from('y')],
    ])
    const evil = await snapshotter.apply(streamOf(layerTar([{ path: 'dir/', type: 'directory', xattrs: attributes }])))
    snapshotter.prepare('s', [base.diffId, evil.diffId])
    await mounted(place, 's', root => assert.deepEqual(readdirSync(join(root, 'dir')).sort(), ['a', 'b']))
  })

  it('capabilities of files survive the way through a layer', async place => {
    const { snapshotter } = place
    const value = Buffer.from('0100000200040000000000000000000000000000', 'hex')
    const layer = await snapshotter.apply(
      streamOf(layerTar([{ path: 'ping', xattrs: new Map([['security.capability', value]]) }, 'x'])),
    )
    snapshotter.prepare('s', [layer.diffId])
    await mounted(place, 's', root => {
      assert.deepEqual(lgetxattr(join(root, 'ping'), 'security.capability'), value)
      chmodSync(join(root, 'ping'), 0o700)
    })
    assert.ok((await buffer(snapshotter.diff('s'))).includes(value))
  })

  it('a large layer goes in and comes out as it was', async place => {
    const { snapshotter } = place
    const files = Array.from(
      { length: 500 },
      (_, at) => [{ path: `dir/${String(at).padStart(3, '0')}` }, `${at}`.repeat(2000)] as const,
    )
    const big = layerTar([{ path: 'dir', type: 'directory' }], ...files)
    const { diffId } = await snapshotter.apply(streamOf(big))
    assert.equal(diffId, digestOf(big))
    snapshotter.prepare('s', [])
    await mounted(place, 's', root => void execFileSync('tar', ['-C', root, '-xf', '-'], { input: big }))
    const { tar } = await commit(place, 's')
    assert.deepEqual(tar, big)
    await assert.rejects(snapshotter.apply(streamOf(big.subarray(0, -5000))), {
      kind: 'InvalidArgument',
      message: 'unexpected EOF',
    })
    const evil = layerTar(...files, [{ path: '../evil' }, 'x'])
    await assert.rejects(snapshotter.apply(streamOf(evil)), { kind: 'InvalidArgument' })
    assert.equal(snapshotter.layers().length, 1)
  })

  it('127 layers mount', async place => {
    const { snapshotter } = place
    const layers: Digest[] = []
    for (let at = 0; at < 127; at++)
      layers.push((await snapshotter.apply(streamOf(layerTar([{ path: `f${at}` }, String(at)])))).diffId)
    snapshotter.prepare('deep', layers)
    await mounted(place, 'deep', root => assert.equal(readdirSync(root).length, 127))
  })

  it('the attributes of the root directory come from the top layer that says something', async place => {
    const { snapshotter } = place
    const base = await snapshotter.apply(streamOf(layerTar([{ path: './', type: 'directory', mode: 0o711, uid: 7 }])))
    snapshotter.prepare('s', [base.diffId])
    await mounted(place, 's', root => {
      assert.equal(statSync(root).mode & 0o7777, 0o711)
      assert.equal(statSync(root).uid, 7)
      writeFileSync(join(root, 'x'), '')
    })
    const next = await commit(place, 's')
    snapshotter.prepare('t', [base.diffId, next.diffId])
    await mounted(place, 't', root => assert.equal(statSync(root).mode & 0o7777, 0o711))
  })

  it('keys are taken once, unknown ones are NotFound, removing is quiet', async ({ snapshotter }) => {
    snapshotter.prepare('k', [])
    assert.throws(() => snapshotter.prepare('k', []), { kind: 'Conflict' })
    assert.throws(() => snapshotter.prepare('x', [digestOf('no layer')]), { kind: 'NotFound' })
    assert.throws(() => snapshotter.mount('none', '/'), { kind: 'NotFound' })
    assert.throws(() => snapshotter.diff('none'), { kind: 'NotFound' })
    await snapshotter.remove('k')
    await snapshotter.remove('k')
    snapshotter.prepare('k', [])
    assert.deepEqual(snapshotter.keys(), ['k'])
  })

  it('a layer stays while a snapshot stands on it', async ({ snapshotter }) => {
    const { diffId } = await snapshotter.apply(streamOf(BASE))
    snapshotter.prepare('k', [diffId])
    await assert.rejects(snapshotter.removeLayer(diffId), { kind: 'Conflict' })
    await snapshotter.remove('k')
    await snapshotter.removeLayer(diffId)
    await snapshotter.removeLayer(diffId)
    assert.equal(snapshotter.layer(diffId), undefined)
  })

  it('another process finds layers and snapshots as they were', async place => {
    const { diffId } = await place.snapshotter.apply(streamOf(BASE))
    place.snapshotter.prepare('k', [diffId])
    await mounted(place, 'k', root => writeFileSync(join(root, 'mine'), 'mine'))
    const later = await place.reopen()
    assert.deepEqual(later.layers(), [{ diffId, size: 12 }])
    assert.deepEqual(later.keys(), ['k'])
    later.prepare('l', [diffId])
    later.mount('k', place.target)
    try {
      assert.equal(readFileSync(join(place.target, 'mine'), 'utf8'), 'mine')
    } finally {
      await later.unmount(place.target)
    }
  })

  it('an aborted apply leaves nothing', async ({ snapshotter }) => {
    const controller = new AbortController()
    const endless = async function* (): AsyncGenerator<Buffer> {
      yield encodeEntry(tarEntry({ path: 'big', size: 1 << 30 }))
      controller.abort(new Error('enough'))
      for (;;) yield Buffer.alloc(65_536)
    }
    await assert.rejects(snapshotter.apply(Readable.from(endless()), controller.signal), /enough/)
    assert.deepEqual(snapshotter.layers(), [])
  })
}
