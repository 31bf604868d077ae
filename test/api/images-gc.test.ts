// Automatic collection of images: what it would take, what it takes, what it never takes; pins; the timer and the watermark.
import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, beforeEach, test } from 'node:test'
import type { ImageGcResponse } from '../../src/api/image-gc.ts'
import { TestDaemon } from '../harness/daemon.ts'
import { expectStatus } from '../harness/http-client.ts'
import { tarOf } from '../harness/layer-image.ts'
import { suiteRoot } from '../harness/suite-root.ts'
import { until } from '../harness/until.ts'

const configFile = join(suiteRoot(), `gc-${process.pid}.json`)
const configure = (policy: object | undefined): void =>
  writeFileSync(configFile, JSON.stringify(policy ? { 'image-gc': policy } : {}))

let daemon: TestDaemon
before(async () => {
  configure(undefined)
  daemon = await TestDaemon.start({ flags: ['--config-file', configFile] })
})
after(async () => {
  await daemon[Symbol.asyncDispose]()
  rmSync(configFile)
})
beforeEach(async () => {
  for (const id of await images())
    if (id !== (await idOf('busybox'))) await daemon.client.delete(`/images/${id}`, { force: 1 })
})

const images = async (): Promise<string[]> =>
  expectStatus(await daemon.client.get<{ Id: string }[]>('/images/json', { all: 1 }), 200).map(({ Id }) => Id)
const inspect = async (name: string) =>
  expectStatus(await daemon.client.get<{ Id: string; Pinned?: boolean }>(`/images/${name}/json`), 200)
const idOf = async (name: string): Promise<string> => (await inspect(name)).Id
const isThere = async (name: string): Promise<boolean> =>
  (await daemon.client.get(`/images/${name}/json`)).status === 200

/** An image of `bytes` bytes, some hours unused. */
const make = async (repo: string, tag: string, hours: number, bytes = 100_000): Promise<string> => {
  const tar = tarOf([{ path: 'file', content: `${repo}:${tag}`.padEnd(bytes, '.') }])
  const answer = await daemon.client.request('POST', '/images/create', {
    query: { fromSrc: '-', repo, tag },
    body: tar,
  })
  assert.ok(!answer.text.includes('"error"'), answer.text)
  const name = `${repo}:${tag}`
  aged.set(await idOf(name), hours)
  return name
}
const aged = new Map<string, number>()

/** The daemon reads at its start when images were used: what was made gets its age while it is down. */
const age = async (): Promise<void> => {
  await daemon.stop()
  const db = new DatabaseSync(join(daemon.dataRoot, 'tare.db'))
  for (const [id, hours] of aged) {
    const then = Date.now() - hours * 3600_000
    db.prepare('UPDATE images SET last_tagged = ? WHERE id = ?').run(then, id)
    db.prepare('UPDATE image_use SET used = ? WHERE image = ?').run(then, id)
  }
  db.close()
  aged.clear()
  await daemon.start()
}

const gc = async (query: Record<string, string | number>): Promise<ImageGcResponse & { names: string[] }> => {
  const answer = expectStatus(await daemon.client.post<ImageGcResponse>('/images/gc', undefined, query), 200)
  return { ...answer, names: answer.Images.flatMap(({ Names }) => Names) }
}

test('without a policy nothing is collected, and asking for it is an error', async () => {
  const answer = await daemon.client.post<{ message: string }>('/images/gc')
  assert.equal(answer.status, 400)
  assert.match(answer.body.message, /no policy says which images may go/)
  for (const query of [
    { keep: 0 },
    { keep: 'x' },
    { high: '1GB', low: '2GB' },
    { low: '1GB' },
    { keep: 1, minAge: 'x' },
  ]) {
    const refused = await daemon.client.post('/images/gc', undefined, query)
    assert.equal(refused.status, 400, JSON.stringify(query))
  }
})

test('the newest of a repository stay; a dry run says the same and takes nothing', async () => {
  for (const [tag, hours] of [
    ['1', 90],
    ['2', 80],
    ['3', 70],
    ['4', 60],
  ] as const)
    await make('app', tag, hours)
  await make('other', '1', 500)
  await age()
  const dry = await gc({ keep: 2, dryrun: 1 })
  assert.deepEqual(dry.names, ['app:1', 'app:2'])
  assert.deepEqual(
    dry.Images.map(({ Reason }) => Reason),
    Array(2).fill('not among the newest 2 of docker.io/library/app'),
  )
  // Busybox, two of app, and the other.
  assert.equal(dry.Kept, 4)
  assert.ok(await isThere('app:1'))
  const { body: before } = await daemon.client.get<{ LayersSize: number }>('/system/df')
  const since = Date.now() / 1000 - 0.001
  const done = await gc({ keep: 2 })
  assert.deepEqual({ ...done, names: [] }, { ...dry, names: [] })
  assert.deepEqual(
    [await isThere('app:1'), await isThere('app:2'), await isThere('app:3'), await isThere('other:1')],
    [false, false, true, true],
  )
  const { body: afterwards } = await daemon.client.get<{ LayersSize: number }>('/system/df')
  assert.equal(before.LayersSize - afterwards.LayersSize, 200_000)
  // The trees, and the tars of which they came.
  assert.ok(done.SpaceReclaimed > 400_000 && done.SpaceReclaimed < 420_000, String(done.SpaceReclaimed))
  const events = await daemon.client.request('GET', '/events', {
    query: { since: since.toFixed(6), until: (Date.now() / 1000 + 0.001).toFixed(6), filters: { type: ['image'] } },
  })
  const told = events.text
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as { Action: string; Actor: { Attributes: { reclaimed?: string } } })
  assert.deepEqual(
    told.map(({ Action }) => Action),
    ['untag', 'delete', 'untag', 'delete', 'prune'],
  )
  assert.equal(told.at(-1)?.Actor.Attributes.reclaimed, String(done.SpaceReclaimed))
})

