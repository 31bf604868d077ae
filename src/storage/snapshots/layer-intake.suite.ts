import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { type Digest, digestOf } from '../../oci/digest.ts'
import { layerTar, type SnapshotterPlace } from './snapshotter.suite.ts'
import type { LayerExpectation, LayerIntake, ReceiveLayer } from './snapshotter.ts'

/** Some of it does not compress, so that a blob has many chunks. */
const noise = (length: number): string => {
  const pieces: string[] = []
  for (let at = 0; at * 44 < length; at++) pieces.push(createHash('sha256').update(`${length} ${at}`).digest('base64'))
  return pieces.join('').slice(0, length)
}
const TAR = layerTar(
  [{ path: 'etc/', type: 'directory' }],
  [{ path: 'etc/motd' }, 'hello'],
  ...Array.from({ length: 60 }, (_, at) => [{ path: `f${at}` }, noise(20_000 + at)] as const),
)
const SIZE = 5 + Array.from({ length: 60 }, (_, at) => 20_000 + at).reduce((sum, size) => sum + size, 0)

const expectationOf = (blob: Buffer, tar = TAR): LayerExpectation => ({
  digest: digestOf(blob),
  size: blob.length,
  diffId: digestOf(tar),
})

type Place = SnapshotterPlace & { readonly file: string; readonly folders: () => string[] }

