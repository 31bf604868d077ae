// Tare's own command line beside docker's, on one daemon: the same words, streams and exit codes, byte for byte, but for the
// program's name. With TARE_TEST_PEER=unix:///… both talk to another engine (checked against Docker 28.5).
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type CommandResult, launcher, run } from '../harness/command.ts'
import { type EngineUnderTest, engineUnderTest } from '../harness/engine-under-test.ts'
import { suiteRoot } from '../harness/suite-root.ts'

const folder = mkdtempSync(join(suiteRoot(), 'output'))
const env = { DOCKER_CONFIG: folder, DOCKER_BUILDKIT: '0', TZ: 'UTC' }
let engine: EngineUnderTest

before(async () => {
  engine = await engineUnderTest()
  writeFileSync(join(folder, 'labels'), 'from=file\n# comment\nbare\n')
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ volumesFormat: '{{.Name}} by config' }))
  mkdirSync(join(folder, 'other'))
  writeFileSync(join(folder, 'other', 'config.json'), JSON.stringify({ imagesFormat: '{{.ID}} by config' }))
  const made = await docker(
    ...['run', '-d', '--name', 'beside', '-l', 'x=y', '-l', 'z', '-e', 'A=B', '-p', '127.0.0.1::80'],
    ...['-v', 'beside:/data', '--tmpfs', '/t:size=1m', 'busybox', 'sh', '-c', 'echo out; echo err >&2; sleep 1000'],
  )
  assert.equal(made.code, 0, made.stderr)
})

