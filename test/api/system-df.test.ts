// Where the space has gone: what images share is counted once, whatever else they are called. With TARE_TEST_PEER the same is asked
// of Docker.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type EngineUnderTest, engineUnderTest } from '../harness/engine-under-test.ts'
import { expectStatus } from '../harness/http-client.ts'
import { tarOf } from '../harness/layer-image.ts'

const isTare = process.env.TARE_TEST_PEER === undefined
let engine: EngineUnderTest
before(async () => {
  engine = await engineUnderTest()
})
after(async () => {
  for (const name of ['df-container']) await engine.client.delete(`/containers/${name}`, { force: 1 })
  for (const name of ['df-one', 'df-one:again', 'df-two', 'df-base'])
    await engine.client.delete(`/images/${name}`, { force: 1 })
  await engine.client.delete('/volumes/df-volume')
  await engine[Symbol.asyncDispose]()
})

type Usage = {
  readonly LayersSize: number
  readonly BlobsSize?: number
  readonly Images: readonly { RepoTags: string[] | null; Size: number; SharedSize: number; Containers: number }[]
  readonly Containers: readonly { Names: string[]; SizeRw?: number; SizeRootFs: number }[]
  readonly Volumes: readonly { Name: string; UsageData: { Size: number; RefCount: number } }[]
}
const usage = async (): Promise<Usage> => expectStatus(await engine.client.get<Usage>('/system/df'), 200)

const build = async (tag: string, dockerfile: string, file: string): Promise<void> => {
  const body = tarOf([
    { path: 'Dockerfile', content: dockerfile },
    { path: 'file', content: file },
  ])
  const answer = await engine.client.request('POST', '/build', { query: { t: tag, version: '1' }, body })
  assert.match(answer.text, /Successfully built/)
}

test('what images share, what each has alone, what containers and volumes take', async () => {
  const before = await usage()
  const shell = expectStatus(await engine.client.get<{ Size: number }>('/images/busybox/json'), 200).Size
  await build('df-base', 'FROM busybox\nCOPY file /base', 'x'.repeat(1000))
  await build('df-one', 'FROM df-base\nCOPY file /one', 'y'.repeat(200))
  await build('df-two', 'FROM df-base\nCOPY file /two', 'z'.repeat(30))
  expectStatus(await engine.client.post('/images/df-one/tag', undefined, { repo: 'df-one', tag: 'again' }), 201)
  const Cmd = ['sh', '-c', 'printf 1234567 > /written; printf 12345 > /volume/file']
  const HostConfig = { Binds: ['df-volume:/volume'] }
  const { Id } = expectStatus(
    await engine.client.post<{ Id: string }>(
      '/containers/create',
      { Image: 'df-one', Cmd, HostConfig },
      { name: 'df-container' },
    ),
    201,
  )
  expectStatus(await engine.client.post(`/containers/${Id}/start`), 204)
  expectStatus(await engine.client.post(`/containers/${Id}/wait`), 200)

  const found = await usage()
  const sizes = Object.fromEntries(
    found.Images.filter(({ RepoTags }) => (RepoTags ?? []).some(tag => tag.startsWith('df-'))).map(
      ({ RepoTags, Size, SharedSize, Containers }) => [
        (RepoTags ?? []).sort().join(),
        [Size - shell, SharedSize - shell, Containers],
      ],
    ),
  )
  assert.deepEqual(sizes, {
    'df-base:latest': [1000, 1000, 0],
    'df-one:again,df-one:latest': [1200, 1000, 1],
    'df-two:latest': [1030, 1000, 0],
  })
  assert.equal(found.LayersSize - before.LayersSize, 1230)
  const [container] = found.Containers.filter(({ Names }) => Names.includes('/df-container'))
  assert.deepEqual([container?.SizeRw, (container?.SizeRootFs ?? 0) - shell], [7, 1207])
  const [volume] = found.Volumes.filter(({ Name }) => Name === 'df-volume')
  assert.deepEqual([volume?.UsageData.Size, volume?.UsageData.RefCount], [5, 1])
  if (isTare) {
    const more = (found.BlobsSize ?? 0) - (before.BlobsSize ?? 0)
    // Three plain tars of small files, three configurations and three manifests.
    assert.ok(more > 1230 && more < 30_000, String(more))
  }

  expectStatus(await engine.client.delete(`/containers/${Id}`), 204)
  for (const name of ['df-one:again', 'df-one', 'df-two'])
    expectStatus(await engine.client.delete(`/images/${name}`), 200)
  const left = await usage()
  assert.equal(left.LayersSize - before.LayersSize, 1000, 'the build cache has them, and no image does')
  const [base] = left.Images.filter(({ RepoTags }) => (RepoTags ?? []).includes('df-base:latest'))
  assert.deepEqual([(base?.Size ?? 0) - shell, (base?.SharedSize ?? 0) - shell], [1000, 0])
})
