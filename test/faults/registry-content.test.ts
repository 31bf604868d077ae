// What a registry may send that is not what it says, or means harm: each gives a clear error, leaves nothing behind and nothing
// outside, and the right thing can be pulled under the same name afterwards.
import assert from 'node:assert/strict'
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { pull, storedFiles } from '../harness/image-transfer.ts'
import {
  blobOf,
  jsonBlob,
  layerOf,
  type MadeImage,
  type MadeLayer,
  type Member,
  makeImage,
  makeIndex,
  makeLayer,
  noise,
  smallImage,
  tarOf,
} from '../harness/layer-image.ts'
import { FaultBench } from '../harness/registry-faults.ts'
import { suiteRoot } from '../harness/suite-root.ts'

let bench: FaultBench
before(async () => {
  bench = await FaultBench.start(['--max-download-attempts', '1', '--max-layer-size', '4m'])
})
after(() => bench[Symbol.asyncDispose]())

let seeds = 0
const freshLayer = (): MadeLayer => makeLayer([{ path: 'file', content: noise(200_000, ++seeds) }])
const freshImage = (): MadeImage => makeImage({ layers: [freshLayer()] })
const ALWAYS = Number.POSITIVE_INFINITY
/** A layer that says it is one thing and is another. */
const lying = (bytes: Buffer, diffId: Digest): MadeLayer => ({
  ...blobOf(bytes, 'application/vnd.docker.image.rootfs.diff.tar.gzip'),
  ...{ diffId, tar: bytes },
})
const holds = (layer: MadeLayer): MadeImage => makeImage({ layers: [layer] })

test('a layer of which a byte is wrong', async () => {
  const image = freshImage()
  const layer = layerOf(image)
  const body = Buffer.from(layer.bytes)
  body[body.length - 9] = (body[body.length - 9] ?? 0) ^ 1
  await bench.assertFault('wrong/byte', {
    image,
    words: /verification failed for digest|incorrect data check|invalid/i,
    spoil: () => bench.registry.spoil({ path: layer.descriptor.digest }, { kind: 'replace', body }, ALWAYS),
  })
})

test('a good archive in the place of another: only the digest tells', async () => {
  const [image, other] = [freshImage(), freshLayer()]
  const { digest, size } = layerOf(image).descriptor
  const body = Buffer.concat([other.bytes, Buffer.alloc(size)]).subarray(0, size)
  await bench.assertFault('wrong/archive', {
    image,
    words: /verification failed for digest|invalid|trailing|corrupt/i,
    spoil: () => bench.registry.spoil({ path: digest }, { kind: 'replace', body }, ALWAYS),
  })
})

test('a layer that is cut short, always', async () => {
  const image = freshImage()
  const { digest } = layerOf(image).descriptor
  await bench.assertFault('wrong/short', {
    image,
    words: /unexpected EOF|verification failed/,
    spoil: () => {
      bench.registry.spoil({ path: digest }, { kind: 'short', after: 100_000 })
      bench.registry.spoil({ path: digest }, { kind: 'short', after: 0 }, ALWAYS)
    },
  })
})

test('a layer that goes on behind its end', async () => {
  const image = freshImage()
  const layer = layerOf(image)
  const body = Buffer.concat([layer.bytes, Buffer.alloc(5000)])
  await bench.assertFault('wrong/long', {
    image,
    words: /verification failed for digest|more than|size/i,
    spoil: () => bench.registry.spoil({ path: layer.descriptor.digest }, { kind: 'replace', body }, ALWAYS),
  })
})