after(async () => {
  await docker('rm', '-f', 'beside')
  await docker('volume', 'rm', 'beside')
  await engine[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const docker = (...args: string[]): Promise<CommandResult> => run(['docker', '-H', engine.host, ...args], { env })
const tare = (...args: string[]): Promise<CommandResult> => run([launcher, '-H', engine.host, ...args], { env })

/** What differs by nature: who speaks, and how long ago something was. */
const common = ({ code, stdout, stderr }: CommandResult) => {
  const plain = (text: string): string =>
    text
      .replace(/\b(docker|tare)\b/g, 'PROGRAM')
      .replace(/(Less than a second|About a minute|\d+ (second|minute)s?)( ago)? {0,}/g, 'TIME')
      .replace(/\bCREATED +STATUS +/g, 'CREATED STATUS ')
      .replace(/\bCREATED +/g, 'CREATED ')
  return { code, stdout: plain(stdout), stderr: plain(stderr) }
}

const same = (...args: string[]): Promise<void> =>
  test(args.join(' ') || '(nothing)', async () => {
    // One after the other: the second sees what the first left.
    const expected = common(await docker(...args))
    assert.deepEqual(common(await tare(...args)), expected)
  })

// Lists and objects.
same('ps')
same('ps', '-a', '--no-trunc')
same('ps', '-q')
same('ps', '-s', '--format', '{{.Names}} {{.Size}}')
same('ps', '--format', 'json')
same('ps', '--format', '{{json .}}')
same('ps', '--format', 'table {{.ID}}\\t{{.Names}}\\t{{.Label "x"}}\\t{{.Mounts}}\\t{{.Ports}}')
same('ps', '--format', 'table{{.ID}}')
same('ps', '--format', '{{range $i, $p := split .Labels ","}}{{$i}}={{upper $p}} {{end}}')
same('ps', '--filter', 'name=nobody')
same('container', 'ls', '-aq')
same('images', 'busybox')
same('images', '--no-trunc', '-q', 'busybox')
same('images', '--format', 'table {{.Repository}}\\t{{.Tag}}\\t{{.Size}}')
same('images', 'nothing-of-the-kind')
same('history', 'busybox')
same('history', '--no-trunc', '--format', '{{.ID}} {{.Size}} {{.Comment}}', 'busybox')
same('volume', 'ls', '--format', '{{.Name}} {{.Driver}} {{.Scope}}')
same('network', 'ls')
same('network', 'ls', '--no-trunc', '--format', 'json')
same('inspect', 'beside')
same('inspect', '-f', '{{.State.Status}} {{.State.Health}} {{json .Config.Labels}} {{.Config.Env}}', 'beside')
same('inspect', '-f', '{{range $n, $e := .NetworkSettings.Networks}}{{$n}} {{$e.IPAddress}}{{end}}', 'beside')
same('inspect', '-f', '{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}', 'beside')
same('inspect', '-f', 'json', 'busybox')
same('inspect', '--type', 'volume', 'beside')
same('image', 'inspect', 'busybox', '-f', '{{.Os}}/{{.Architecture}} {{len .RootFS.Layers}}')
same('volume', 'inspect', 'beside')
same('network', 'inspect', 'bridge')
same('port', 'beside')
same('port', 'beside', '80/tcp')
same('logs', 'beside')
same('logs', '-t', '--tail', '1', 'beside')
same('version', '-f', '{{.Server.Version}} {{.Server.Os}}')
same('info', '-f', '{{.OSType}} {{.ContainersRunning}}')
same('system', 'df', '--format', '{{.Type}} {{.TotalCount}}')

// The user's config.json.
same('volume', 'ls')
same('--config', join(folder, 'other'), 'images', 'busybox')

// Images and their archives.
same('images', 'ls')
same('image', 'ls', 'ls')
same('images', '--digests')
same('images', '--tree', '-q')
same('system', 'df', '-v')
same('system', 'df', '--format', 'json')
same('history', '--platform', 'linux/amd64', '-q', 'busybox')
same('save', '-o', '/nonsense/x', 'busybox')
same('save', '-o', '/tmp', 'busybox')
same('save', '--platform', 'a/b/c/d', '-o', join(folder, 'x'), 'busybox')
same('save', 'nonsense', '-o', join(folder, 'x'))
same('load', '-i', '/nonsense')
same('import', '/nonsense')
same('import', '-', 'A')
same('rmi', '--platform', 'nonsense', 'busybox')
same('image', 'inspect', '--platform', 'a/b/c/d', 'busybox')
same('export', 'beside', '-o', '/nonsense/x')
same('export', 'nonsense', '-o', join(folder, 'x'))
same('commit', 'nonsense')
same('commit', 'beside', 'A')
same('image', 'prune', '--filter', 'label=x')
same('system', 'prune', '--filter', 'until=1h', '--filter', 'label=x')
same('system', 'prune', '--volumes', '--filter', 'until=1h')
same('volume', 'prune', '-a')

// Registries, none of which answers.
same('pull', 'Bad/Name')
same('pull', '-a', 'a:b')
same('pull', '--platform', 'a/b/c/d', '127.0.0.1:1/x:1')
same('pull', '127.0.0.1:1/x:1')
same('push', '127.0.0.1:1/nonsense:1')
same('push', 'busybox@sha256:be498b7cd01a4179c8c727582f521cd5ed694557e6648272707801f159706d72')
same('push', '--platform', 'linux/a/b/c', 'busybox')
same('login', '127.0.0.1:1')
same('login', '-u', 'a', '-p', 'b', '127.0.0.1:1')
same('login', '-p', 'x', '--password-stdin')
same('login', '-u', '')
same('login', '--nonsense')
same('logout', 'https://127.0.0.1:1/v2/')
same('logout')
same('search')
same('search', '--limit', 'x', 'y')
same('manifest', 'inspect', '127.0.0.1:1/a:1', '127.0.0.1:1/b:1')
same('manifest', 'annotate', 'a', 'b')
same('manifest', 'annotate', 'A', 'b')
same('manifest', 'create', 'a')
same('manifest', 'push', 'a')
same('manifest', 'rm', 'a', 'B')

// What processes say, and how they end.
same('run', '--rm', 'busybox', 'sh', '-c', 'echo out; exit 3')
same(
  'run',
  '--rm',
  '-e',
  'A=1',
  '-w',
  '/tmp',
  '-u',
  'nobody',
  '-h',
  'host',
  'busybox',
  'sh',
  '-c',
  'echo $A; pwd; id -un; hostname',
)
same('run', '--rm', 'busybox', 'no-such-command')
same('run', '--rm', 'busybox', '/etc')
same('exec', 'beside', 'sh', '-c', 'echo $A; exit 5')
same('exec', 'beside', 'no-such-command')

// What goes wrong.

same('nonsense')
same('container', 'nonsense')
same('run')
same('run', '--nonsense')
same('run', '-z')
same('run', '-p')
same('run', '-p', '99999:1', 'busybox')
same('run', '-m', 'lots', 'busybox')
same('run', '--rm', '--restart', 'always', 'busybox')
same('run', '-it', 'busybox')
same('run', '--pull', 'never', 'nothing:here')
same('run', 'Bad/Name')
same('run', '--network', 'nonsense', '--rm', 'busybox')
same('run', '--name', 'beside', 'busybox')
same('create', '--mount', 'type=bind,source=/nonsense,target=/x', 'busybox')
same('ps', 'nonsense')
same('ps', '--filter', 'nonsense=x')
same('ps', '--format', '{{.Nonsense}}')
same('ps', '--format', '{{.ID')
same('inspect', 'nonsense')
same('inspect', '-f', '{{.State.Nonsense}}', 'beside')
same('inspect', '-f', '{{nonsense}}', 'beside')
same('inspect', '--type', 'nonsense', 'beside')
same('logs', 'nonsense')
same('stop', 'nonsense')
same('start', 'nonsense', 'nonsense2')
same('rm', 'beside')
same('rm', '-f', 'nonsense')
same('rmi', 'nonsense')
same('kill', '-s', 'NONSENSE', 'beside')
same('attach', 'nonsense')
same('exec', 'nonsense', 'true')
same('rename', 'beside', 'beside')
same('tag', 'busybox', 'Bad')
same('volume', 'rm', 'nonsense')
same('network', 'rm', 'nonsense')
same('load', '-i', '/nonsense')
same('save', 'nonsense')

// Help.
for (const command of ['ps', 'logs', 'stop', 'exec', 'rm', 'inspect', 'volume create', 'network create'])
  same(...command.split(' '), '--help')
