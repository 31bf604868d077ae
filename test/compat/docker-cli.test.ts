// The session that people have with the docker CLI, word for word what Docker gives.
// With TARE_TEST_PEER=unix:///… it runs against another engine, which is how its expectations were checked (Docker 28.5).
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type CommandOptions, type CommandResult, run, runInTerminal } from '../harness/command.ts'
import { until } from '../harness/daemon.ts'
import { type EngineUnderTest, engineUnderTest } from '../harness/engine-under-test.ts'
import { freePort } from '../harness/port.ts'
import { suiteRoot } from '../harness/suite-root.ts'

const folder = mkdtempSync(join(suiteRoot(), 'cli'))
const env = { DOCKER_CONFIG: folder, DOCKER_BUILDKIT: '0', TERM: 'xterm' }
let engine: EngineUnderTest
let host = ''

const docker = (args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> =>
  run(['docker', '-H', host, ...args], { ...options, env })

/** Its standard output without the last line end; fails unless it ends with 0. */
const ok = async (args: readonly string[], options?: CommandOptions): Promise<string> => {
  const { code, stdout, stderr } = await docker(args, options)
  assert.equal(code, 0, `docker ${args.join(' ')}: ${code}\n${stdout}\n${stderr}`)
  return stdout.replace(/\n$/, '')
}

before(async () => {
  engine = await engineUnderTest()
  host = engine.host
})

after(async () => {
  await engine[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

test('version and info answer for both sides', async () => {
  assert.match(await ok(['version', '--format', '{{.Server.APIVersion}} {{.Server.Os}}']), /^1\.\d+ linux$/)
  assert.equal(await ok(['info', '--format', '{{.OSType}}']), 'linux')
})

test('images', async () => {
  assert.equal(await ok(['images', '--format', '{{.Repository}}:{{.Tag}}', 'busybox']), 'busybox:latest')
  const table = await ok(['images', 'busybox'])
  assert.match(
    table,
    /^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE\nbusybox +latest +[0-9a-f]{12} +.* (ago|second) +[\d.]+MB$/,
  )
})

test('build, and run what was built', async () => {
  const context = mkdtempSync(join(folder, 'context'))
  writeFileSync(join(context, 'greeting'), 'from the context\n')
  writeFileSync(
    join(context, 'Dockerfile'),
    `FROM busybox AS first
RUN echo from a step > /made
FROM busybox
COPY --from=first /made /made
COPY greeting /
ENV WORD=environment
WORKDIR /work
EXPOSE 80
LABEL kind=test
CMD cat /made /greeting && echo $WORD && pwd
`,
  )
  const { code, stdout, stderr } = await docker(['build', '-t', 'built:one', context])
  assert.equal(code, 0, stdout + stderr)
  assert.match(stdout, /Step 1\/10 : FROM busybox AS first\n/)
  assert.match(stdout, /\nStep 10\/10 : CMD cat /)
  assert.match(stdout, /\nSuccessfully built [0-9a-f]{12}\nSuccessfully tagged built:one\n$/)
  assert.equal(await ok(['run', '--rm', 'built:one']), 'from a step\nfrom the context\nenvironment\n/work')

  const again = await docker(['build', '-t', 'built:one', context])
  assert.match(again.stdout, /Step 2\/10 : RUN echo from a step > \/made\n ---> Using cache\n/)
  assert.equal(again.stdout.match(/Successfully built (.*)/)?.[1], stdout.match(/Successfully built (.*)/)?.[1])
  assert.equal(
    await ok(['inspect', '--format', '{{.Config.Labels.kind}} {{.Config.WorkingDir}}', 'built:one']),
    'test /work',
  )
  assert.match(await ok(['history', '--format', '{{.CreatedBy}}', 'built:one']), /ENV WORD=environment/)
  await ok(['rmi', 'built:one'])
})

test('a failing RUN shows its output and its exit code', async () => {
  const { code, stdout, stderr } = await docker(['build', '--force-rm', '-'], {
    stdin: 'FROM busybox\nRUN echo before; exit 3\n',
  })
  assert.equal(code, 3)
  assert.match(stdout, /\nbefore\n/)
  assert.match(stderr, /The command '\/bin\/sh -c echo before; exit 3' returned a non-zero code: 3\n$/)
})

test('run gives output, errors and exit code', async () => {
  const { code, stdout, stderr } = await docker([
    'run',
    '--rm',
    'busybox',
    'sh',
    '-c',
    'echo out; echo err >&2; exit 7',
  ])
  assert.deepEqual({ code, stdout, stderr }, { code: 7, stdout: 'out\n', stderr: 'err\n' })
})

test('run -i passes its input on, and sees its end', async () => {
  assert.equal(await ok(['run', '-i', '--rm', 'busybox', 'wc', '-c'], { stdin: 'x'.repeat(300_000) }), '300000')
})

test('run takes environment, work directory, user, hostname and limits', async () => {
  const script = 'echo $WORD; pwd; id -u; hostname'
  const flags = ['-e', 'WORD=hello', '-w', '/tmp', '-u', 'nobody', '-h', 'box', '-m', '64m', '--cpus', '0.5']
  assert.equal(await ok(['run', '--rm', ...flags, 'busybox', 'sh', '-c', script]), 'hello\n/tmp\n65534\nbox')
})

test('run -it gives a terminal', async () => {
  const { code, stdout } = await runInTerminal(
    `docker -H ${host} run -it --rm busybox sh -c 'test -t 0 && tty; exit 5'`,
    { env },
  )
  assert.deepEqual({ code, stdout }, { code: 5, stdout: '/dev/pts/0\r\n' })
})

test('run -d, ps, logs, exec, exec -it, stop, rm', async () => {
  const script = 'trap "echo bye; exit 0" TERM; echo started; while :; do sleep 0.1; done'
  const id = await ok(['run', '-d', '--name', 'session', 'busybox', 'sh', '-c', script])
  assert.match(id, /^[0-9a-f]{64}$/)
  assert.equal(
    await ok(['ps', '--format', '{{.ID}} {{.Image}} {{.Names}} {{.State}}']),
    `${id.slice(0, 12)} busybox session running`,
  )
  assert.match(await ok(['ps']), /^CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES\n/)
  await until('the first line', async () => (await ok(['logs', 'session'])) === 'started')
  assert.match(await ok(['logs', '--tail', '1', '-t', 'session']), /^\d{4}-\d\d-\d\dT[\d:.]{15,}Z started$/)

  assert.equal(await ok(['exec', 'session', 'echo', 'inside']), 'inside')
  assert.equal((await docker(['exec', 'session', 'sh', '-c', 'exit 9'])).code, 9)
  assert.equal(await ok(['exec', '-i', 'session', 'cat'], { stdin: 'through' }), 'through')
  const { code, stdout } = await runInTerminal(`docker -H ${host} exec -it session tty`, { env })
  assert.deepEqual({ code, stdout }, { code: 0, stdout: '/dev/pts/0\r\n' })
  assert.match(await ok(['top', 'session']), /sleep|sh -c/)

  assert.equal(await ok(['stop', 'session']), 'session')
  assert.match(await ok(['ps', '-a', '--filter', 'name=session', '--format', '{{.Status}}']), /^Exited \(0\) /)
  assert.equal(await ok(['logs', 'session']), 'started\nbye')
  assert.equal(await ok(['wait', 'session']), '0')
  assert.equal(await ok(['rm', 'session']), 'session')
  assert.equal(await ok(['ps', '-aq']), '')
})

test('logs -f follows to the end', async () => {
  await ok(['run', '-d', '--name', 'counter', 'busybox', 'sh', '-c', 'for i in 1 2 3; do echo $i; sleep 0.2; done'])
  assert.equal(await ok(['logs', '-f', 'counter']), '1\n2\n3')
  await ok(['rm', 'counter'])
})

test('a published port answers on localhost', async () => {
  const port = await freePort()
  const server = 'echo published > /tmp/index.html; exec httpd -f -p 80 -h /tmp'
  await ok(['run', '-d', '--name', 'web', '-p', `${port}:80`, 'busybox', 'sh', '-c', server])
  assert.match(await ok(['port', 'web', '80/tcp']), new RegExp(`^0\\.0\\.0\\.0:${port}`))
  let text = ''
  await until('the server', async () => {
    text = await fetch(`http://localhost:${port}`).then(
      answer => answer.text(),
      () => '',
    )
    return text !== ''
  })
  assert.equal(text, 'published\n')
  await ok(['rm', '-f', 'web'])
})

test('a volume and a bind mount keep what is written', async () => {
  const bound = mkdtempSync(join(folder, 'bound'))
  writeFileSync(join(bound, 'file'), 'of the host\n')
  await ok(['run', '--rm', '-v', 'kept:/data', 'busybox', 'sh', '-c', 'echo kept > /data/file'])
  const flags = ['-v', 'kept:/data:ro', '-v', `${bound}:/bound`]
  assert.equal(await ok(['run', '--rm', ...flags, 'busybox', 'cat', '/data/file', '/bound/file']), 'kept\nof the host')
  const { code } = await docker(['run', '--rm', ...flags, 'busybox', 'touch', '/data/more'])
  assert.equal(code, 1)
  assert.match(await ok(['volume', 'ls', '--format', '{{.Name}}']), /^kept$/m)
  await ok(['volume', 'rm', 'kept'])
})

test('kill, start again, rename, inspect', async () => {
  await ok(['run', '-d', '--name', 'again', 'busybox', 'sleep', '600'])
  assert.equal(await ok(['kill', 'again']), 'again')
  await ok(['wait', 'again'])
  assert.equal(await ok(['inspect', '--format', '{{.State.Status}} {{.State.ExitCode}}', 'again']), 'exited 137')
  assert.equal(await ok(['start', 'again']), 'again')
  await ok(['rename', 'again', 'renamed'])
  assert.equal(await ok(['inspect', '--format', '{{.State.Running}} {{.Name}}', 'renamed']), 'true /renamed')
  assert.equal(await ok(['rm', '-f', 'renamed']), 'renamed')
})

test('events tell the life of a container', async () => {
  const since = (Date.now() / 1000 - 0.001).toFixed(3)
  await ok(['run', '--rm', '--name', 'told', '--network', 'none', 'busybox', 'true'])
  let actions: string[] = []
  await until('the last event', async () => {
    const until = (Date.now() / 1000).toFixed(3)
    const filters = ['--filter', 'container=told', '--filter', 'type=container']
    actions = (await ok(['events', '--since', since, '--until', until, ...filters, '--format', '{{.Action}}'])).split(
      '\n',
    )
    return actions.includes('destroy')
  })
  assert.deepEqual(actions, ['create', 'attach', 'start', 'die', 'destroy'])
})

test('what goes wrong is said in Docker’s words, with its exit codes', async () => {
  const missing = await docker(['run', '--rm', '--pull', 'never', 'no-such-image:1'])
  assert.equal(missing.code, 125)
  assert.match(missing.stderr, /^docker: Error response from daemon: No such image: no-such-image:1\n/)

  const notFound = await docker(['run', '--rm', 'busybox', 'no-such-command'])
  assert.equal(notFound.code, 127)
  assert.match(notFound.stderr, /exec: "no-such-command": executable file not found in \$PATH/)

  const notExecutable = await docker(['run', '--rm', 'busybox', '/etc/passwd'])
  assert.equal(notExecutable.code, 126)
  assert.match(notExecutable.stderr, /exec: "\/etc\/passwd": permission denied/)

  const gone = await docker(['stop', 'no-such-container'])
  assert.equal(gone.code, 1)
  assert.equal(gone.stderr, 'Error response from daemon: No such container: no-such-container\n')

  await ok(['create', '--name', 'twice', 'busybox'])
  const taken = await docker(['create', '--name', 'twice', 'busybox'])
  assert.equal(taken.code, 1)
  assert.match(
    taken.stderr,
    /Conflict\. The container name "\/twice" is already in use by container "[0-9a-f]{64}"\. You have to remove/,
  )
  await ok(['rm', 'twice'])

  assert.equal(await ok(['ps', '-aq']), '', 'nothing of the failed ones stays')
})
