// Starting containers: states, events, processes, and what becomes of a start that fails.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { ContainerBench, IDLE, sh } from '../harness/container-bench.ts'
import { until } from '../harness/daemon.ts'
import { expectStatus } from '../harness/http-client.ts'

let bench: ContainerBench
before(async () => {
  bench = await ContainerBench.start()
})
after(() => bench[Symbol.asyncDispose]())

const start = (id: string) => bench.client.post(`/containers/${id}/start`)

test('a started container runs: its state, its process, its event; once more is 304', async () => {
  const id = await bench.create({ Cmd: IDLE })
  await bench.expectEvents(id, ['start'], () => bench.start(id))
  const { State } = await bench.inspect(id)
  assert.deepEqual(
    [State.Status, State.Running, State.Paused, State.ExitCode, State.Error],
    ['running', true, false, 0, ''],
  )
  assert.ok(Math.abs(Date.parse(State.StartedAt) - Date.now()) < 60_000)
  assert.match(readFileSync(`/proc/${await bench.processOf(id)}/cmdline`, 'utf8'), /^sh\0-c\0/)
  const again = await start(id)
  assert.deepEqual([again.status, again.text], [304, ''])
  await bench.remove(id)
})

test('a container that has ended starts anew, with its files and its log', async () => {
  const id = await bench.run({ Cmd: sh('echo run >> /count; cat /count') })
  await bench.wait(id)
  await bench.start(id)
  await bench.wait(id)
  assert.equal((await bench.logs(id)).stdout, 'run\nrun\nrun\n')
  const { State, RestartCount } = await bench.inspect(id)
  assert.deepEqual([State.Status, State.ExitCode, RestartCount], ['exited', 0, 0])
  assert.ok(Date.parse(State.FinishedAt) >= Date.parse(State.StartedAt))
  await bench.remove(id)
})

test('one that is not there', async () => {
  await bench.refused(start('nobody'), 404, 'No such container: nobody')
})

test('started ten times at once it runs once', async () => {
  const id = await bench.create({ Cmd: IDLE })
  const answers = await Promise.all(Array.from({ length: 10 }, () => start(id)))
  assert.deepEqual(answers.map(({ status }) => status).sort(), [204, ...Array(9).fill(304)])
  await bench.remove(id)
})

const FAILING = [
  ['a command that is not there', ['nosuch'], 400, 127, /exec: "nosuch": executable file not found in \$PATH/],
  [
    'a path that is not there',
    ['/no/such'],
    400,
    127,
    /exec: "\/no\/such": (stat \/no\/such: )?no such file or directory/,
  ],
  ['a file that cannot be run', ['/etc/passwd'], 400, 126, /exec: "\/etc\/passwd": permission denied/],
  ['a directory', ['/etc'], 400, 126, /exec: "\/etc": (is a directory|permission denied)/],
] as const

for (const [what, Cmd, status, exitCode, message] of FAILING) {
  test(`${what}: ${status}, exit code ${exitCode}, and the container stays as it was`, async () => {
    const id = await bench.create({ Cmd: [...Cmd] })
    const refusal = new RegExp(
      `^failed to create task for container: failed to create shim task: OCI runtime create failed: .*${message.source}`,
    )
    await bench.refused(start(id), status, refusal)
    const { State } = await bench.inspect(id)
    assert.deepEqual(
      [State.Status, State.Pid, State.ExitCode, State.StartedAt],
      ['created', 0, exitCode, '0001-01-01T00:00:00Z'],
    )
    assert.match(State.Error, message)
    await bench.remove(id)
  })
}

test('a user that the image does not know, a directory that cannot be made', async () => {
  const user = await bench.create({ Cmd: ['true'], User: 'stranger' })
  await bench.refused(start(user), 400, 'unable to find user stranger: no matching entries in passwd file')
  const group = await bench.create({ Cmd: ['true'], User: 'nobody:strangers' })
  await bench.refused(start(group), 400, 'unable to find group strangers: no matching entries in group file')
  for (const id of [user, group]) await bench.remove(id)
})

