// Processes in running containers: output, exit codes, input, terminals, and what inspect says of them.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { ContainerBench, processStatus, sh } from '../harness/container-bench.ts'
import { until } from '../harness/daemon.ts'

let bench: ContainerBench
before(async () => {
  bench = await ContainerBench.start()
  id = await bench.run({ Env: ['FROM=container', 'BOTH=container'], WorkingDir: '/tmp' })
})
after(() => bench[Symbol.asyncDispose]())

let id: string

test('both outputs and the exit code', async () => {
  const { code, stdout, stderr } = await bench.exec(id, sh('echo out; echo err >&2; exit 3'))
  assert.deepEqual({ code, stdout, stderr }, { code: 3, stdout: 'out\n', stderr: 'err\n' })
})

test('exit codes of one that a signal ends, that cannot be found, and that cannot be run', async () => {
  assert.equal((await bench.exec(id, sh('kill -9 $$'))).code, 137)
  const missing = await bench.exec(id, ['nosuch'])
  assert.equal(missing.code, 127)
  assert.match(
    missing.stdout,
    /^OCI runtime exec failed: exec failed: .*exec: "nosuch": executable file not found in \$PATH/,
  )
  assert.equal((await bench.exec(id, ['/etc/passwd'])).code, 126)
})

test('it sees the container: environment, directory, user; and what the request adds', async () => {
  const script = 'echo $FROM $BOTH $OWN; pwd; id -u; echo $HOME'
  assert.equal((await bench.exec(id, sh(script))).stdout, 'container container\n/tmp\n0\n/root\n')
  const request = { Env: ['OWN=x', 'BOTH=exec'], WorkingDir: '/etc', User: 'nobody' }
  assert.equal((await bench.exec(id, sh(script), request)).stdout, 'container exec x\n/etc\n65534\n/home\n')
})

test('input is read to its end, and the output that comes then arrives whole', async () => {
  const execId = await bench.createExec(id, { Cmd: sh('wc -c; echo last; echo error >&2'), AttachStdin: true })
  using stream = await bench.startExec(execId)
  stream.write('12345')
  stream.write('67890')
  stream.closeInput()
  assert.deepEqual(await stream.whole(), { stdout: '10\nlast\n', stderr: 'error\n' })
  assert.equal((await bench.inspectExec(execId)).ExitCode, 0)
})

test('much input and output, unbroken and in order', async () => {
  const execId = await bench.createExec(id, { Cmd: ['cat'], AttachStdin: true })
  using stream = await bench.startExec(execId)
  const text = Array.from({ length: 60_000 }, (_, index) => `line ${index}\n`).join('')
  stream.write(text)
  stream.closeInput()
  const { stdout } = await stream.whole(30_000)
  assert.equal(stdout.length, text.length)
  assert.ok(stdout === text)
})

test('without input the process sees its end at once', async () => {
  assert.equal((await bench.exec(id, sh('wc -c'))).stdout, '0\n')
})

test('a terminal: one stream, its size, its keys', async () => {
  const execId = await bench.createExec(id, {
    Cmd: sh('tty; stty size; read line; echo "got $line"'),
    Tty: true,
    AttachStdin: true,
  })
  using stream = await bench.startExec(execId, { Tty: true, ConsoleSize: [33, 77] })
  await stream.until('the size', ({ stdout }) => stdout.includes('33 77'))
  stream.write('hello\n')
  const { stdout } = await stream.whole()
  assert.equal(stdout, '/dev/pts/0\r\n33 77\r\nhello\r\ngot hello\r\n')
  assert.equal((await bench.inspectExec(execId)).ExitCode, 0)
})

test("a terminal's keys become signals", async () => {
  const execId = await bench.createExec(id, {
    Cmd: sh('trap "echo caught; exit 5" INT; echo ready; while :; do sleep 0.02; done'),
    Tty: true,
    AttachStdin: true,
  })
  using stream = await bench.startExec(execId, { Tty: true })
  await stream.until('ready', ({ stdout }) => stdout.includes('ready'))
  stream.write('\x03')
  assert.match((await stream.whole()).stdout, /caught\r\n$/)
  assert.equal((await bench.inspectExec(execId)).ExitCode, 5)
})

test('the detach keys let go of it, and it runs on', async () => {
  const execId = await bench.createExec(id, {
    Cmd: ['sleep', '600'],
    Tty: true,
    AttachStdin: true,
    DetachKeys: 'ctrl-a,b',
  })
  using stream = await bench.startExec(execId, { Tty: true })
  stream.write('\x01')
  await setTimeout(50)
  stream.write('b')
  await stream.whole()
  const { Running, Pid } = await bench.inspectExec(execId)
  assert.equal(Running, true)
  process.kill(Pid, 'SIGKILL')
  await until('its end', async () => !(await bench.inspectExec(execId)).Running)
  assert.equal((await bench.inspectExec(execId)).ExitCode, 137)
})

