// Images from import to removal, over the API: status, body, what inspect says then, and the events. With TARE_TEST_PEER the
// same is asked of Docker.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { busyboxTar } from '../harness/busybox-image.ts'
import { type EngineUnderTest, engineUnderTest } from '../harness/engine-under-test.ts'
import { expectStatus } from '../harness/http-client.ts'
import { suiteRoot } from '../harness/suite-root.ts'

let engine: EngineUnderTest
const isTare = process.env.TARE_TEST_PEER === undefined
const scratch = mkdtempSync(join(suiteRoot(), 'images-'))

before(async () => {
  engine = await engineUnderTest()
})
after(() => engine[Symbol.asyncDispose]())

type Inspect = {
  Id: string
  RepoTags: string[]
  Comment: string
  Size: number
  Config: Record<string, unknown>
  RootFS: { Layers: string[] }
  Metadata: { LastTagTime: string }
}
type Message = { error?: string; stream?: string; status?: string }

/** A tar of one file, so that each test has layers of its own. */
const layerTar = (content: string): Buffer => {
  const folder = mkdtempSync(join(scratch, 'layer-'))
  writeFileSync(join(folder, 'file'), content)
  return execFileSync('tar', ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '-cf', '-', '-C', folder, 'file'])
}

const importTar = async (tar: Uint8Array, query: Record<string, string>): Promise<string> => {
  const answer = await engine.client.request('POST', '/images/create', { query: { fromSrc: '-', ...query }, body: tar })
  expectStatus(answer, 200)
  const { status, error } = JSON.parse(answer.text.trim().split('\n').at(-1) as string) as Message
  assert.equal(error, undefined)
  return status as string
}

const inspect = async (name: string): Promise<Inspect> =>
  expectStatus(await engine.client.get<Inspect>(`/images/${name}/json`), 200)
const statusOf = async (name: string): Promise<number> => (await engine.client.get(`/images/${name}/json`)).status
const messages = (text: string): Message[] =>
  text
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Message)

/** Image events that `work` brings about: action, whether ID and name are the image's, and labels. */
const eventsOf = async (
  work: () => Promise<unknown>,
): Promise<{ Action: string; Actor: { ID: string; Attributes: Record<string, string> } }[]> => {
  // What happened in the millisecond before is not asked for.
  const before = Date.now()
  while (Date.now() === before);
  const since = Date.now() / 1000
  await work()
  const query = { since: since.toFixed(6), until: (Date.now() / 1000 + 0.001).toFixed(6), filters: { type: ['image'] } }
  const answer = await engine.client.request('GET', '/events', { query })
  return answer.text.trim() === ''
    ? []
    : answer.text
        .trim()
        .split('\n')
        .map(line => JSON.parse(line))
}

test('import makes an image of one layer', async () => {
  const tar = layerTar('import')
  let id = ''
  const events = await eventsOf(async () => {
    id = await importTar(tar, { repo: 'import', tag: '1', message: 'why', changes: 'LABEL a=b' })
  })
  assert.match(id, /^sha256:[0-9a-f]{64}$/)
  const image = await inspect('import:1')
  assert.equal(image.Id, id)
  assert.deepEqual(image.RepoTags, ['import:1'])
  assert.equal(image.Comment, 'why')
  assert.equal(image.Size, 'import'.length)
  assert.equal(image.RootFS.Layers.length, 1)
  assert.deepEqual(image.Config.Labels, { a: 'b' })
  assert.equal(image.Config.Cmd, null)
  assert.ok(Date.now() - Date.parse(image.Metadata.LastTagTime) < 60_000)
  assert.deepEqual(
    events.map(({ Action, Actor }) => [Action, Actor.ID, Actor.Attributes]),
    [
      ['tag', id, { a: 'b', name: 'import:1' }],
      ['import', id, { a: 'b', name: id }],
    ],
  )
})

test('the same file system, however compressed, is the same layer', async () => {
  const tar = layerTar('compressed')
  const layers = new Set<string>()
  // dockerd wants a program xz beside it, as Tare does; only here it is certain.
  const xz = isTare ? [execFileSync('xz', ['-c'], { input: tar })] : []
  for (const [at, body] of [tar, gzipSync(tar), zstdCompressSync(tar), ...xz].entries()) {
    await importTar(body, { repo: 'compressed', tag: String(at) })
    layers.add((await inspect(`compressed:${at}`)).RootFS.Layers[0] as string)
  }
  assert.equal(layers.size, 1)
})