test('above the high mark the longest unused go, down to the low mark', async () => {
  for (const [tag, hours] of [
    ['a', 70],
    ['b', 90],
    ['c', 80],
  ] as const)
    await make(tag, '1', hours, 2_000_000)
  await age()
  const { body } = await daemon.client.get<{ LayersSize: number }>('/system/df')
  assert.ok(body.LayersSize > 6_000_000)
  assert.deepEqual((await gc({ high: '1TB', dryrun: 1 })).names, [])
  // Each takes 4 MB with its tar; busybox takes some, and is young.
  const all = await gc({ high: 0, low: 0, dryrun: 1 })
  assert.deepEqual(all.names, ['b:1', 'c:1', 'a:1'])
  const done = await gc({ high: 6_000_000, low: 6_000_000 })
  assert.deepEqual(done.names.slice(0, 2), ['b:1', 'c:1'])
})

test('never one that a container stands on, that is pinned, or that was used lately', async () => {
  for (const name of ['container', 'pinned', 'started', 'built', 'old']) await make(name, '1', 100)
  await make('young', '1', 10)
  const { Id: unused } = expectStatus(
    await daemon.client.post<{ Id: string }>('/containers/create', { Image: 'container:1', Cmd: ['x'] }),
    201,
  )
  await age()
  expectStatus(await daemon.client.post('/images/pinned:1/pin'), 204)
  assert.equal((await inspect('pinned:1')).Pinned, true)
  assert.equal((await inspect('old:1')).Pinned, undefined)
  // A container that is gone again has been a use.
  const { Id } = expectStatus(
    await daemon.client.post<{ Id: string }>('/containers/create', { Image: 'started:1', Cmd: ['x'] }),
    201,
  )
  expectStatus(await daemon.client.delete(`/containers/${Id}`), 204)
  // So has a build on top of it, also one that makes nothing new.
  const dockerfile = tarOf([{ path: 'Dockerfile', content: 'FROM built:1\n' }])
  const built = await daemon.client.request('POST', '/build', { body: dockerfile })
  assert.ok(built.text.includes('Successfully built'), built.text)
  const none = await gc({ high: 0, low: 0, dryrun: 1 })
  assert.deepEqual(none.names, ['old:1'])
  assert.equal(none.Images[0]?.Reason, 'images take more than 0 bytes, and it is the longest unused')
  assert.deepEqual((await gc({ high: 0, minAge: '9h', dryrun: 1 })).names, ['old:1', 'young:1'])
  await daemon.restart()
  assert.deepEqual((await gc({ high: 0, minAge: '9h', dryrun: 1 })).names, ['old:1', 'young:1'], 'nor after a restart')
  expectStatus(await daemon.client.delete(`/containers/${unused}`), 204)
  expectStatus(await daemon.client.post('/images/pinned:1/unpin'), 204)
  assert.deepEqual((await gc({ high: 0 })).names.sort(), ['container:1', 'old:1', 'pinned:1'])
})

test('a pin belongs to an image that is here', async () => {
  assert.equal((await daemon.client.post('/images/nowhere/pin')).status, 404)
  assert.equal((await daemon.client.post('/images/nowhere/unpin')).status, 404)
  await make('gone', '1', 0)
  expectStatus(await daemon.client.post('/images/gone:1/pin'), 204)
  // By hand it goes all the same, and comes back without.
  expectStatus(await daemon.client.delete('/images/gone:1'), 200)
  await make('gone', '1', 0)
  assert.equal((await inspect('gone:1')).Pinned, undefined)
})

test('the daemon collects by itself as soon as it is told to, and logs what it took', async () => {
  for (const [tag, hours] of [
    ['1', 90],
    ['2', 80],
  ] as const)
    await make('auto', tag, hours)
  await age()
  configure({ keep: 1, interval: '1s' })
  process.kill(daemon.pid, 'SIGHUP')
  await until('the older one to go', async () => !(await isThere('auto:1')))
  assert.ok(await isThere('auto:2'))
  await until('the log to tell it', () => /images were collected/.test(daemon.log()))
  assert.match(daemon.log(), /"names":\["auto:1"\],"reason":"not among the newest 1/)
  configure(undefined)
  process.kill(daemon.pid, 'SIGHUP')
  await until('the log to tell of the reload', () => daemon.log().split('Got signal to reload').length === 3)
})

test('a policy that means nothing keeps the daemon from starting, and a reload from happening', async () => {
  const flags = ['--config-file', configFile]
  for (const [policy, complaint] of [
    [{ high: '1GB', low: '2GB' }, /low \(2147483648 bytes\) is above high/],
    [{ keep: 0 }, /keep must be at least 1/],
    [{ keeep: 3 }, /unknown key "keeep"/],
    [{ keep: '3' }, /cannot unmarshal string/],
    [{ high: 'much' }, /high: invalid size: 'much'/],
    [{ keep: 1, interval: '1ms' }, /interval must be between/],
  ] as const) {
    configure(policy)
    const { stderr, code } = await daemon.tare(['daemon', ...flags, '--validate'])
    assert.notEqual(code, 0)
    assert.match(stderr, complaint)
  }
  configure({ high: '20GB', low: '15GB', keep: 3, minAge: '24h', interval: '1h' })
  assert.equal((await daemon.tare(['daemon', ...flags, '--validate'])).code, 0)
  configure(undefined)
})