test('inspect before, while and after; the container lists it while it runs', async () => {
  const execId = await bench.createExec(id, { Cmd: sh('echo $$; read line'), AttachStdin: true, User: 'nobody' })
  const before = await bench.inspectExec(execId)
  assert.deepEqual([before.ID, before.ContainerID, before.Running, before.ExitCode], [execId, id, false, null])
  assert.deepEqual(before.ProcessConfig, {
    tty: false,
    entrypoint: 'sh',
    arguments: ['-c', 'echo $$; read line'],
    privileged: false,
    user: 'nobody',
  })
  using stream = await bench.startExec(execId)
  await stream.until('its number', ({ stdout }) => stdout.includes('\n'))
  const during = await bench.inspectExec(execId)
  assert.equal(during.Running, true)
  assert.match(processStatus(during.Pid).Uid ?? '', /^65534\s/)
  assert.ok((await bench.inspect(id)).ExecIDs?.includes(execId))
  stream.write('\n')
  await stream.whole()
  const { Running, ExitCode } = await bench.inspectExec(execId)
  assert.deepEqual({ Running, ExitCode }, { Running: false, ExitCode: 0 })
})

test('what is told: created, started, ended with its code', async () => {
  const events = await bench.events(id, 3, () => bench.exec(id, sh('exit 4')))
  assert.deepEqual(
    events.map(({ Action }) => Action),
    ['exec_create: sh -c exit 4', 'exec_start: sh -c exit 4', 'exec_die'],
  )
  const [created, , died] = events.map(({ Actor }) => Actor.Attributes)
  assert.match(created?.execID ?? '', /^[0-9a-f]{64}$/)
  assert.deepEqual([died?.execID, died?.exitCode], [created?.execID, '4'])
})

test('detached it answers at once and runs by itself', async () => {
  const execId = await bench.createExec(id, { Cmd: sh('sleep 0.2; echo done > /tmp/detached') })
  const answer = await bench.client.post(`/exec/${execId}/start`, { Detach: true })
  assert.deepEqual([answer.status, answer.text], [200, ''])
  await until('its end', async () => (await bench.inspectExec(execId)).ExitCode === 0)
  assert.equal((await bench.exec(id, ['cat', '/tmp/detached'])).stdout, 'done\n')
})

test('resizing one that runs', async () => {
  const execId = await bench.createExec(id, { Cmd: sh('read line; stty size'), Tty: true, AttachStdin: true })
  using stream = await bench.startExec(execId, { Tty: true, ConsoleSize: [10, 20] })
  await until('it to run', async () => (await bench.inspectExec(execId)).Running)
  assert.equal((await bench.client.post(`/exec/${execId}/resize`, undefined, { h: 41, w: 99 })).status, 200)
  stream.write('\n')
  assert.match((await stream.whole()).stdout, /41 99/)
})

test('ten at once do not mix', async () => {
  const results = await Promise.all(
    Array.from({ length: 10 }, (_, index) => bench.exec(id, sh(`echo ${index}; exit ${index}`))),
  )
  assert.deepEqual(
    results.map(({ code, stdout }) => [code, stdout]),
    results.map((_, index) => [index, `${index}\n`]),
  )
})

test('what is refused', async () => {
  const create = (container: string, body: object) => bench.client.post(`/containers/${container}/exec`, body)
  await bench.refused(create(id, { Cmd: [] }), 400, 'No exec command specified')
  await bench.refused(create('nobody', { Cmd: ['true'] }), 404, 'No such container: nobody')
  const stopped = await bench.create({})
  await bench.refused(create(stopped, { Cmd: ['true'] }), 409, `container ${stopped} is not running`)
  await bench.refused(bench.client.post('/exec/nothing/start', {}), 404, 'No such exec instance: nothing')
  await bench.refused(bench.client.get('/exec/nothing/json'), 404, 'No such exec instance: nothing')
  const once = await bench.createExec(id, { Cmd: ['true'] })
  await bench.client.post(`/exec/${once}/start`, { Detach: true })
  await bench.refused(bench.client.post(`/exec/${once}/start`, { Detach: true }), 409, /already (running|run)/)
  await bench.remove(stopped)
})

test('it ends with its container', async () => {
  const other = await bench.run()
  const execId = await bench.createExec(other, { Cmd: ['sleep', '600'] })
  using stream = await bench.startExec(execId)
  await until('it to run', async () => (await bench.inspectExec(execId)).Running)
  await bench.client.post(`/containers/${other}/kill`)
  await stream.whole()
  await bench.remove(other)
  await bench.refused(bench.client.get(`/exec/${execId}/json`), 404, `No such exec instance: ${execId}`)
})

test('one that was made and never started goes when its container ends', async () => {
  const other = await bench.run()
  const execId = await bench.createExec(other, { Cmd: ['true'] })
  assert.equal((await bench.inspectExec(execId)).Running, false)
  await bench.client.post(`/containers/${other}/kill`)
  await bench.wait(other)
  await bench.refused(bench.client.get(`/exec/${execId}/json`), 404, `No such exec instance: ${execId}`)
  await bench.remove(other)
})