test('what is no archive is refused and leaves nothing', async () => {
  const before = expectStatus(await engine.client.get<unknown[]>('/images/json', { all: 1 }), 200).length
  const answer = await engine.client.request<Message>('POST', '/images/create', {
    query: { fromSrc: '-', repo: 'garbage' },
    body: Buffer.from('garbage'.repeat(1000)),
  })
  assert.match(answer.text, /archive\/tar: invalid tar header/)
  assert.equal(await statusOf('garbage'), 404)
  assert.equal(expectStatus(await engine.client.get<unknown[]>('/images/json', { all: 1 }), 200).length, before)
})

test('names: tag, move, list, and the words for those that are not there', async () => {
  const one = await importTar(layerTar('one'), { repo: 'names', tag: 'one' })
  const two = await importTar(layerTar('two'), { repo: 'names', tag: 'two' })
  const tag = (name: string, repo: string, tag: string) =>
    engine.client.request('POST', `/images/${name}/tag`, { query: { repo, tag } })
  const events = await eventsOf(async () => {
    assert.equal((await tag('names:one', 'localhost:5000/names', 'x')).status, 201)
    assert.equal((await tag(two.slice(7, 19), 'localhost:5000/names', 'x')).status, 201)
  })
  assert.deepEqual(
    events.map(({ Action, Actor }) => [Action, Actor.ID, Actor.Attributes.name]),
    [
      ['tag', one, 'localhost:5000/names:x'],
      ['tag', two, 'localhost:5000/names:x'],
    ],
  )
  for (const [repo, name, message] of [
    ['a', '-x', 'invalid tag format'],
    ['a', 'b:c', 'invalid tag format'],
    ['Bad', '', 'invalid reference format: repository name (library/Bad) must be lowercase'],
    [`a@sha256:${'a'.repeat(64)}`, '', 'cannot import digest reference'],
    ['sha256', '1', 'refusing to create an ambiguous tag using digest algorithm as name'],
  ] as const) {
    const answer = await tag('names:one', repo, name)
    assert.deepEqual([answer.status, (answer.body as { message: string }).message], [400, message])
  }
  assert.equal((await tag('names:one', 'given:both', 'tag')).status, 201)
  assert.equal((await inspect('given:tag')).Id, one)
  expectStatus(await engine.client.delete('/images/given:tag'), 200)
  assert.equal((await inspect('localhost:5000/names:x')).Id, two)
  assert.deepEqual((await inspect(one)).RepoTags, ['names:one'])
  for (const [name, status, message] of [
    ['nope', 404, 'No such image: nope:latest'],
    ['nope:x', 404, 'No such image: nope:x'],
    ['0'.repeat(64), 404, `No such image: sha256:${'0'.repeat(64)}`],
    ['UPPER', 400, 'invalid reference format: repository name (library/UPPER) must be lowercase'],
  ] as const) {
    const answer = await engine.client.get<{ message: string }>(`/images/${name}/json`)
    assert.deepEqual([answer.status, answer.body.message], [status, message])
  }
  type Row = { Id: string; RepoTags: string[] }
  const rows = expectStatus(
    await engine.client.get<Row[]>('/images/json', { filters: { reference: ['names:*'] } }),
    200,
  )
  assert.deepEqual(rows.map(({ RepoTags }) => RepoTags[0]).sort(), ['names:one', 'names:two'])
})

test('history tells the steps', async () => {
  const id = await importTar(layerTar('history'), { repo: 'history', message: 'made by hand' })
  const [item, ...rest] = expectStatus(
    await engine.client.get<Record<string, unknown>[]>('/images/history/history'),
    200,
  )
  assert.equal(rest.length, 0)
  assert.deepEqual(
    { ...item, Created: 0 },
    { Id: id, Created: 0, CreatedBy: '', Tags: ['history:latest'], Size: 7, Comment: 'made by hand' },
  )
})

test("a container keeps its image until force; the words are Docker's", async () => {
  const id = await importTar(readFileSync(busyboxTar()), { repo: 'used', changes: 'CMD ["true"]' })
  const { Id } = expectStatus(
    await engine.client.request<{ Id: string }>('POST', '/containers/create', { body: { Image: 'used' } }),
    201,
  )
  const [image, container] = [id.slice(7, 19), Id.slice(0, 12)]
  const refused = async (name: string, query = {}) => {
    const { status, body } = await engine.client.delete<{ message: string }>(`/images/${name}`, query)
    assert.equal(status, 409)
    return body.message
  }
  assert.equal(
    await refused('used:latest'),
    `conflict: unable to remove repository reference "used:latest" (must force) - container ${container} is using its referenced image ${image}`,
  )
  assert.equal(
    await refused(id),
    `conflict: unable to delete ${image} (must be forced) - image is being used by stopped container ${container}`,
  )
  const rows = expectStatus(await engine.client.get<{ Id: string; Containers: number }[]>('/images/json', {}), 200)
  assert.equal(rows.find(row => row.Id === id)?.Containers, 1)
  const items = expectStatus(await engine.client.delete<object[]>('/images/used', { force: 1 }), 200)
  assert.deepEqual(items.slice(0, 2), [{ Untagged: 'used:latest' }, { Deleted: id }])
  // What the container stands on is still there.
  assert.equal((await engine.client.request('POST', `/containers/${Id}/start`)).status, 204)
  const exit = await engine.client.request<{ StatusCode: number }>('POST', `/containers/${Id}/wait`)
  assert.equal(exit.body.StatusCode, 0)
  assert.equal((await engine.client.delete(`/containers/${Id}`, { force: 1 })).status, 204)
})

