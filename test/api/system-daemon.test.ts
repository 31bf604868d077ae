// The daemon's own life: it stops without its containers, reloads its configuration, and listens on several sockets.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { TestDaemon, until } from '../harness/daemon.ts'
import { expectStatus, HttpClient } from '../harness/http-client.ts'
import { freePort } from '../harness/port.ts'
import { suiteRoot } from '../harness/suite-root.ts'

test('it stops at once although clients wait, its containers run on, and the next one has them', async () => {
  await using daemon = await TestDaemon.start()
  const body = { Image: 'busybox', Cmd: ['sleep', '600'], HostConfig: { NetworkMode: 'none' } }
  const { Id } = expectStatus(await daemon.client.post<{ Id: string }>('/containers/create', body), 201)
  expectStatus(await daemon.client.post(`/containers/${Id}/start`), 204)
  type Inspect = { State: { Pid: number; Running: boolean } }
  const { Pid } = (await daemon.client.get<Inspect>(`/containers/${Id}/json`)).body.State
  const streams = await Promise.all([
    daemon.client.stream('GET', '/events'),
    daemon.client.stream('POST', `/containers/${Id}/wait`),
    daemon.client.stream('GET', `/containers/${Id}/logs`, { query: { stdout: 1, follow: 1 } }),
  ])
  for (const stream of streams) stream.on('error', () => {}).resume()
  const exec = await daemon.client.post<{ Id: string }>(`/containers/${Id}/exec`, { Cmd: ['sleep', '600'] })
  expectStatus(await daemon.client.post(`/exec/${expectStatus(exec, 201).Id}/start`, { Detach: true }), 200)
  const before = Date.now()
  assert.equal(await daemon.stop(), 0)
  assert.ok(Date.now() - before < 5_000, `it took ${Date.now() - before} ms`)
  assert.throws(() => statSync(daemon.socketPath), { code: 'ENOENT' })
  assert.match(readFileSync(`/proc/${Pid}/cmdline`, 'utf8'), /^sleep/)
  await daemon.start()
  const { State } = (await daemon.client.get<Inspect>(`/containers/${Id}/json`)).body
  assert.deepEqual([State.Running, State.Pid], [true, Pid])
})

test('what containers were created with is for root to read', async () => {
  await using daemon = await TestDaemon.start()
  const body = { Image: 'busybox', Cmd: ['sleep', '600'], Env: ['TOKEN=s'], HostConfig: { NetworkMode: 'none' } }
  const { Id } = expectStatus(await daemon.client.post<{ Id: string }>('/containers/create', body), 201)
  expectStatus(await daemon.client.post(`/containers/${Id}/start`), 204)
  const files = [
    ...['', '-wal', '-shm'].map(suffix => join(daemon.dataRoot, `tare.db${suffix}`)),
    join(daemon.execRoot, 'containers', Id, 'config.json'),
  ]
  for (const file of files) assert.equal(statSync(file).mode & 0o777, 0o600, file)
})

test('SIGHUP takes over what may change, and a broken file changes nothing', async () => {
  const file = join(mkdtempSync(join(suiteRoot(), 'c')), 'daemon.json')
  writeFileSync(file, '{"labels":["stage=one"]}')
  await using daemon = await TestDaemon.start({ busybox: false, flags: ['--config-file', file] })
  type Info = { Labels: string[]; Debug: boolean }
  const info = async () => (await daemon.client.get<Info>('/info')).body
  assert.deepEqual((await info()).Labels, ['stage=one'])
  writeFileSync(file, '{"labels":["stage=two"],"debug":true,"mtu":1400}')
  process.kill(daemon.pid, 'SIGHUP')
  await until('the new labels', async () => (await info()).Labels[0] === 'stage=two')
  assert.equal((await info()).Debug, true)
  const { text } = await daemon.client.get('/events', {
    since: 0,
    until: Date.now() / 1000,
    filters: { type: ['daemon'] },
  })
  assert.equal((JSON.parse(text) as { Action: string }).Action, 'reload')
  writeFileSync(file, '{"labels":')
  process.kill(daemon.pid, 'SIGHUP')
  await until('the complaint', () => daemon.log().includes('the configuration was not reloaded'))
  assert.deepEqual((await info()).Labels, ['stage=two'])
})

test('several sockets, one of them TCP on the loopback', async () => {
  const port = await freePort()
  const second = join(mkdtempSync(join(suiteRoot(), 's')), 'x')
  const flags = ['-H', `unix://${second}`, '-H', `tcp://127.0.0.1:${port}`]
  await using daemon = await TestDaemon.start({ busybox: false, flags })
  assert.equal(statSync(daemon.socketPath).mode & 0o777, 0o660)
  // The first socket may answer while the others are still being opened.
  await until('all listeners', () => daemon.log().includes('completed initialization'))
  assert.equal((await new HttpClient(second).get('/_ping')).text, 'OK')
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/_ping`)).text(), 'OK')
})
