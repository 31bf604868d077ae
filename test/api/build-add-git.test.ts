// ADD of git repositories, from a server on loopback.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { type BuildResult, build, lastOutput } from '../harness/build.ts'
import { TestDaemon } from '../harness/daemon.ts'
import { GitServer } from '../harness/git-server.ts'

let daemon: TestDaemon
let server: GitServer
let first: string
let lib: string
let second: string
before(async () => {
  daemon = await TestDaemon.start()
  server = await GitServer.start()
  lib = server.commit('lib', { 'inside/lib.c': 'int x;\n' })
  first = server.commit('app', { 'a.txt': 'one\n', 'src/deep/d.txt': 'D\n', 'src/s.txt': 'S\n' })
  server.git('app', 'tag', '-a', 'v1', '-m', 'v1')
  server.git('app', 'branch', 'side')
  second = server.commit('app', { 'a.txt': 'two\n' })
})
after(async () => {
  await server[Symbol.asyncDispose]()
  await daemon[Symbol.asyncDispose]()
})
afterEach(() => {
  server.authorization = undefined
  const left = readdirSync(join(daemon.dataRoot, 'builder')).filter(name => name.startsWith('git-'))
  assert.deepEqual(left, [], 'no checkout stays')
})

const run = (step: string, command: string): Promise<BuildResult> =>
  build(daemon.client, `FROM busybox\n${step}\nRUN cd /t && ${command}`, {}, { nocache: 1 })
const output = async (step: string, command: string): Promise<string> => {
  const result = await run(step, command)
  assert.equal(result.error, undefined)
  return lastOutput(result).trim()
}
const addModule = (url: string, commit: string, path: string): void => {
  server.commit('app', { '.gitmodules': `[submodule "m"]\n\tpath = ${path}\n\turl = ${url}\n` })
  server.git('app', 'update-index', '--add', '--cacheinfo', `160000,${commit},${path}`)
  server.git('app', 'commit', '-q', '-m', 'module')
}
const FIND = 'find . -type f | sort | xargs'
const app = (rest = ''): string => `${server.url('app')}${rest}`

test('the default branch, without its history', async () => {
  assert.equal(await output(`ADD ${app()} /t/`, `${FIND} && cat a.txt`), './a.txt ./src/deep/d.txt ./src/s.txt\ntwo')
})

for (const [what, rest, expected] of [
  ['a branch', () => '#side', 'one'],
  ['a tag', () => '#v1', 'one'],
  ['a full name', () => '#refs/tags/v1', 'one'],
  ['a commit', () => `#${first}`, 'one'],
  ['a query', () => '?branch=side', 'one'],
  ['a commit that is expected', () => `?branch=main&checksum=${second.slice(0, 12)}`, 'two'],
] as const) {
  test(`${what} is taken`, async () => assert.equal(await output(`ADD ${app(rest())} /t/`, 'cat a.txt'), expected))
}

test('a directory of it, and what is excluded', async () => {
  assert.equal(await output(`ADD ${app('#v1:src')} /t/`, FIND), './deep/d.txt ./s.txt')
  assert.equal(await output(`ADD --exclude=deep ${app('#:src')} /t/`, FIND), './s.txt')
  assert.equal(await output(`ADD ${app('?subdir=src/deep')} /t/`, FIND), './d.txt')
})

test('owner, modes and times: everything is of the commit', async () => {
  server.git('app', 'checkout', '-q', '-B', 'modes')
  server.commit('app', { 'run.sh': '#!/bin/sh\n' })
  server.git('app', 'update-index', '--chmod=+x', 'run.sh')
  server.git('app', 'commit', '-q', '-m', 'x', '--date=@1500000000')
  const time = server.git('app', 'log', '-1', '--format=%ct')
  server.git('app', 'checkout', '-q', '-f', 'main')
  const stat = `stat -c '%u:%g %a %Y %n' run.sh a.txt src`
  const plain = await output(`ADD ${app('#modes')} /t/`, stat)
  assert.equal(plain, `0:0 755 ${time} run.sh\n0:0 644 ${time} a.txt\n0:0 755 ${time} src`)
  assert.match(await output(`ADD --chown=5:6 --chmod=700 ${app('#modes')} /t/`, stat), /^5:6 700 \d+ run.sh\n5:6 700/)
})

test('--keep-git-dir keeps the commit and where it came from, without passwords', async () => {
  const url = app().replace('://', '://user:pass@')
  const step = `ADD --keep-git-dir=true ${url} /t/`
  assert.equal(await output(step, 'cat .git/HEAD && grep url .git/config'), `${second}\n\turl = ${app()}`)
  const without = await run(`ADD --keep-git-dir=false ${url} /t/`, 'cat .git/HEAD')
  assert.equal(without.exitCode, 1)
})

test('submodules come along, unless they are not wanted', async () => {
  server.git('app', 'checkout', '-q', '-B', 'modules')
  addModule(server.url('lib'), lib, 'vendor/lib')
  server.git('app', 'checkout', '-q', '-f', 'main')
  assert.match(await output(`ADD ${app('#modules')} /t/`, FIND), /\.\/vendor\/lib\/inside\/lib\.c/)
  assert.doesNotMatch(await output(`ADD ${app('?branch=modules&submodules=false')} /t/`, FIND), /lib\.c/)
})

test('hooks and files of the host are not reached', async () => {
  server.git('app', 'checkout', '-q', '-B', 'evil')
  addModule(`file://${server.root}/lib.git`, lib, 'x')
  server.git('app', 'checkout', '-q', '-f', 'main')
  assert.match((await run(`ADD ${app('#evil')} /t/`, 'true')).error ?? '', /transport 'file' not allowed/)
})

test('the same commit is not fetched again', async () => {
  const dockerfile = `FROM busybox\nADD ${app()} /again/\n`
  const one = await build(daemon.client, dockerfile)
  server.web.requests.length = 0
  const other = await build(daemon.client, dockerfile)
  assert.equal(other.id, one.id)
  assert.match(other.text, /Using cache/)
  // The names are asked for; a fetch would ask once more.
  assert.equal(server.web.requests.filter(request => request.startsWith('POST ')).length, 1)
  server.commit('app', { 'new.txt': 'n\n' })
  assert.notEqual((await build(daemon.client, dockerfile)).id, one.id)
})

for (const [rest, expected] of [
  ['#nosuch', /repository does not contain ref nosuch/],
  ['#:nosuch', /nosuch: no such directory/],
  ['#:../x', /invalid git subdirectory: \.\.\/x/],
  ['#--upload-pack=x', /invalid git reference/],
  ['?checksum=0123456', /expected checksum to match 0123456, got [0-9a-f]{40}/],
  ['?color=red', /unexpected query "color"/],
] as const) {
  test(`fails: ${rest}`, async () => {
    assert.match((await run(`ADD ${app(rest)} /t/`, 'true')).error ?? '', expected)
  })
}

test('fails: --checksum of another commit, a repository that is not there, a login that nobody gives', async () => {
  assert.match((await run(`ADD --checksum=${first} ${app()} /t/`, 'true')).error ?? '', /expected checksum to match/)
  assert.match((await run(`ADD ${server.url('nosuch')} /t/`, 'true')).error ?? '', /git ls-remote failed: .*not found/s)
  server.authorization = 'Basic x'
  const secret = await run(`ADD ${app().replace('://', '://me:hush@')} /t/`, 'true')
  assert.match(secret.error ?? '', /Authentication failed/)
  assert.doesNotMatch(secret.error ?? '', /hush/)
})
