// How many layers an image may have: as many run, and one more is refused wherever one could come from.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { build } from '../harness/build.ts'
import { busyboxTar } from '../harness/busybox-image.ts'
import { ContainerBench, sh } from '../harness/container-bench.ts'
import { expectStatus } from '../harness/http-client.ts'
import { type MadeLayer, makeImage, makeLayer, tarOf } from '../harness/layer-image.ts'

let bench: ContainerBench
before(async () => {
  bench = await ContainerBench.start()
})
after(() => bench[Symbol.asyncDispose]())

/** dockerd's own figure is two less: it keeps those for a container. */
const LIMIT = process.env.TARE_TEST_PEER === undefined ? 127 : 125

/** An archive as `docker save` writes it. */
const archive = (name: string, layers: readonly MadeLayer[]): Buffer => {
  const { config } = makeImage({ layers, config: { Cmd: ['sh'] } })
  const places = layers.map(({ diffId }) => `${diffId.slice('sha256:'.length)}.tar`)
  const manifest = [{ Config: 'config.json', RepoTags: [name], Layers: places }]
  return tarOf([
    { path: 'config.json', content: config.bytes },
    ...layers.map(({ tar }, at) => ({ path: places[at] as string, content: tar })),
    { path: 'manifest.json', content: JSON.stringify(manifest) },
  ])
}

const layersOf = (count: number): MadeLayer[] => [
  makeLayer(readFileSync(busyboxTar()), 'none'),
  ...Array.from({ length: count - 1 }, (_, at) => makeLayer([{ path: `layer${at}`, content: String(at) }], 'none')),
]
const load = async (name: string, count: number): Promise<string> => {
  const answer = await bench.client.request('POST', '/images/load', { body: archive(name, layersOf(count)) })
  expectStatus(answer, 200)
  return answer.text
}

test('an image of as many layers as there may be runs, with all of them', async () => {
  assert.match(await load('deep:latest', LIMIT), /Loaded image: deep:latest/)
  assert.equal(
    await bench.output('cat /layer* | wc -c; ls / | grep -c layer', { Image: 'deep' }),
    `${size()}\n${LIMIT - 1}\n`,
  )
})
const size = () => Array.from({ length: LIMIT - 1 }, (_, at) => String(at)).join('').length

test('one more is refused: loaded, committed, built', async () => {
  assert.match(await load('deeper:latest', LIMIT + 1), /"error":"max depth exceeded"/)
  assert.equal((await bench.client.get('/images/deeper/json')).status, 404)

  const id = await bench.run({ Image: 'deep', Cmd: sh('echo >/one-more') })
  await bench.wait(id)
  await bench.refused(
    bench.client.post('/commit', undefined, { container: id, repo: 'deeper' }),
    400,
    'max depth exceeded',
  )
  await bench.remove(id)

  const { error } = await build(bench.client, 'FROM deep\nRUN echo >/one-more\n', {}, { t: 'deeper' })
  assert.equal(error, 'max depth exceeded')
  assert.equal((await bench.client.get('/images/deeper/json')).status, 404)
})