test('a start that fails can be tried again once the reason is gone', async () => {
  const other = await bench.create({ Cmd: IDLE })
  const id = await bench.create({ Cmd: ['true'], HostConfig: { NetworkMode: 'none', PidMode: `container:${other}` } })
  await bench.refused(start(id), 409, `failed to join PID namespace: container ${other} is not running`)
  assert.equal((await bench.inspect(id)).State.Status, 'created')
  await bench.start(other)
  await bench.start(id)
  assert.equal(await bench.wait(id), 0)
  for (const one of [id, other]) await bench.remove(one)
})

test('a start that fails tells those who wait', async context => {
  if (bench.isPeer) return context.skip('Docker lets them wait for a start that works')
  const id = await bench.create({ Cmd: ['nosuch'] })
  const waiting = bench.wait(id, 'next-exit')
  await start(id)
  assert.equal(await waiting, 127)
  await bench.remove(id)
})

test('run --rm: a container that removes itself is gone when its process is', async () => {
  const id = await bench.create({ Cmd: ['true'], HostConfig: { NetworkMode: 'none', AutoRemove: true } })
  await bench.expectEvents(id, ['start', 'die', 'destroy'], async () => {
    const removed = bench.wait(id, 'removed')
    await bench.start(id)
    assert.equal(await removed, 0)
  })
  await bench.refused(bench.client.get(`/containers/${id}/json`), 404, `No such container: ${id}`)
})

test('no process of a container outlives its first one', async () => {
  const id = await bench.run({ Cmd: sh('sleep 600 & sleep 600 & echo $!; sleep 0.1') })
  const { State } = await bench.inspect(id)
  await bench.wait(id)
  assert.equal(existsSync(`/proc/${State.Pid}`), false)
  const { stdout } = await bench.logs(id)
  assert.match(stdout, /^\d+\n$/)
  await bench.remove(id)
})

test('what a container puts in the place of a file that the daemon makes does not hold up the daemon', async () => {
  const script = 'if [ -p /.dockerenv ]; then echo again; else rm /.dockerenv; mkfifo /.dockerenv; fi'
  const id = await bench.create({ Cmd: sh(script) })
  for (let run = 0; run < 2; run++) {
    await bench.start(id)
    assert.equal(await bench.wait(id), 0)
  }
  assert.equal((await bench.logs(id)).stdout, 'again\n')
  await bench.remove(id)
})

test('a start that hangs in the runtime is ended by kill and by forced removal', {
  skip: process.env.TARE_TEST_PEER && 'there it hangs for good',
}, async () => {
  const maker = await bench.run({ Cmd: sh('rm /etc/passwd && mknod /etc/passwd p') })
  assert.equal(await bench.wait(maker), 0)
  expectStatus(await bench.client.post('/commit', undefined, { container: maker, repo: 'hangs' }), 201)
  await bench.remove(maker)
  const hung = (id: string) => processesOf(id).some(argv => argv.includes('create'))
  for (const end of ['kill', 'remove'] as const) {
    const id = await bench.create({ Image: 'hangs', Cmd: IDLE })
    const starting = bench.client.post<{ message: string }>(`/containers/${id}/start`)
    await until('the runtime to hang', () => hung(id))
    const ended = await (end === 'kill'
      ? bench.client.post(`/containers/${id}/kill`)
      : bench.client.delete(`/containers/${id}`, { force: 1 }))
    assert.equal(ended.status, 204, ended.text)
    const { status, body } = await starting
    assert.deepEqual([status, body.message], [409, `container ${id} was killed while it was being started`])
    await until('nothing of it to run', () => processesOf(id).length === 0)
    if (end === 'remove') continue
    const { State } = await bench.inspect(id)
    assert.deepEqual([State.Status, State.Running, State.Error], ['created', false, body.message])
    await bench.remove(id)
  }
  expectStatus(await bench.client.delete('/images/hangs'), 200)
})

/** The command lines of all processes that have a container's id in theirs. */
const processesOf = (id: string): string[] =>
  readdirSync('/proc').flatMap(name => {
    try {
      const argv = /^\d+$/.test(name) ? readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ') : ''
      return argv.includes(id) ? [argv] : []
    } catch {
      // It has ended since it was listed.
      return []
    }
  })