test('removal by name and by id, with its events', async () => {
  const id = await importTar(layerTar('removal'), { repo: 'removal', tag: 'a' })
  for (const [repo, tag] of [
    ['removal', 'b'],
    ['other', 'c'],
  ] as const) {
    expectStatus(await engine.client.request('POST', `/images/${id}/tag`, { query: { repo, tag } }), 201)
  }
  const conflict = await engine.client.delete<{ message: string }>(`/images/${id.slice(7, 19)}`)
  assert.deepEqual(
    [conflict.status, conflict.body.message],
    [
      409,
      `conflict: unable to delete ${id.slice(7, 19)} (must be forced) - image is referenced in multiple repositories`,
    ],
  )
  const layer = (await inspect(id)).RootFS.Layers[0] as string
  const events = await eventsOf(async () => {
    assert.deepEqual((await engine.client.delete('/images/removal:a')).body, [{ Untagged: 'removal:a' }])
    assert.deepEqual((await engine.client.delete('/images/other:c')).body, [{ Untagged: 'other:c' }])
    assert.deepEqual((await engine.client.delete('/images/removal:b')).body, [
      { Untagged: 'removal:b' },
      { Deleted: id },
      { Deleted: layer },
    ])
  })
  assert.deepEqual(
    events.map(({ Action, Actor }) => [Action, Actor.ID, Actor.Attributes]),
    [
      ['untag', id, { name: id }],
      ['untag', id, { name: id }],
      ['untag', id, { name: id }],
      ['delete', id, { name: id }],
    ],
  )
  assert.equal(await statusOf(id), 404)
})

test('save and load bring everything back', async () => {
  const id = await importTar(layerTar('saved'), { repo: 'saved', tag: '1', changes: 'CMD ["x"]' })
  const other = await importTar(layerTar('saved too'), { repo: 'saved', tag: '2' })
  const before = await inspect(id)
  let archive = Buffer.alloc(0)
  const saveEvents = await eventsOf(async () => {
    const answer = await engine.client.stream('GET', '/images/get?names=saved:1&names=saved:2')
    assert.equal(answer.statusCode, 200)
    assert.equal(answer.headers['content-type'], 'application/x-tar')
    archive = Buffer.concat((await answer.toArray()) as Buffer[])
  })
  assert.deepEqual(
    saveEvents.map(({ Action }) => Action),
    ['save', 'save'],
  )
  const file = (name: string) => execFileSync('tar', ['-xOf', '-', name], { input: archive, encoding: 'utf8' })
  type Item = { Config: string; RepoTags: string[]; Layers: string[] }
  const manifest = JSON.parse(file('manifest.json')) as Item[]
  assert.deepEqual(manifest.map(({ RepoTags }) => RepoTags).sort(), [['saved:1'], ['saved:2']])
  assert.deepEqual(JSON.parse(file('oci-layout')), { imageLayoutVersion: '1.0.0' })
  assert.equal((JSON.parse(file('index.json')) as { manifests: unknown[] }).manifests.length, 2)

  for (const name of ['saved:1', 'saved:2']) expectStatus(await engine.client.delete(`/images/${name}`), 200)
  assert.equal(await statusOf(id), 404)
  for (const body of [archive, gzipSync(archive)]) {
    const events = await eventsOf(async () => {
      const loaded = await engine.client.request('POST', '/images/load', { body })
      const streams = messages(loaded.text).flatMap(({ stream }) => stream ?? [])
      assert.deepEqual(streams.sort(), ['Loaded image: saved:1\n', 'Loaded image: saved:2\n'])
    })
    assert.deepEqual(
      events.map(({ Action, Actor }) => [Action, Actor.ID]).sort(),
      [
        ['load', id],
        ['load', other],
      ].sort(),
    )
  }
  const after = await inspect('saved:1')
  assert.deepEqual(
    [after.Id, after.RootFS, after.Config, after.Size],
    [before.Id, before.RootFS, before.Config, before.Size],
  )
})