for (const [what, change] of [
  ['less', -1],
  ['more', 1],
] as const) {
  test(`a manifest that says a layer is ${what} than it is`, async () => {
    const layer = freshLayer()
    const image = makeImage({
      layers: [layer],
      falsify: manifest => ({
        ...manifest,
        layers: manifest.layers.map(descriptor => ({ ...descriptor, size: descriptor.size + change })),
      }),
    })
    await bench.assertFault(`lies/layer-${what}`, {
      image,
      words: /verification failed|EOF|size|bytes/i,
      cure: holds(layer),
    })
  })

  test(`a manifest that says its configuration is ${what} than it is`, async () => {
    const image = makeImage({
      layers: [freshLayer()],
      falsify: manifest => ({ ...manifest, config: { ...manifest.config, size: manifest.config.size + change } }),
    })
    await bench.assertFault(`lies/config-${what}`, {
      image,
      words: /verification failed|EOF|size/i,
      cure: freshImage(),
    })
  })

  test(`an index that says a manifest is ${what} than it is`, async () => {
    const image = freshImage()
    const { target } = image
    const size = target.descriptor.size + change
    const liar = { ...image, target: { ...target, descriptor: { ...target.descriptor, size } } }
    const index = makeIndex([liar])
    const path = `lies/index-${what}`
    bench.registry.add(path, '1', { ...index, manifests: [target] })
    const before = storedFiles(bench.daemon.dataRoot)
    const { error } = await bench.pull(path)
    assert.match(error ?? '', /verification failed|size|expected/i)
    assert.equal(await bench.idOf(path), undefined)
    await bench.assertStored(before)
    bench.registry.add(path, '1', makeIndex([image]))
    await bench.assertPulls(path, image)
  })
}

test('sizes that are none', async () => {
  for (const [at, size] of [-1, 1.5, '5', 2 ** 60, null].entries()) {
    const layer = freshLayer()
    const image = makeImage({
      layers: [layer],
      falsify: manifest => ({
        ...manifest,
        layers: manifest.layers.map(descriptor => ({ ...descriptor, size })),
      }),
    })
    await bench.assertFault(`lies/size-${at}`, { image, words: /./, cure: holds(layer) })
  }
})

test('another manifest than the digest that was asked for', async () => {
  const image = freshImage()
  const { digest } = image.target.descriptor
  bench.registry.add('wrong/manifest', '1', image)
  const body = Buffer.from(smallImage('other').target.bytes)
  bench.registry.spoil({ path: `manifests/${digest}` }, { kind: 'replace', body }, ALWAYS)
  const name = `${bench.registry.host}/wrong/manifest@${digest}`
  const { error } = await pull(bench.daemon.client, name)
  assert.match(error ?? '', /verification failed for digest|digest/)
  assert.equal((await bench.daemon.client.get(`/images/${name}/json`)).status, 404)
  bench.registry.heal()
  await bench.assertPulls('wrong/manifest', image)
})

test('manifests that are none', async () => {
  const type = 'application/vnd.docker.distribution.manifest.v2+json'
  const good = freshImage()
  const texts = [
    'null',
    '[]',
    '{',
    '{}',
    '{"schemaVersion":2}',
    '{"schemaVersion":2,"config":5,"layers":{}}',
    JSON.stringify({ ...good.manifest, layers: [{ digest: '../../../etc/passwd', size: 1, mediaType: 'x' }] }),
    JSON.stringify({ ...good.manifest, config: { ...good.manifest.config, digest: 'sha256:../../x' } }),
    '['.repeat(100_000),
  ]
  for (const [at, text] of texts.entries()) {
    const image = { ...good, target: blobOf(Buffer.from(text), type) }
    await bench.assertFault(`none/manifest-${at}`, { image, words: /./, cure: good })
  }
})

test('a manifest larger than any is not read to its end', async () => {
  const image = freshImage()
  const target = jsonBlob({ ...image.manifest, annotations: { a: 'x'.repeat(9_000_000) } }, image.manifest.mediaType)
  await bench.assertFault('none/huge', {
    image: { ...image, target },
    words: /too large|larger|limit|exceed/i,
    cure: image,
  })
})

