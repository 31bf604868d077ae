// RUN --mount: what a step is lent, that nothing of it stays, and what is left when somebody goes away.
import assert from 'node:assert/strict'
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { after, before, test } from 'node:test'
import { build, type Context, lastOutput } from '../harness/build.ts'
import { type CommandResult, launcher, run, start } from '../harness/command.ts'
import { TestDaemon, until } from '../harness/daemon.ts'
import { suiteRoot } from '../harness/suite-root.ts'

let daemon: TestDaemon
const directory = mkdtempSync(join(suiteRoot(), 'mounts'))
before(async () => {
  daemon = await TestDaemon.start()
})
after(async () => {
  await daemon[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true })
})

const good = async (dockerfile: string, files: Context = {}, query: Record<string, string | number> = {}) => {
  const result = await build(daemon.client, dockerfile, files, query)
  assert.equal(result.error, undefined, result.text)
  return result
}
const tare = async (dockerfile: string, ...args: string[]): Promise<CommandResult> => {
  return await tareIn(mkdtempSync(join(directory, 'context')), dockerfile, ...args)
}
const tareIn = async (context: string, dockerfile: string, ...args: string[]): Promise<CommandResult> => {
  writeFileSync(join(context, 'Dockerfile'), dockerfile)
  return await run([launcher, '-H', daemon.host, 'build', '--progress', 'plain', ...args, context], {
    env: { XDG_CACHE_HOME: directory, SSH_AUTH_SOCK: '' },
  })
}
const logs = ({ stderr }: CommandResult): string[] =>
  stderr.split('\n').flatMap(line => /^#\d+ \d+\.\d+ (.*)$/.exec(line)?.[1] ?? [])
type CacheItem = { ID: string; Type: string; Size: number; InUse: boolean; Description: string }
const cacheMounts = async (): Promise<CacheItem[]> => {
  const { body } = await daemon.client.get<{ BuildCache: CacheItem[] }>('/system/df')
  return body.BuildCache.filter(({ Type }) => Type === 'exec.cachemount')
}
const prune = () => daemon.client.post('/build/prune', undefined, { all: '1' })
/** Layers that the image has above busybox's. */
const layersAbove = async (id: string): Promise<number> => {
  const count = async (name: string) =>
    (await daemon.client.get<{ RootFS: { Layers: string[] } }>(`/images/${name}/json`)).body.RootFS.Layers.length
  return (await count(id)) - (await count('busybox'))
}

test('bind: files of the context, a stage and an image, read-only; nothing is left in the layer', async () => {
  const result = await good(
    [
      'FROM busybox AS made',
      'RUN mkdir -p /out && echo made > /out/f && ln -s f /out/link',
      'FROM busybox',
      'WORKDIR /w',
      [
        'RUN --mount=target=ctx --mount=type=bind,from=made,source=/out,target=/deep/er/out',
        '--mount=from=busybox,source=/bin/busybox,target=/bin2/busybox --mount=source=d/f,target=/one',
        'find ctx -type f | sort && cat /deep/er/out/link /one && /bin2/busybox echo tool && ! touch ctx/x 2>/dev/null && ! touch /deep/er/out/x 2>/dev/null',
      ].join(' '),
    ].join('\n'),
    { 'd/f': 'content\n', g: '' },
  )
  assert.deepEqual(lastOutput(result).split('\n').filter(Boolean).slice(0, 6), [
    'ctx/Dockerfile',
    'ctx/d/f',
    'ctx/g',
    'made',
    'content',
    'tool',
  ])
  assert.equal(await layersAbove(result.id as string), 1, 'only WORKDIR')
})

test('bind,rw: what is written is gone, for the next step and for the source', async () => {
  const result = await good(
    'FROM busybox\nRUN --mount=target=/c,rw echo new > /c/f && cat /c/f\nRUN --mount=target=/c,rw cat /c/f',
    { f: 'old\n' },
  )
  assert.equal(lastOutput(result), 'old\n')
})

test('mounts inside of a read-only bind find their places', async () => {
  const result = await good(
    'FROM busybox\nRUN --mount=target=/c --mount=type=cache,target=/c/deep/cache --mount=type=tmpfs,target=/c/d/t --mount=source=d/f,target=/c/one ' +
      'echo x > /c/deep/cache/f && echo y > /c/d/t/f && cat /c/one /c/d/f',
    { 'd/f': 'content\n' },
  )
  assert.equal(lastOutput(result), 'content\ncontent\n')
  assert.equal(await layersAbove(result.id as string), 0)
})

test('bind: counts by content and by what was asked for', async () => {
  const dockerfile = 'FROM busybox\nRUN --mount=source=in,target=/in cat /in/f; date +%s%N'
  const first = await good(dockerfile, { 'in/f': '1', other: 'a' })
  assert.equal((await good(dockerfile, { 'in/f': '1', other: 'b' })).id, first.id, 'another file')
  assert.notEqual((await good(dockerfile, { 'in/f': '2', other: 'a' })).text, first.text)
  assert.match((await good(dockerfile, { 'in/f': '2', other: 'a' })).text, /Using cache/)
  const moved = await good(dockerfile.replaceAll('/in', '/on').replace('=in', '=.'), { 'in/f': '1', f: '1' })
  assert.doesNotMatch(moved.text, /Using cache/)
})

test('bind: what is not there fails in words', async () => {
  const missing = await build(daemon.client, 'FROM busybox\nRUN --mount=source=no/where,target=/x true')
  assert.match(missing.error ?? '', /"\/no\/where": not found/)
  const climbs = await good('FROM busybox\nRUN --mount=source=../..,target=/x ls /x', { f: '' })
  assert.equal(lastOutput(climbs), 'Dockerfile\nf\n')
  const root = await build(daemon.client, 'FROM busybox\nRUN --mount=type=bind true')
  assert.match(root.error ?? '', /invalid mount target "\/"/)
})

test('a context by name: bound, and what a cache begins with', async () => {
  const named = mkdtempSync(join(directory, 'named'))
  writeFileSync(join(named, 'f'), 'named\n')
  const dockerfile =
    'FROM busybox\nRUN --mount=from=lib,target=/l --mount=type=cache,id=lib,from=lib,target=/k echo more >> /k/f; cat /l/f /k/f'
  const result = await tare(dockerfile, '--build-context', `lib=${named}`)
  assert.deepEqual(logs(result), ['named', 'named', 'more'], result.stderr)
  writeFileSync(join(named, 'f'), 'changed\n')
  const changed = await tare(dockerfile, '--build-context', `lib=${named}`)
  assert.deepEqual(logs(changed), ['changed', 'changed', 'more'], changed.stderr)
})

test('tmpfs: empty, of the size asked for, and not in the layer', async () => {
  const result = await good(
    'FROM busybox\nRUN mkdir /t && echo below > /t/f\n' +
      'RUN --mount=type=tmpfs,target=/t,size=8m --mount=type=tmpfs,target=/dev/shm,size=4m ' +
      "ls /t; echo x > /t/g; df -m /t /dev/shm | awk '/tmpfs/ {print $2, $6}'\nRUN ls /t",
  )
  assert.match(result.text, /8 \/t\n4 \/dev\/shm\n/)
  assert.equal(lastOutput(result), 'f\n')
})

test('cache: kept over builds and a killed daemon, counted, pruned; not in the layer', async () => {
  await prune()
  const dockerfile =
    'FROM busybox\nRUN --mount=type=cache,target=/root/.cache/tool,mode=0750,uid=7,gid=8 ' +
    'echo x >> /root/.cache/tool/f; wc -l < /root/.cache/tool/f; stat -c "%a %u %g" /root/.cache/tool'
  const first = await good(dockerfile)
  assert.equal(lastOutput(first), '1\n750 7 8\n')
  assert.equal(await layersAbove(first.id as string), 0)
  assert.equal((await good(dockerfile)).id, first.id, 'what a cache holds does not count')
  assert.match(lastOutput(await good(dockerfile, {}, { nocache: 1 })), /^2\n/)
  await daemon.kill9()
  await daemon.start()
  assert.match(lastOutput(await good(dockerfile, {}, { nocache: 1 })), /^3\n/)
  const other = dockerfile.replace('uid=7,', '')
  assert.match(lastOutput(await good(other)), /^1\n750 0 8\n/, 'another owner, another cache')
  const [listed, ...more] = await cacheMounts()
  assert.equal(more.length, 1)
  assert.match(listed?.Description ?? '', /^cached mount \/root\/\.cache\/tool from exec \/bin\/sh -c echo x/)
  assert.ok((listed?.Size ?? 0) > 0)
  assert.equal(listed?.InUse, false)
  await prune()
  assert.deepEqual(await cacheMounts(), [])
  assert.deepEqual(readdirSync(join(daemon.dataRoot, 'builder', 'cache-mounts')), [])
  assert.match(lastOutput(await good(dockerfile, {}, { nocache: 1 })), /^1\n/)
})

test('cache: begins with files of a stage, read-only on request, by id at several places', async () => {
  await prune()
  const result = await good(
    [
      'FROM busybox AS seed',
      'RUN mkdir /s && echo seed > /s/f && mkfifo /s/pipe',
      'FROM busybox',
      'RUN --mount=type=cache,id=seeded,from=seed,source=/s,target=/a cat /a/f && echo more >> /a/f',
      'RUN --mount=type=cache,id=seeded,from=seed,source=/s,target=/b,ro cat /b/f && ! touch /b/x',
      'RUN --mount=type=cache,id=two,target=/a,sharing=locked --mount=type=cache,id=two,target=/b,sharing=locked echo t > /a/f && cat /b/f',
    ].join('\n'),
  )
  assert.match(result.text, /seed\n[^]*seed\nmore\n[^]*t\n/)
})

test('cache: a link in it leads nowhere out of it', async () => {
  const result = await build(
    daemon.client,
    [
      'FROM busybox',
      'RUN --mount=type=cache,id=links,target=/k mkdir -p /k/etc && echo own > /k/etc/hostname && ln -s /etc /k/out && ln -s / /k/all',
      'RUN --mount=type=cache,id=links,source=out,target=/m cat /m/hostname; ls /m',
      'RUN --mount=type=cache,id=links,source=all/../../etc,target=/m ls /m',
      'RUN --mount=type=cache,id=links,source=missing,target=/m ls /m',
    ].join('\n'),
  )
  assert.match(result.text, /own\nhostname\n[^]*\nhostname\n/)
  assert.match(result.error ?? '', /"\/missing": not found/)
})

test('cache: locked waits, private takes another, shared shares', async () => {
  await prune()
  const two = (sharing: string) => `FROM busybox AS a
RUN --mount=type=cache,id=${sharing},target=/c,sharing=${sharing} touch /c/$$-a; i=0; while [ $i -lt 12 ]; do [ -e /c/b-runs ] && echo met; touch /c/a-runs; usleep 100000; i=$((i+1)); done; rm -f /c/a-runs
FROM busybox AS b
RUN --mount=type=cache,id=${sharing},target=/c,sharing=${sharing} i=0; while [ $i -lt 12 ]; do [ -e /c/a-runs ] && echo met; touch /c/b-runs; usleep 100000; i=$((i+1)); done; rm -f /c/b-runs
FROM scratch
COPY --from=a /etc/hostname* /bin/true /
COPY --from=b /etc/hostname* /bin/true /`
  const [shared, locked, secluded] = await Promise.all(
    ['shared', 'locked', 'private'].map(sharing => good(two(sharing))),
  )
  assert.match(shared?.text ?? '', /\nmet\n/)
  assert.doesNotMatch(locked?.text ?? '', /\nmet\n/)
  assert.doesNotMatch(secluded?.text ?? '', /\nmet\n/)
  assert.equal((await cacheMounts()).length, 4)
})

test('secret: a file in memory and a variable, in no layer, history, cache or log', async () => {
  const value = 'hunter2-hunter2-hunter2'
  const file = join(directory, 'secret')
  writeFileSync(file, value)
  const dockerfile = [
    'FROM busybox',
    [
      'RUN --mount=type=secret,id=s --mount=type=secret,id=s,target=/root/.netrc,mode=0440,uid=5,gid=6,env=TOKEN',
      '--mount=type=secret,id=absent stat -c "%a %u %g %s" /run/secrets/s /root/.netrc; df /run/secrets/s | grep -c tmpfs;',
      'echo ${#TOKEN}; ls /run/secrets; ! echo >> /root/.netrc',
    ].join(' '),
    'RUN ls -a /root /run 2>/dev/null | grep -e netrc -e secrets; echo $TOKEN.',
  ].join('\n')
  const result = await tare(dockerfile, '--secret', `id=s,src=${file}`, '-t', 'secretive')
  assert.equal(result.code, 0, result.stderr)
  assert.deepEqual(
    logs(result).filter(line => !/can't create/.test(line)),
    ['400 0 0 23', '440 5 6 23', '1', '23', 's', '.'],
  )
  assert.equal(await layersAbove('secretive'), 0)
  const found = await run(['grep', '-rlE', value, daemon.dataRoot, daemon.execRoot, daemon.logPath])
  assert.equal(found.stdout, '')
})

test('secret and ssh that are required and missing fail; others are left out', async () => {
  const secret = await tare('FROM busybox\nRUN --mount=type=secret,id=gone,required true')
  assert.match(secret.stderr, /secret gone: not found/)
  const agent = await tare('FROM busybox\nRUN --mount=type=ssh,required true')
  assert.match(agent.stderr, /no SSH key "default" forwarded from the client/)
  const optional = await tare(
    'FROM busybox\nRUN --mount=type=ssh --mount=type=secret,id=gone echo "[$SSH_AUTH_SOCK]"; ! ls /run',
  )
  assert.ok(logs(optional).includes('[]'), optional.stderr)
  const classic = await build(daemon.client, 'FROM busybox\nRUN --mount=type=secret,id=gone,required true')
  assert.match(classic.error ?? '', /secret gone: not found/)
})

/** The host's ssh-add with what it needs, for a step that has no libraries of its own. */
const sshAdd = async (to: string): Promise<void> => {
  const [found, linked] = await Promise.all([run(['which', 'ssh-add']), run(['sh', '-c', 'ldd "$(which ssh-add)"'])])
  const libraries = linked.stdout.split('\n').flatMap(line => /(\/\S+) \(/.exec(line)?.[1] ?? [])
  copyFileSync(found.stdout.trim(), join(to, 'ssh-add'))
  for (const library of libraries) copyFileSync(library, join(to, basename(library)))
  const loader = libraries.find(path => basename(path).startsWith('ld-')) as string
  writeFileSync(join(to, 'list'), `#!/bin/sh\ncd /h && ./${basename(loader)} --library-path /h ./ssh-add -l\n`, {
    mode: 0o755,
  })
}

test('ssh: the agent answers in the step, as often as asked', async () => {
  const key = join(directory, 'key')
  await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'the-key', '-f', key])
  const context = mkdtempSync(join(directory, 'context'))
  await sshAdd(context)
  const dockerfile = [
    'FROM busybox',
    'RUN --mount=type=ssh,mode=0660 --mount=target=/h stat -c "%F %a %u" $SSH_AUTH_SOCK; echo $SSH_AUTH_SOCK; /h/list; /h/list',
    'RUN --mount=type=ssh,target=/a/sock echo $SSH_AUTH_SOCK; test -S /a/sock',
    'RUN ls -d /a /run/buildkit 2>/dev/null | wc -l; echo "[$SSH_AUTH_SOCK]"',
  ].join('\n')
  const result = await tareIn(context, dockerfile, '--ssh', `default=${key}`)
  assert.equal(result.code, 0, result.stderr)
  const lines = logs(result)
  assert.deepEqual(lines.slice(0, 2), ['socket 660 0', '/run/buildkit/ssh_agent.0'])
  for (const line of lines.slice(2, 4)) assert.match(line, /^256 SHA256:\S+ the-key \(ED25519\)$/)
  assert.deepEqual(lines.slice(4), ['/a/sock', '0', '[]'])
})

test('a client that vanishes and a daemon that is killed leave no mounts, no secrets and no locks', async () => {
  await prune()
  const file = join(directory, 'kept')
  writeFileSync(file, 'secret')
  const context = mkdtempSync(join(directory, 'context'))
  writeFileSync(
    join(context, 'Dockerfile'),
    'FROM busybox\nRUN --mount=target=/c --mount=type=secret,id=s --mount=type=cache,id=held,target=/k,sharing=locked sleep 600',
  )
  const mounts = () =>
    readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter(line => line.includes(`${daemon.dataRoot}/builder`))
  const begin = () =>
    start([launcher, '-H', daemon.host, 'build', '--progress', 'plain', '--secret', `id=s,src=${file}`, context], {
      XDG_CACHE_HOME: directory,
    })
  const running = async () => (await cacheMounts()).some(({ InUse }) => InUse) && mounts().length >= 3
  {
    await using client = begin()
    await until('the step runs', running)
    client.kill('SIGKILL')
    await until('all is let go', async () => mounts().length === 0 && !(await running()))
  }
  await using _client = begin()
  await until('the step runs', running)
  await daemon.kill9()
  await daemon.start()
  assert.deepEqual(mounts(), [])
  assert.deepEqual(readdirSync(join(daemon.dataRoot, 'builder', 'mounts')), [])
  assert.ok(existsSync(join(daemon.dataRoot, 'builder', 'cache-mounts')))
  await good('FROM busybox\nRUN --mount=type=cache,id=held,target=/k,sharing=locked true')
})
