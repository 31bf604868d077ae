// kill -9 of the daemon: containers run on, their logs are written on, their exit codes are kept.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { mountsBelow } from '../../src/host/mount.ts'
import { TestDaemon, until } from '../harness/daemon.ts'
import { expectStatus } from '../harness/http-client.ts'

type Inspect = { State: { Status: string; Running: boolean; Pid: number; ExitCode: number; FinishedAt: string } }

/** `1 2 3 …`, a line every 50 ms, from a shell that ends at SIGTERM. */
const COUNTER = 'trap "exit 0" TERM; i=0; while :; do i=$((i + 1)); echo $i; sleep 0.05; done'

const inspect = async (daemon: TestDaemon, name: string): Promise<Inspect> =>
  expectStatus(await daemon.client.get<Inspect>(`/containers/${name}/json`), 200)

const run = async (daemon: TestDaemon, ...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await daemon.tare(['run', '-d', ...args])
  assert.equal(code, 0, stderr)
  return stdout.trim()
}

const logged = async (daemon: TestDaemon, name: string): Promise<string[]> =>
  (await daemon.tare(['logs', name])).stdout.split('\n').filter(Boolean)

const assertNoGap = (lines: readonly string[]) =>
  assert.deepEqual(
    lines,
    lines.map((_, index) => String(index + 1)),
  )

test('a container that logs runs on, is adopted, has no gap in its log, and can be stopped', async () => {
  await using daemon = await TestDaemon.start()
  await run(daemon, '--name', 'counter', 'busybox', 'sh', '-c', COUNTER)
  const before = await inspect(daemon, 'counter')
  await until('the first lines', async () => (await logged(daemon, 'counter')).length > 3)

  await daemon.kill9()
  process.kill(before.State.Pid, 0)
  await delay(500)
  await daemon.start()

  const after = await inspect(daemon, 'counter')
  assert.deepEqual({ status: after.State.Status, pid: after.State.Pid }, { status: 'running', pid: before.State.Pid })
  assert.match((await daemon.tare(['ps', '--format', '{{.Names}} {{.Status}}'])).stdout, /^counter Up /)
  const adopted = await logged(daemon, 'counter')
  assert.ok(adopted.length > 10, 'lines of the time without a daemon')
  assertNoGap(adopted)
  await until('new lines', async () => (await logged(daemon, 'counter')).length > adopted.length)
  assert.equal((await daemon.tare(['exec', 'counter', 'echo', 'reachable'])).stdout, 'reachable\n')

  const stopped = await daemon.tare(['stop', 'counter'])
  assert.deepEqual({ code: stopped.code, stdout: stopped.stdout }, { code: 0, stdout: 'counter\n' })
  assert.equal((await inspect(daemon, 'counter')).State.ExitCode, 0)
  assertNoGap(await logged(daemon, 'counter'))
})

test('a container that ends while no daemon runs shows its exit code and its last words', async () => {
  await using daemon = await TestDaemon.start()
  await run(daemon, '--name', 'ending', 'busybox', 'sh', '-c', 'echo early; sleep 0.5; echo late; exit 42')
  await run(daemon, '--name', 'vanishing', '--rm', 'busybox', 'sleep', '0.5')
  await daemon.kill9()
  await delay(1200)
  await daemon.start()

  const { State } = await inspect(daemon, 'ending')
  assert.deepEqual({ status: State.Status, code: State.ExitCode }, { status: 'exited', code: 42 })
  assert.ok(Math.abs(Date.now() - Date.parse(State.FinishedAt)) < 60_000, State.FinishedAt)
  assert.deepEqual(await logged(daemon, 'ending'), ['early', 'late'])
  await until('--rm to be kept', async () => (await daemon.client.get('/containers/vanishing/json')).status === 404)
})

