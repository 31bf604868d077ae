// Builds over a session, as `tare build` makes them: what is sent, what is asked for, and what is left when somebody goes away.
import assert from 'node:assert/strict'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import type { ImageInspect } from '../../src/api/image.ts'
import { contextTar } from '../harness/build.ts'
import { type CommandOptions, type CommandResult, launcher, run, start } from '../harness/command.ts'
import { TestDaemon, until } from '../harness/daemon.ts'
import { suiteRoot } from '../harness/suite-root.ts'

let daemon: TestDaemon
let root: string
const cache = mkdtempSync(join(suiteRoot(), 'cache'))
before(async () => {
  daemon = await TestDaemon.start()
})
after(async () => {
  await daemon[Symbol.asyncDispose]()
  rmSync(cache, { recursive: true })
})
beforeEach(t => {
  root = mkdtempSync(join(suiteRoot(), 'context'))
  ;(t as { after?: (act: () => void) => void }).after?.(() => rmSync(root, { recursive: true, force: true }))
})

const tare = (args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> =>
  run([launcher, '-H', daemon.host, ...args], { ...options, env: { XDG_CACHE_HOME: cache, ...options.env } })
const put = (files: Readonly<Record<string, string>>): void => {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(root, path, '..'), { recursive: true })
    writeFileSync(join(root, path), content)
  }
}
/** Makes the files older than the tick in which the cache does not trust them. */
const age = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 40))
const build = async (...args: string[]): Promise<CommandResult> => {
  const result = await tare(['build', '--progress', 'plain', ...args, root])
  assert.equal(result.code, 0, result.stderr)
  return result
}
/** Sizes of the packs that the daemon keeps. */
const packs = (): number[] => {
  const directory = join(daemon.dataRoot, 'builder', 'contexts')
  return readdirSync(directory)
    .map(Number)
    .sort((a, b) => a - b)
    .map(id => readFileSync(join(directory, String(id))).length)
}
const prune = () => daemon.client.post('/build/prune', undefined, { all: '1' })