test('load says when a name moves, and names what has none by its id', async () => {
  const id = await importTar(layerTar('moving'), { repo: 'moving' })
  const save = async (name: string) =>
    Buffer.concat((await (await engine.client.stream('GET', `/images/${name}/get`)).toArray()) as Buffer[])
  const [named, nameless] = [await save('moving:latest'), await save(id)]
  const later = await importTar(layerTar('moved'), { repo: 'moving' })
  const streams = async (body: Buffer) =>
    messages((await engine.client.request('POST', '/images/load', { body })).text).flatMap(({ stream }) => stream ?? [])
  assert.deepEqual(await streams(named), [
    `The image moving:latest already exists, renaming the old one with ID ${later} to empty string\n`,
    'Loaded image: moving:latest\n',
  ])
  assert.deepEqual((await inspect(later)).RepoTags, [])
  assert.deepEqual(await streams(nameless), [`Loaded image ID: ${id}\n`])
})

test('saving what is not there is 404 before the first byte', async () => {
  for (const path of ['/images/nope/get', '/images/get?names=nope']) {
    const { status, body } = await engine.client.get<{ message: string }>(path)
    assert.deepEqual([status, body.message], [404, 'No such image: nope'])
  }
})

test('prune takes the nameless', async () => {
  const id = await importTar(layerTar('nameless'), {})
  const kept = await importTar(layerTar('kept'), { repo: 'kept' })
  type Pruned = { ImagesDeleted: { Deleted?: string }[]; SpaceReclaimed: number }
  let pruned: Pruned | undefined
  const events = await eventsOf(async () => {
    pruned = expectStatus(await engine.client.request<Pruned>('POST', '/images/prune'), 200)
  })
  assert.ok(pruned?.ImagesDeleted.some(({ Deleted }) => Deleted === id))
  assert.equal(events.at(-1)?.Action, 'prune')
  assert.equal(events.at(-1)?.Actor.Attributes.reclaimed, String(pruned?.SpaceReclaimed))
  assert.equal(await statusOf(id), 404)
  assert.equal(await statusOf(kept), 200)
})

test('archives of other OCI tools are loaded, and what is here can be read by them', {
  skip: !isTare && 'only Tare loads pure OCI layouts',
}, async () => {
  await importTar(layerTar('oci'), { repo: 'oci', tag: 'src' })
  const docker = join(scratch, 'docker.tar')
  const answer = await engine.client.stream('GET', '/images/oci:src/get')
  writeFileSync(docker, Buffer.concat((await answer.toArray()) as Buffer[]))
  const layout = join(scratch, 'layout.tar')
  execFileSync('skopeo', [
    'copy',
    '-q',
    '--dest-compress',
    `docker-archive:${docker}`,
    `oci-archive:${layout}:team/oci:dst`,
  ])
  const { text } = await engine.client.request('POST', '/images/load', { body: readFileSync(layout) })
  assert.ok(
    messages(text).some(({ stream }) => stream === 'Loaded image: team/oci:dst\n'),
    text,
  )
  assert.deepEqual((await inspect('team/oci:dst')).RootFS, (await inspect('oci:src')).RootFS)
})

test('hostile archives are refused and change nothing', async () => {
  const evil = execFileSync('python3', [
    '-c',
    `
import io, json, sys, tarfile, hashlib
layer = io.BytesIO()
t = tarfile.open(fileobj=layer, mode='w')
e = tarfile.TarInfo('../../../../../../tmp/tare-escaped'); e.size = 4; t.addfile(e, io.BytesIO(b'evil')); t.close()
layer = layer.getvalue()
config = json.dumps({'architecture': 'amd64', 'os': 'linux', 'config': {}, 'rootfs': {'type': 'layers', 'diff_ids': ['sha256:' + hashlib.sha256(layer).hexdigest()]}}).encode()
out = tarfile.open(fileobj=sys.stdout.buffer, mode='w|')
for name, data in [('config.json', config), ('layer.tar', layer), ('manifest.json', json.dumps([{'Config': 'config.json', 'RepoTags': ['evil:1'], 'Layers': ['layer.tar']}]).encode())]:
  i = tarfile.TarInfo(name); i.size = len(data); out.addfile(i, io.BytesIO(data))
out.close()`,
  ])
  const { text } = await engine.client.request('POST', '/images/load', { body: evil })
  assert.ok(
    messages(text).some(({ error }) => error !== undefined),
    text,
  )
  assert.equal(await statusOf('evil:1'), 404)
  assert.throws(() => readFileSync('/tmp/tare-escaped'), /ENOENT/)
})
