// What keeps a daemon from starting is said in one line, and changes nothing.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { test } from 'node:test'
import { launcher, run } from '../harness/command.ts'
import { TestDaemon } from '../harness/daemon.ts'
import { suiteRoot } from '../harness/suite-root.ts'

type Roots = {
  dataRoot?: string
  execRoot?: string
  socket?: string
  flags?: readonly string[]
  env?: NodeJS.ProcessEnv
}

/** Starts a daemon that is expected to end by itself. */
const start = async ({ dataRoot, execRoot, socket, flags = [], env = {} }: Roots) => {
  const folder = mkdtempSync(join(suiteRoot(), 'f'))
  try {
    const argv = [
      launcher,
      'daemon',
      ...['--data-root', dataRoot ?? join(folder, 'data'), '--exec-root', execRoot ?? join(folder, 'run')],
      ...['--host', `unix://${socket ?? join(folder, 'sock')}`, '--pidfile', join(folder, 'pid'), ...flags],
    ]
    const result = await run(argv, { env, timeout: 20_000 })
    return { ...result, text: result.stdout + result.stderr }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

test('a second daemon on the same data root', async () => {
  await using daemon = await TestDaemon.start({ busybox: false })
  const { code, text } = await start({ dataRoot: daemon.dataRoot })
  assert.equal(code, 1)
  assert.ok(text.includes(daemon.dataRoot), text)
  assert.match(text, /in use|already runn|still running/)
  assert.equal((await daemon.client.get('/_ping')).status, 200)
})

test('a second daemon on the same socket leaves the first one alone', async () => {
  await using daemon = await TestDaemon.start({ busybox: false })
  const { code, text } = await start({ socket: daemon.socketPath })
  assert.equal(code, 1)
  assert.ok(text.includes(daemon.socketPath), text)
  assert.equal((await daemon.client.get('/_ping')).status, 200)
})

test('a socket that a killed daemon left is taken over', async () => {
  await using daemon = await TestDaemon.start({ busybox: false })
  await daemon.kill9()
  assert.ok(existsSync(daemon.socketPath))
  await daemon.start()
  assert.equal((await daemon.client.get('/_ping')).status, 200)
})

test('a data root that cannot be written', async () => {
  const folder = mkdtempSync(join(suiteRoot(), 'ro'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'tmpfs', folder])
  try {
    const dataRoot = join(folder, 'data')
    const { code, text } = await start({ dataRoot })
    assert.equal(code, 1)
    assert.ok(text.includes(dataRoot), text)
    assert.match(text, /read-only file system/i)
  } finally {
    execFileSync('umount', [folder])
    rmSync(folder, { recursive: true })
  }
})

test('a data root that is a file', async () => {
  const file = join(mkdtempSync(join(suiteRoot(), 'rf')), 'file')
  writeFileSync(file, '')
  const { code, text } = await start({ dataRoot: file })
  assert.equal(code, 1)
  assert.ok(text.includes(file), text)
})

test('a socket path that is too long', async () => {
  const socket = join(suiteRoot(), 'x'.repeat(120), 'tare.sock')
  const { code, text } = await start({ socket })
  assert.equal(code, 1)
  assert.match(text, /the path of the socket has \d+ bytes, and the system allows 107/)
  assert.ok(!existsSync(join(suiteRoot(), 'x'.repeat(107))), 'nothing was made at a shortened path')
})

test('flags that do not exist or make no sense', async () => {
  assert.match((await start({ flags: ['--no-such-flag'] })).text, /unknown flag: --no-such-flag/)
  const { code, text } = await start({ flags: ['--bip', 'nonsense'] })
  assert.equal(code, 125)
  assert.match(text, /nonsense/)
})

test('without runc nothing is half-made, and the error names it', async () => {
  const folders = (process.env.PATH ?? '').split(delimiter).concat('/usr/local/sbin', '/usr/sbin', '/usr/bin')
  const runtimes = new Set(
    folders
      .map(folder => join(folder, 'runc'))
      .filter(existsSync)
      .map(path => realpathSync(path)),
  )
  // In a mount namespace of its own, where nothing that can be executed lies at runc's place.
  const hide = [...runtimes].map(path => `mount --bind /dev/null ${path}`).join(' && ')
  const prefix = ['unshare', '--mount', 'sh', '-c', `${hide} && exec "$@"`, 'sh']
  await using daemon = await TestDaemon.start({ prefix })
  const { code, stderr } = await daemon.tare(['run', '--name', 'headless', 'busybox', 'true'])
  // Clients take "not found" for the container's own command; so does docker run when Docker's runc is gone.
  assert.equal(code, 127)
  assert.match(stderr, /runc/)
  assert.match(stderr, /not found|no such file/)
  const { stdout } = await daemon.tare(['ps', '-a', '--format', '{{.Names}} {{.State}}'])
  assert.ok(['', 'headless created\n'].includes(stdout), stdout)
})