test('published ports answer while no daemon runs, and after', async () => {
  await using daemon = await TestDaemon.start()
  await run(
    daemon,
    '--name',
    'web',
    '-p',
    '0:80',
    'busybox',
    'sh',
    '-c',
    'echo alive > /tmp/index.html; exec httpd -f -p 80 -h /tmp',
  )
  const port = (await daemon.tare(['port', 'web', '80/tcp'])).stdout.match(/:(\d+)/)?.[1]
  const answer = () =>
    fetch(`http://127.0.0.1:${port}`, { headers: { connection: 'close' } }).then(
      got => got.text(),
      () => '',
    )
  await until('the server', async () => (await answer()) === 'alive\n')
  await daemon.kill9()
  assert.equal(await answer(), 'alive\n')
  await daemon.start()
  assert.equal(await answer(), 'alive\n')
})

test('killed in the middle of starting containers, it comes back to a clean state', async () => {
  await using daemon = await TestDaemon.start()
  const starts = Array.from({ length: 6 }, (_, index) =>
    daemon.tare(['run', '-d', '--name', `c${index}`, 'busybox', 'sleep', '600']),
  )
  await until('one that runs', async () => {
    const { body } = await daemon.client.get<unknown[]>('/containers/json')
    return body.length > 0
  })
  await daemon.kill9()
  await Promise.all(starts)
  await daemon.start()

  const containers = expectStatus(
    await daemon.client.get<{ Id: string; State: string; Names: string[] }[]>('/containers/json', { all: 1 }),
    200,
  )
  for (const { Id, State } of containers) {
    assert.ok(['created', 'running', 'exited'].includes(State), State)
    const { State: full } = await inspect(daemon, Id)
    if (full.Running) process.kill(full.Pid, 0)
  }
  // Each name is either taken by a whole container or free.
  for (let index = 0; index < 6; index += 1) {
    const taken = containers.some(({ Names }) => Names.includes(`/c${index}`))
    const { status } = await daemon.client.post('/containers/create', { Image: 'busybox' }, { name: `c${index}` })
    assert.equal(status, taken ? 409 : 201)
  }
})

test('killed in the middle of a build, it builds again', async () => {
  await using daemon = await TestDaemon.start()
  const dockerfile = 'FROM busybox\nRUN echo one > /one\nRUN sleep 0.5; echo two > /two\nCMD cat /one /two\n'
  const build = daemon.tare(['build', '-t', 'interrupted', '-'], { stdin: dockerfile })
  await delay(400)
  await daemon.kill9()
  assert.notEqual((await build).code, 0)
  await daemon.start()
  assert.equal((await daemon.client.get('/images/interrupted/json')).status, 404)
  const again = await daemon.tare(['build', '-t', 'interrupted', '-'], { stdin: dockerfile })
  assert.equal(again.code, 0, again.stderr)
  assert.equal((await daemon.tare(['run', '--rm', 'interrupted'])).stdout, 'one\ntwo\n')
})

test('killed in the middle of an export and of a commit, nothing stays mounted and no half of an image is there', async () => {
  await using daemon = await TestDaemon.start()
  const script = 'dd if=/dev/zero of=/big bs=1M count=64 2>/dev/null; echo made; exec sleep 600'
  const id = await run(daemon, '--network', 'none', 'busybox', 'sh', '-c', script)
  await until('the file', async () => (await logged(daemon, id)).includes('made'))
  const views = () => mountsBelow(daemon.execRoot).filter(point => point.includes('/export-'))
  const answer = await daemon.client.stream('GET', `/containers/${id}/export`)
  answer.on('error', () => {})
  assert.equal(views().length, 1)
  const committing = daemon.client.post('/commit', undefined, { container: id, repo: 'half', pause: 0 }).catch(() => {})
  await delay(50)
  await daemon.kill9()
  await committing
  await daemon.start()
  assert.deepEqual(views(), [])
  const { body } = await daemon.client.get<{ Id: string; RepoTags: string[] }[]>('/images/json', { all: 1 })
  // Without its name it would be of no use; with it, it would be whole.
  if (body.length > 1) await run(daemon, '--network', 'none', 'half', 'test', '-s', '/big')
  expectStatus(await daemon.client.post('/commit', undefined, { container: id, repo: 'whole' }), 201)
  assert.equal((await inspect(daemon, id)).State.Status, 'running')
})