test('files, modes, links and empty directories arrive; what is ignored does not', async () => {
  put({
    Dockerfile:
      'FROM busybox\nCOPY . /c\nRUN cd /c && find . | sort && stat -c "%n %a %u" run.sh d && readlink l && cat d/ä',
    '.dockerignore': '# no\n*.log\n!keep.log\nDockerfile\n',
    'run.sh': '#!/bin/sh\n',
    'a.log': '',
    'keep.log': '',
    'd/ä': 'umlaut\n',
  })
  chmodSync(join(root, 'run.sh'), 0o4755)
  chmodSync(join(root, 'd'), 0o711)
  mkdirSync(join(root, 'empty'))
  symlinkSync('d/ä', join(root, 'l'))
  const { stderr } = await build()
  const lines = stderr.split('\n').flatMap(line => /^#\d+ \d+\.\d+ (.*)$/.exec(line)?.[1] ?? [])
  assert.deepEqual(lines, [
    ...['.', './.dockerignore', './d', './d/ä', './empty', './keep.log', './l', './run.sh'],
    ...['run.sh 4755 0', 'd 711 0', 'd/ä', 'umlaut'],
  ])
})

test('only what has changed is sent, also after other times, another place and a new daemon', async () => {
  await prune()
  put({ Dockerfile: 'FROM scratch\nCOPY . /', a: 'a'.repeat(5000), 'd/b': 'b'.repeat(7000) })
  await age()
  await build()
  assert.equal(packs().length, 1)
  await build('--no-cache')
  assert.equal(packs().length, 1, 'unchanged')
  for (const name of ['a', 'd/b']) utimesSync(join(root, name), 1, 1)
  await build('--no-cache')
  assert.equal(packs().length, 1, 'touched')
  put({ 'd/b': 'c'.repeat(7000) })
  await age()
  await build('--no-cache')
  assert.deepEqual(packs().slice(1), [7000], 'changed')
  await daemon.kill9()
  await daemon.start()
  await build('--no-cache')
  assert.equal(packs().length, 2, 'another daemon')
  rmSync(cache, { recursive: true })
  put({ a: 'x' })
  await build()
  const text = packs().at(-1)
  assert.ok(text !== undefined && text < 7000 + 200, `${text} bytes: the client knew nothing, the daemon all but one`)
})

test('contents that no step wants are not sent', async () => {
  await prune()
  put({ Dockerfile: 'FROM scratch\nCOPY wanted /', wanted: 'w', large: 'l'.repeat(1_000_000) })
  await build()
  assert.deepEqual(packs(), [1])
})

test('a file of many megabytes', async () => {
  await prune()
  put({ Dockerfile: 'FROM busybox\nCOPY big /\nRUN md5sum /big' })
  const big = Buffer.alloc(20 * 1024 * 1024 + 7, 'abcdefghijk')
  writeFileSync(join(root, 'big'), big)
  const { createHash } = await import('node:crypto')
  const { stderr } = await build()
  assert.match(stderr, new RegExp(createHash('md5').update(big).digest('hex')))
  assert.deepEqual(packs(), [big.length])
})

test('what clients have sent is counted and can be pruned', async () => {
  await prune()
  put({ Dockerfile: 'FROM scratch\nCOPY f /', f: 'f'.repeat(1234) })
  await build()
  const { body } = await daemon.client.get<{ BuildCache: { Type: string; Size: number }[] }>('/system/df')
  assert.deepEqual(
    body.BuildCache.filter(({ Type }) => Type === 'source.local').map(({ Size }) => Size),
    [1234],
  )
  await prune()
  assert.deepEqual(packs(), [])
  await build('--no-cache')
})

test('a Dockerfile from standard input, with the context and without; a context on standard input', async () => {
  put({ f: 'content' })
  const piped = await tare(['build', '-q', '-f', '-', root], {
    stdin: 'FROM busybox\nCOPY f /\nRUN test "$(cat /f)" = content',
  })
  assert.match(piped.stdout, /^sha256:[0-9a-f]{64}\n$/, piped.stderr)
  const alone = await tare(['build', '-q', '-'], { stdin: 'FROM busybox\nRUN true' })
  assert.match(alone.stdout, /^sha256:[0-9a-f]{64}\n$/, alone.stderr)
  const tar = contextTar({ 'sub/Df': 'FROM busybox\nCOPY sub/g /\nRUN cat /g', 'sub/g': 'from the tar' })
  const packed = await tare(['build', '--progress', 'plain', '-f', 'sub/Df', '-'], { stdin: tar })
  assert.match(packed.stderr, /from the tar/)
})

test('iidfile, metadata, tags, labels, arguments and the target', async () => {
  put({ Dockerfile: 'FROM busybox AS one\nARG A\nRUN echo "A is $A"\nFROM one AS two\nRUN false' })
  const files = { iid: join(root, 'iid'), metadata: join(root, 'metadata') }
  const { stderr } = await build(
    ...['-t', 'session:a', '-t', 'session:b', '--label', 'l=v', '--build-arg', 'A=x y', '--target', 'one'],
    ...['--iidfile', files.iid, '--metadata-file', files.metadata],
  )
  assert.match(stderr, /A is x y/)
  const id = readFileSync(files.iid, 'utf8')
  for (const name of ['session:a', 'session:b']) {
    const { body } = await daemon.client.get<ImageInspect>(`/images/${name}/json`)
    assert.equal(body.Id, id)
    assert.deepEqual(body.Config?.Labels, { l: 'v' })
  }
  assert.equal(typeof JSON.parse(readFileSync(files.metadata, 'utf8')), 'object')
})

test('a step that fails: its output, the place in the Dockerfile, the exit code', async () => {
  put({ Dockerfile: 'FROM busybox\nRUN echo before && \\\n  exit 7\nRUN true' })
  const { code, stderr } = await tare(['build', '--progress', 'plain', root])
  assert.equal(code, 1)
  assert.match(stderr, /------\n > \[2\/3\] RUN .*\nbefore\n------\nDockerfile:2\n/s)
  assert.match(stderr, / {3}2 \| >>> RUN echo before && \\\n {3}3 \| >>> {3}exit 7\n/)
  assert.match(
    stderr,
    /ERROR: failed to build: failed to solve: process "\/bin\/sh -c echo before &&[^"]*exit 7" did not complete successfully: exit code: 7\n$/,
  )
})