test('configurations that are none, or another image’s', async () => {
  const layer = freshLayer()
  const good = holds(layer)
  const json = JSON.parse(good.config.bytes.toString())
  const configs: [object | string, RegExp][] = [
    ['not json', /./],
    [{}, /match|rootfs|config/i],
    [{ ...json, rootfs: { type: 'layers', diff_ids: [] } }, /layers from manifest don't match image configuration/],
    [{ ...json, rootfs: { type: 'layers', diff_ids: [digestOf('no')] } }, /match|verification failed/],
    [{ ...json, rootfs: { type: 'layers', diff_ids: ['sha256:../..'] } }, /./],
  ]
  for (const [at, [content, words]] of configs.entries()) {
    const bytes = Buffer.from(typeof content === 'string' ? content : JSON.stringify(content))
    const config = blobOf(bytes, good.manifest.config.mediaType)
    const target = jsonBlob({ ...good.manifest, config: config.descriptor }, good.manifest.mediaType)
    const image = { ...good, target, config, blobs: [config, layer] }
    await bench.assertFault(`none/config-${at}`, { image, words, cure: good })
  }
})

/** A gzip or zstd stream of so many MiB of zeros behind a header, a thousandth of that long. */
const bomb = (mebibytes: number, compress: (bytes: Buffer) => Buffer): Buffer => {
  const header = tarOf([{ path: 'zeros', size: mebibytes * 2 ** 20 }], false)
  const piece = compress(Buffer.alloc(2 ** 20))
  return Buffer.concat([compress(header), ...Array.from({ length: mebibytes }, () => piece)])
}

for (const [name, compress] of [
  ['gzip', gzipSync],
  ['zstd', zstdCompressSync],
] as const) {
  test(`a ${name} bomb ends at the ceiling`, async () => {
    const image = holds(lying(bomb(4096, compress), digestOf(name)))
    const begun = performance.now()
    await bench.assertFault(`bomb/${name}`, { image, words: /larger than 4194304 bytes/, cure: freshImage() })
    assert.ok(performance.now() - begun < 10_000)
  })
}

test('a million entries of nothing end at the ceiling', async () => {
  const thousand = tarOf(
    Array.from({ length: 1000 }, (_, at) => ({ path: `d/${at}` })),
    false,
  )
  const piece = gzipSync(thousand)
  const bytes = Buffer.concat(Array.from({ length: 1000 }, () => piece))
  const image = holds(lying(bytes, digestOf('million')))
  await bench.assertFault('bomb/entries', {
    image,
    words: /larger than \d+ bytes|more than \d+ entries/,
    cure: freshImage(),
  })
})

test('archives that are broken', async () => {
  const whole = tarOf([
    { path: 'a', content: 'a' },
    { path: 'b', content: noise(100_000) },
  ])
  const middle = Buffer.from(whole)
  middle.fill(0xff, 1024, 1024 + 300)
  const text = Buffer.from('no archive at all, but long enough to be looked at. '.repeat(100))
  const cases: [string, Buffer, Buffer][] = [
    ['header', gzipSync(middle), middle],
    ['cut', gzipSync(whole.subarray(0, 50_000)), whole.subarray(0, 50_000)],
    ['text', gzipSync(text), text],
    ['gzip', noise(50_000), noise(50_000)],
    ['half-gzip', gzipSync(whole).subarray(0, 60_000), whole],
  ]
  for (const [name, bytes, tar] of cases) {
    const image = holds(lying(bytes, digestOf(tar)))
    await bench.assertFault(`broken/${name}`, {
      image,
      words: /invalid tar header|unexpected (EOF|end)|invalid|corrupt|incorrect|gzip/i,
      cure: freshImage(),
    })
  }
})

test('a layer leads nowhere but into itself', async () => {
  const outside = join(suiteRoot(), `outside-${process.pid}`)
  mkdirSync(outside)
  const precious = join(outside, 'precious')
  writeFileSync(precious, 'untouched')
  const up = `${'../'.repeat(20)}${outside.slice(1)}`
  const evil: Record<string, Member[]> = {
    'dot-dot': [{ path: `${up}/evil`, content: 'evil' }],
    'dot-dot-inside': [{ path: `a/b/../../${up}/evil`, content: 'evil' }],
    absolute: [{ path: `${outside}/evil`, content: 'evil' }],
    'absolute-link': [
      { path: 'link', type: 'symlink', linkTarget: outside },
      { path: 'link/evil', content: 'evil' },
    ],
    'relative-link': [
      { path: 'link', type: 'symlink', linkTarget: up },
      { path: 'link/evil', content: 'evil' },
    ],
    'link-of-links': [
      { path: 'one', type: 'symlink', linkTarget: '/' },
      { path: 'two', type: 'symlink', linkTarget: `one${outside}` },
      { path: 'two/evil', content: 'evil' },
    ],
    'through-proc': [
      { path: 'proc', type: 'symlink', linkTarget: '/proc/self/root' },
      { path: `proc${outside}/evil`, content: 'evil' },
    ],
    'link-over-file': [
      { path: 'target', type: 'symlink', linkTarget: precious },
      { path: 'target', content: 'evil' },
    ],
    'hard-link': [
      { path: 'hard', type: 'hardlink', linkTarget: precious },
      { path: 'hard', content: 'evil' },
    ],
    'hard-link-dot-dot': [
      { path: 'hard', type: 'hardlink', linkTarget: `${up}/precious` },
      { path: 'hard', content: 'evil' },
    ],
    'hard-link-through-link': [
      { path: 'link', type: 'symlink', linkTarget: outside },
      { path: 'hard', type: 'hardlink', linkTarget: 'link/precious' },
    ],
    'whiteout-outside': [{ path: 'link', type: 'symlink', linkTarget: outside }, { path: 'link/.wh.precious' }],
    'whiteout-dot-dot': [{ path: `${up}/.wh.precious` }],
    'whiteout-of-dots': [{ path: '.wh...' }],
    'directory-over-link': [
      { path: 'link', type: 'symlink', linkTarget: outside },
      { path: 'link', type: 'directory', mode: 0o777 },
      { path: 'link/evil', content: 'evil' },
    ],
    'device-path': [
      { path: '/dev/null', content: 'evil' },
      { path: 'dev/../../dev/null', content: 'evil' },
    ],
    root: [
      { path: '.', type: 'symlink', linkTarget: outside },
      { path: 'evil', content: 'evil' },
    ],
  }
  const { mode } = lstatSync(outside)
  const { registry, daemon } = bench
  for (const [name, members] of Object.entries(evil)) {
    const path = `evil/${name}`
    const image = holds(makeLayer(members))
    registry.add(path, '1', image)
    const { error } = await bench.pull(path)
    assert.deepEqual(readdirSync(outside), ['precious'], name)
    assert.equal(readFileSync(precious, 'utf8'), 'untouched', name)
    assert.deepEqual([lstatSync(precious).nlink, lstatSync(outside).mode], [1, mode], name)
    assert.ok(lstatSync('/dev/null').isCharacterDevice(), name)
    // Refused, or taken for a path below its own root: then it has to be a whole image.
    if (error === undefined) {
      assert.equal(await bench.idOf(path), image.id, name)
      assert.equal((await daemon.client.delete(`/images/${registry.host}/${path}:1`, { force: 1 })).status, 200)
    } else {
      assert.match(error, /archive|link|path|outside|breakout|invalid|not a directory|no such file/i, name)
      assert.equal(await bench.idOf(path), undefined, name)
    }
  }
  assert.equal(existsSync(join(outside, 'evil')), false)
  await bench.assertStored({ blobs: [], snapshots: [], ingest: [], partial: [] })
})

test('device nodes of a layer are nodes in the image, not on the host', async () => {
  const members: Member[] = [{ path: 'dev/kmsg', type: 'char', major: 1, minor: 11, mode: 0o600 }]
  const image = holds(makeLayer(members))
  bench.registry.add('evil/device', '1', image)
  await bench.assertPulls('evil/device', image)
})

test('more layers than can be mounted', async () => {
  const layer = makeLayer([{ path: 'x' }])
  const image = makeImage({ layers: Array.from({ length: 128 }, () => layer) })
  await bench.assertFault('deep/too', { image, words: /max depth exceeded/, cure: freshImage() })
})