/** What every snapshotter does with a blob that comes in pieces. `limits` are of bytes and entries. */
export const layerIntakeSuite = (
  name: string,
  make: (limits?: { maxLayerSize: number; maxLayerEntries: number }) => Promise<SnapshotterPlace & { root: string }>,
): void => {
  const it = (
    what: string,
    run: (place: Place) => Promise<void>,
    limits?: { maxLayerSize: number; maxLayerEntries: number },
  ): void => {
    test(`${name}: ${what}`, async () => {
      const scratch = mkdtempSync(join(tmpdir(), 'tare-intake-'))
      try {
        await using place = await make(limits)
        const folders = (): string[] => readdirSync(join(place.root, 'snapshots'))
        await run({
          ...place,
          file: join(scratch, 'blob'),
          folders,
          [Symbol.asyncDispose]: () => Promise.resolve(),
        })
      } finally {
        rmSync(scratch, { recursive: true })
      }
    })
  }
  const receive = async (
    { snapshotter, file }: Place,
    blob: Buffer,
    options: Partial<ReceiveLayer> & { chunk?: number; expected?: Partial<LayerExpectation>; tar?: Buffer } = {},
  ): Promise<Awaited<ReturnType<LayerIntake['finish']>>> => {
    const { chunk = 10_000, expected, tar, ...rest } = options
    await using intake = await snapshotter.receive({ file, unpack: true, ...rest })
    for (let at = intake.offset; at < blob.length; at += chunk) await intake.write(blob.subarray(at, at + chunk))
    return await intake.finish({ ...expectationOf(blob, tar), ...expected })
  }
  const refused = (message: RegExp) => ({ kind: 'InvalidArgument', message })

  const half = TAR.length / 2
  const gz = gzipSync(TAR)
  const FORMS: Readonly<Record<string, readonly [Buffer, string]>> = {
    plain: [TAR, 'none'],
    gzip: [gz, 'gzip'],
    'gzip of several members': [Buffer.concat([gzipSync(TAR.subarray(0, half)), gzipSync(TAR.subarray(half))]), 'gzip'],
    'gzip padded with zeros': [Buffer.concat([gz, Buffer.alloc(1000)]), 'gzip'],
    'gzip without compression': [gzipSync(TAR, { level: 0 }), 'gzip'],
    zstd: [zstdCompressSync(TAR), 'zstd'],
    'zstd of several frames, one to be skipped': [
      Buffer.concat([
        Buffer.from('502a4d1803000000616263', 'hex'),
        zstdCompressSync(TAR.subarray(0, half)),
        zstdCompressSync(TAR.subarray(half)),
      ]),
      'zstd',
    ],
  }
  for (const [form, [blob, compression]] of Object.entries(FORMS)) {
    it(`a blob comes in pieces of any length: ${form}`, async place => {
      for (const chunk of [blob.length, 10_000, 300_001]) {
        const received = await receive(place, blob, { chunk })
        assert.deepEqual(received, { layer: { diffId: digestOf(TAR), size: SIZE }, compression })
        assert.deepEqual(readFileSync(place.file), blob)
        assert.deepEqual(place.snapshotter.layers(), [received.layer])
        place.snapshotter.prepare('k', [received.layer.diffId])
        place.snapshotter.mount('k', place.target)
        try {
          assert.equal(readFileSync(join(place.target, 'etc/motd'), 'utf8'), 'hello')
          assert.equal(readdirSync(place.target).length, 61)
        } finally {
          await place.snapshotter.unmount(place.target)
        }
        await place.snapshotter.remove('k')
        await place.snapshotter.removeLayer(received.layer.diffId)
        rmSync(place.file)
      }
    })
  }

  it('a small blob, a byte at a time', async place => {
    const tar = layerTar([{ path: 'a' }, 'a'])
    for (const blob of [tar, gzipSync(tar), zstdCompressSync(tar)]) {
      await receive(place, blob, { chunk: 1, tar })
      rmSync(place.file)
    }
    assert.equal(place.snapshotter.layers().length, 1)
  })

  it('what was given up goes on from where it was', async place => {
    let offset = 0
    for (const until of [100_000, 100_000, 500_001, 777_777]) {
      await using intake = await place.snapshotter.receive({ file: place.file, unpack: true })
      assert.equal(intake.offset, offset)
      for (let at = offset; at < until; at += 50_000) await intake.write(gz.subarray(at, Math.min(at + 50_000, until)))
      offset = until
    }
    assert.deepEqual(place.snapshotter.layers(), [])
    assert.deepEqual(place.folders(), ['0'])
    const { layer } = await receive(place, gz)
    assert.equal(layer.diffId, digestOf(TAR))
    assert.deepEqual(readFileSync(place.file), gz)
  })

  it('a blob that is whole is only read', async place => {
    writeFileSync(place.file, gz, { mode: 0o400 })
    await assert.rejects(
      receive(place, gz, { whole: true, expected: { diffId: digestOf('x') } }),
      refused(/layers from/),
    )
    const { layer } = await receive(place, gz, { whole: true })
    assert.deepEqual(place.snapshotter.layers(), [layer])
    assert.deepEqual(readFileSync(place.file), gz)
    await assert.rejects(place.snapshotter.receive({ file: `${place.file}-none`, whole: true, unpack: true }), {
      code: 'ENOENT',
    })
    assert.equal(place.folders().length, 2)
  })

  it('without unpacking it is verified and no more', async place => {
    const { layer } = await receive(place, gz, { unpack: false })
    assert.deepEqual(layer, { diffId: digestOf(TAR), size: SIZE })
    assert.deepEqual(place.snapshotter.layers(), [])
    assert.deepEqual(place.folders(), ['0'])
    rmSync(place.file)
    await assert.rejects(receive(place, gz, { unpack: false, expected: { diffId: digestOf('x') } }), refused(/layers/))
  })

  const wrong: Readonly<Record<string, readonly [Partial<LayerExpectation>, RegExp]>> = {
    digest: [{ digest: digestOf('another') }, /^filesystem layer verification failed for digest sha256:/],
    size: [{ size: gz.length - 1 }, /^filesystem layer verification failed .* expected \d+ bytes, got \d+$/],
    diffID: [{ diffId: digestOf('another') }, /^layers from manifest don't match image configuration/],
  }
  for (const [what, [expected, message]] of Object.entries(wrong)) {
    it(`another ${what} than expected leaves nothing, and the next try succeeds`, async place => {
      await assert.rejects(receive(place, gz, { expected }), refused(message))
      assert.equal(existsSync(place.file), false)
      assert.deepEqual(place.folders(), ['0'])
      assert.deepEqual(place.snapshotter.layers(), [])
      await receive(place, gz)
    })
  }

  const bent = (at: number): Buffer => {
    const copy = Buffer.from(gz)
    copy[at] = (copy[at] as number) ^ 0xff
    return copy
  }
  const broken: Readonly<Record<string, Buffer>> = {
    'gzip that is cut off': gz.subarray(0, -20),
    'gzip without its last byte': gz.subarray(0, -1),
    'gzip followed by something else': Buffer.concat([gz, Buffer.from('garbage')]),
    'gzip padded with zeros and then not': Buffer.concat([gz, Buffer.alloc(600_000), Buffer.from('x')]),
    'gzip with a wrong checksum': bent(gz.length - 6),
    'gzip with a wrong length': bent(gz.length - 2),
    'gzip with a bit turned': bent(gz.length / 2),
    'zstd that is cut off': zstdCompressSync(TAR).subarray(0, -100_000),
    'zstd followed by something else': Buffer.concat([zstdCompressSync(TAR), Buffer.from('garbage')]),
    'a tar that is cut off': TAR.subarray(0, -5000),
    'something else': Buffer.from('x'.repeat(5000)),
    nothing: Buffer.alloc(0),
    'a name that leads out': gzipSync(layerTar([{ path: '../evil' }, 'x'])),
  }
  for (const [what, blob] of Object.entries(broken)) {
    it(`broken: ${what}`, async place => {
      await assert.rejects(receive(place, blob), refused(/./))
      assert.equal(existsSync(place.file), false)
      assert.deepEqual(place.folders(), ['0'])
      assert.deepEqual(place.snapshotter.layers(), [])
    })
  }

  it('two at once for one layer end as one', async place => {
    const blobs = [gz, TAR, zstdCompressSync(TAR)]
    const received = await Promise.all(blobs.map((blob, at) => receive({ ...place, file: `${place.file}${at}` }, blob)))
    assert.equal(new Set(received.map(({ layer }) => JSON.stringify(layer))).size, 1)
    assert.equal(place.snapshotter.layers().length, 1)
    assert.equal(place.folders().length, 2)
  })

  it('one file is received once at a time', async place => {
    await using first = await place.snapshotter.receive({ file: place.file, unpack: true })
    await assert.rejects(place.snapshotter.receive({ file: place.file, unpack: true }), { kind: 'Conflict' })
    await first[Symbol.asyncDispose]()
    await using _second = await place.snapshotter.receive({ file: place.file, unpack: true })
  })

  it(
    'what unpacks to too much is stopped there',
    async place => {
      const bomb = gzipSync(layerTar([{ path: 'zeros' }, '\0'.repeat(40_000_000)]))
      await assert.rejects(receive(place, bomb), refused(/larger than 30000000 bytes when unpacked.*max-layer-size/))
      assert.deepEqual(place.folders(), ['0'])
      const swarm = layerTar(...Array.from({ length: 2001 }, (_, at) => [{ path: `f${at}` }] as const))
      await assert.rejects(receive(place, swarm, { tar: swarm }), refused(/more than 2000 entries/))
      await receive(place, gz)
    },
    { maxLayerSize: 30_000_000, maxLayerEntries: 2000 },
  )

  it('an intake that is aborted keeps the file and nothing else', async place => {
    const controller = new AbortController()
    {
      await using intake = await place.snapshotter.receive({
        file: place.file,
        unpack: true,
        signal: controller.signal,
      })
      await intake.write(gz.subarray(0, 300_000))
      controller.abort(new Error('no longer wanted'))
      await assert.rejects(intake.write(gz.subarray(300_000)), /no longer wanted/)
      await assert.rejects(intake.finish(expectationOf(gz)), /no longer wanted/)
    }
    assert.deepEqual(place.folders(), ['0'])
    assert.deepEqual(readFileSync(place.file), gz.subarray(0, 300_000))
    await assert.rejects(receive(place, gz, { signal: controller.signal }), /no longer wanted/)
    await receive(place, gz)
  })

  it('progress is told, and a partial file that is longer than the blob is not taken for it', async place => {
    await using intake = await place.snapshotter.receive({ file: place.file, unpack: true })
    let last = 0
    for (let at = 0; at < TAR.length; at += 100_000) {
      await intake.write(TAR.subarray(at, at + 100_000))
      assert.ok(intake.unpacked >= last && intake.unpacked <= at + 100_000)
      last = intake.unpacked
    }
    await intake.finish(expectationOf(TAR))
    assert.equal(intake.unpacked, TAR.length)
    await intake[Symbol.asyncDispose]()
    await place.snapshotter.removeLayer(digestOf(TAR) as Digest)
    truncateSync(place.file, TAR.length + 1)
    await assert.rejects(receive(place, TAR), refused(/verification failed/))
  })

  it('directories keep their times, however the members are mixed, and modes and owners are exact', async place => {
    const mtime = 1_600_000_000_123_456_789n
    const many = Array.from({ length: 300 }, (_, at) => `d${at}`)
    const tar = layerTar(
      [{ path: './', type: 'directory', mtime, mode: 0o751 }],
      ...many.map(path => [{ path: `${path}/`, type: 'directory', mtime, mode: 0o2775, gid: 8 }] as const),
      ...many.map(path => [{ path: `${path}/file`, mode: 0o666, mtime: 0n }, 'x'] as const),
      ...many.map(path => [{ path: `${path}/deeper/su`, mode: 0o4777, uid: 5, mtime: 1n }, 'x'] as const),
    )
    const { layer } = await receive(place, tar, { tar })
    const root = place.snapshotter.describeLayers([layer.diffId]).UpperDir as string
    assert.equal(statSync(root, { bigint: true }).mtimeNs, mtime)
    assert.equal(statSync(root).mode & 0o7777, 0o751)
    for (const path of many) {
      const directory = statSync(join(root, path), { bigint: true })
      assert.deepEqual([directory.mtimeNs, directory.mode & 0o7777n, directory.gid], [mtime, 0o2775n, 8n])
      const file = statSync(join(root, path, 'file'), { bigint: true })
      assert.deepEqual([file.mtimeNs, file.mode & 0o7777n, file.uid, file.gid], [0n, 0o666n, 0n, 0n])
      const su = statSync(join(root, path, 'deeper/su'), { bigint: true })
      assert.deepEqual([su.mtimeNs, su.mode & 0o7777n, su.uid, su.gid], [1n, 0o4777n, 5n, 0n])
    }
  })

  it('whatever a layer tries, nothing outside of its tree is touched', async place => {
    const outside = mkdtempSync(join(tmpdir(), 'tare-outside-'))
    try {
      writeFileSync(join(outside, 'precious'), 'untouched')
      const up = `${'../'.repeat(30)}${outside.slice(1)}`
      const through: Readonly<Record<string, Buffer>> = {
        'absolute link': layerTar(
          [{ path: 'l', type: 'symlink', linkTarget: outside }],
          [{ path: 'l/precious' }, 'evil'],
        ),
        'relative link': layerTar([{ path: 'l', type: 'symlink', linkTarget: up }], [{ path: 'l/evil' }, 'evil']),
        'link in place of a directory': layerTar(
          [{ path: 'd/', type: 'directory' }],
          [{ path: 'd/one' }, '1'],
          [{ path: 'd', type: 'symlink', linkTarget: outside }],
          [{ path: 'd/precious' }, 'evil'],
          [{ path: 'd/.wh..wh..opq' }],
          [{ path: 'd/.wh.precious' }],
        ),
        'mode through a link': layerTar([
          { path: 'l', type: 'symlink', linkTarget: join(outside, 'precious'), mode: 0o7777, uid: 7, mtime: 5n },
        ]),
        'absolute name': layerTar([{ path: join(outside, 'evil') }, 'evil']),
      }
      const refusedOnes: Readonly<Record<string, Buffer>> = {
        'name that climbs': layerTar([{ path: `${up}/evil` }, 'evil']),
        'hard link that climbs': layerTar([{ path: 'h', type: 'hardlink', linkTarget: `${up}/precious` }]),
        'hard link by an absolute name': layerTar([
          { path: 'h', type: 'hardlink', linkTarget: join(outside, 'precious') },
        ]),
        'hard link through a link': layerTar(
          [{ path: 'l', type: 'symlink', linkTarget: outside }],
          [{ path: 'h', type: 'hardlink', linkTarget: 'l/precious' }],
        ),
        'whiteout that climbs': layerTar([{ path: '.wh...' }]),
        'links in a circle': layerTar(
          [{ path: 'a', type: 'symlink', linkTarget: 'b' }],
          [{ path: 'b', type: 'symlink', linkTarget: 'a' }],
          [{ path: 'a/x' }, 'x'],
        ),
      }
      const before = statSync(join(outside, 'precious'), { bigint: true })
      const untouched = (what: string): void => {
        assert.deepEqual(readdirSync(outside), ['precious'], what)
        assert.equal(readFileSync(join(outside, 'precious'), 'utf8'), 'untouched', what)
        assert.deepEqual(statSync(join(outside, 'precious'), { bigint: true }).ctimeNs, before.ctimeNs, what)
      }
      for (const [what, tar] of Object.entries(through)) {
        const { layer } = await receive(place, gzipSync(tar), { tar })
        untouched(what)
        await place.snapshotter.removeLayer(layer.diffId)
        rmSync(place.file)
      }
      for (const [what, tar] of Object.entries(refusedOnes)) {
        await assert.rejects(receive(place, gzipSync(tar), { tar }), { kind: 'InvalidArgument' }, what)
        untouched(what)
      }
      assert.deepEqual(place.folders(), ['0'])
    } finally {
      rmSync(outside, { recursive: true })
    }
  })
}