test('a link to nothing is copied as it is; a source that is not there is named', async () => {
  put({ Dockerfile: 'FROM scratch\nCOPY d /' })
  mkdirSync(join(root, 'd'))
  symlinkSync('/nonexistent', join(root, 'd', 'dangling'))
  await build()
  put({ Dockerfile: 'FROM scratch\nCOPY nothing /' })
  const { code, stderr } = await tare(['build', root])
  assert.equal(code, 1)
  assert.match(stderr, /nothing/)
})

test('a client that goes away takes its build with it', async () => {
  put({ Dockerfile: 'FROM busybox\nRUN echo begun && sleep 31416' })
  const sleeping = () =>
    readdirSync('/proc').filter(pid => {
      try {
        return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'latin1') === 'sleep\0' + '31416\0'
      } catch {
        return false
      }
    })
  {
    await using client = start([launcher, '-H', daemon.host, 'build', '--progress', 'plain', root])
    await until('the step runs', () => sleeping().length > 0)
    client.kill('SIGKILL')
  }
  await until('the step is over', () => sleeping().length === 0)
  await until('its files are unmounted', () => readdirSync(join(daemon.dataRoot, 'builder', 'mounts')).length === 0)
})

test('a client that talks nonsense is answered or cut off, and the daemon goes on', async () => {
  const frame = (type: number, channel: number, payload: string): Buffer => {
    const header = Buffer.alloc(9)
    header.writeUInt32BE(payload.length)
    header[4] = type
    header.writeUInt32BE(channel, 5)
    return Buffer.concat([header, Buffer.from(payload)])
  }
  const talk = (...frames: Buffer[]): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect(daemon.socketPath)
      let text = ''
      socket.on('data', chunk => (text += chunk.toString('latin1')))
      socket.once('error', reject)
      socket.once('close', () => resolve(text))
      socket.write(
        'POST /build/session HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n',
      )
      socket.once('data', () => socket.write(Buffer.concat(frames)))
    })
  assert.match(await talk(frame(0, 0, '{"type":"build","options":{"tags":"x"}}')), /"failed".*cannot unmarshal string/)
  assert.match(
    await talk(frame(0, 0, '{"type":"build","options":{"context":{"type":"none"}}}')),
    /Cannot locate specified Dockerfile/,
  )
  assert.match(await talk(frame(0, 0, '{')), /101 UPGRADED/)
  assert.match(await talk(Buffer.alloc(9, 0xff)), /101 UPGRADED/)
  const plain = await daemon.client.post<{ message: string }>('/build/session', undefined)
  assert.equal(plain.status, 400)
  assert.match(plain.body.message, /upgraded/)
})

test('a context that no step wants is not even listed', async () => {
  put({ Dockerfile: 'FROM busybox\nRUN true', f: '' })
  const { stderr } = await build()
  assert.doesNotMatch(stderr, /load build context/)
})

test('a shell in the state before the step that failed', async () => {
  put({ Dockerfile: 'FROM busybox\nWORKDIR /w\nENV A=value\nRUN echo before >f\nRUN touch left && exit 9' })
  const command = `${launcher} -H ${daemon.host} build --on-error shell --progress plain ${root}`
  const { stdout, code } = await run(['script', '--quiet', '--return', '--command', command, '/dev/null'], {
    stdin: 'echo "$A: $(ls) $(cat f) $(pwd)"; test -t 0 && echo has-terminal; exit\n',
  })
  assert.equal(code, 1)
  assert.match(stdout, /value: f before \/w\r\n/)
  assert.match(stdout, /has-terminal\r\n/)
  assert.match(stdout, /did not complete successfully: exit code: 9/)
  // Without a terminal nobody is asked.
  assert.equal((await tare(['build', '--debug', root])).code, 1)
})

test('what is being sent is one step, and comes to its end', async () => {
  put({ Dockerfile: 'FROM busybox\nARG F=f\nRUN sleep 1\nCOPY $F /', f: 'f' })
  const { stderr } = await build()
  assert.ok(stderr.indexOf('transferring context') < stderr.indexOf('DONE 1.'), stderr)
})
