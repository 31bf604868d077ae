import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { silentLogger } from '../log.ts'
import { ApiServer } from './api-server.ts'
import { openListener, prepareListeners, removeSockets } from './listeners.ts'

const folder = mkdtempSync(join(tmpdir(), 'tare-listen-'))
after(() => rmSync(folder, { recursive: true }))

const settings = (...hosts: string[]) => ({
  hosts,
  group: 'docker',
  tls: false,
  tlsVerify: false,
  tlsCaCert: '',
  tlsCert: '',
  tlsKey: '',
})
const refused = (host: string, message: RegExp) => assert.rejects(prepareListeners(settings(host)), { message })

test('a path that the system cannot take is told as such', async () => {
  await refused(`unix:///${'x'.repeat(120)}`, /^failed to load listeners: .* has 121 bytes, and the system allows 107$/)
})

test('a socket that nobody answers on is replaced, one that somebody does is not', async () => {
  const path = join(folder, 'live')
  const other = createServer().listen(path)
  await once(other, 'listening')
  await refused(`unix://${path}`, /another daemon answers on this socket already$/)
  assert.ok(existsSync(path))
  other.close()
  await once(other, 'close')

  // A process that is killed leaves its socket behind.
  const stale = join(folder, 'stale')
  const script = `require('net').createServer().listen(${JSON.stringify(stale)}, () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', script])
  assert.ok(existsSync(stale))
  const [listener] = await prepareListeners(settings(`unix://${stale}`))
  assert.equal(listener?.path, stale)
  assert.equal(existsSync(stale), false)
})

test('a file that is no socket is left alone', async () => {
  const path = join(folder, 'file')
  writeFileSync(path, 'precious')
  await refused(`unix://${path}`, /there is a file of that name, and it is no socket$/)
})

test('beyond the loopback interface TCP needs certificates', async () => {
  await refused('tcp://0.0.0.0:2375', /needs --tlsverify/)
  await refused('tcp://192.168.1.1:2375', /needs --tlsverify/)
  const [local] = await prepareListeners(settings('tcp://127.0.0.1'))
  assert.deepEqual(local?.options, { host: '127.0.0.1', port: 2375 })
})

test('certificates that are not there', async () => {
  const secure = {
    ...settings('tcp://0.0.0.0:2376'),
    tls: true,
    tlsVerify: true,
    tlsCert: '/no/cert',
    tlsKey: '/no/key',
  }
  await assert.rejects(prepareListeners(secure), {
    message: 'invalid TLS configuration: open /no/cert: no such file or directory',
  })
})

test('a socket is for root and its group from the first moment, and its name goes at the end', async () => {
  const path = join(folder, 'deep', 'er', 's')
  const listeners = await prepareListeners(settings(`unix://${path}`))
  await using server = new ApiServer({ routes: [], logger: silentLogger(), product: 'x' })
  for (const listener of listeners)
    await openListener(server, listener, String(process.getgid?.() ?? 0), silentLogger())
  assert.equal(statSync(path).mode & 0o777, 0o660)
  removeSockets(listeners)
  assert.equal(existsSync(path), false)
  removeSockets(listeners)
})
