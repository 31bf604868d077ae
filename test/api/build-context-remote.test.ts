// Contexts that the daemon fetches, and contexts by name.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { type BuildResult, buildTar, contextTar, lastOutput } from '../harness/build.ts'
import { type CommandResult, launcher, run } from '../harness/command.ts'
import { TestDaemon } from '../harness/daemon.ts'
import { GitServer } from '../harness/git-server.ts'
import { suiteRoot } from '../harness/suite-root.ts'
import { WebServer } from '../harness/web-server.ts'

let daemon: TestDaemon
let git: GitServer
let web: WebServer
const files: Record<string, Buffer | string> = {}
const root = mkdtempSync(join(suiteRoot(), 'remote'))
before(async () => {
  daemon = await TestDaemon.start()
  git = await GitServer.start()
  web = await WebServer.start((request, response) => {
    const body = files[request.url ?? '']
    response.writeHead(body === undefined ? 404 : 200).end(body)
  })
  git.commit('app', {
    Dockerfile: 'FROM busybox\nCOPY . /c/\nRUN cd /c && find . -type f | sort | xargs\n',
    'sub/Dockerfile': 'FROM busybox\nCOPY . /c/\nRUN cd /c && echo sub && find . -type f | sort | xargs\n',
    'other.df': 'FROM busybox\nCOPY . /c/\nRUN cd /c && echo other && find . -type f | sort | xargs\n',
    'other.df.dockerignore': '*.log\nsub\n*.df*\n',
    '.dockerignore': 'sub\n*.df*\n',
    'a.log': '',
  })
  writeFileSync(join(root, 'own'), 'own\n')
  mkdirSync(join(root, 'named'))
  writeFileSync(join(root, 'named', 'n'), 'named\n')
  writeFileSync(join(root, 'named', 'skip'), '')
})
after(async () => {
  rmSync(root, { recursive: true })
  await web[Symbol.asyncDispose]()
  await git[Symbol.asyncDispose]()
  await daemon[Symbol.asyncDispose]()
})

const remote = (url: string, query = {}): Promise<BuildResult> =>
  buildTar(daemon.client, Buffer.alloc(0), { remote: url, nocache: 1, ...query })
const output = async (url: string, query = {}): Promise<string> => {
  const result = await remote(url, query)
  assert.equal(result.error, undefined)
  return lastOutput(result).trim()
}

test('a repository, without what its ignore file names', async () => {
  assert.equal(await output(git.url('app')), './.dockerignore ./Dockerfile ./a.log')
})

test('the ignore file of the Dockerfile comes before the common one', async () => {
  assert.equal(await output(git.url('app'), { dockerfile: 'other.df' }), 'other\n./.dockerignore ./Dockerfile')
})

test('a directory of a repository', async () => {
  assert.equal(await output(`${git.url('app')}#main:sub`), 'sub\n./Dockerfile')
})

test('an archive, compressed or not, and a Dockerfile alone', async () => {
  const tar = contextTar({ Dockerfile: 'FROM busybox\nCOPY f /f\nRUN cat /f\n', f: 'content\n' })
  files['/c.tar'] = tar
  files['/c.tgz'] = gzipSync(tar)
  files['/Dockerfile'] = 'FROM busybox\nRUN echo alone\n'
  assert.equal(await output(`${web.url}/c.tar`), 'content')
  assert.equal(await output(`${web.url}/c.tgz`), 'content')
  assert.equal(await output(`${web.url}/Dockerfile`), 'alone')
  // Its own name is not looked for in it.
  assert.equal(await output(`${web.url}/Dockerfile`, { dockerfile: 'elsewhere/Dockerfile' }), 'alone')
})

test('fails: what is not there', async () => {
  assert.match((await remote(`${web.url}/no`)).error ?? '', /invalid response status 404/)
  assert.match((await remote(git.url('no'))).error ?? '', /git ls-remote failed/)
  assert.match((await remote(`${git.url('app')}#:sub/none`)).error ?? '', /no such directory/)
})

const tare = (args: readonly string[], dockerfile: string): Promise<CommandResult> =>
  run([launcher, '-H', daemon.host, 'build', '--no-cache', '--progress', 'plain', '-f', '-', ...args], {
    stdin: dockerfile,
    env: { XDG_CACHE_HOME: join(root, 'cache') },
  })
const printed = async (args: readonly string[], dockerfile: string): Promise<string> => {
  const { code, stderr } = await tare(args, dockerfile)
  assert.equal(code, 0, stderr)
  return stderr
}

test('tare build of a URL, with a Dockerfile of its own', async () => {
  assert.match(
    await printed([git.url('app')], 'FROM busybox\nCOPY a.log /\nRUN echo have $(ls /a.log)\n'),
    /have \/a\.log/,
  )
})

test('named contexts: a directory, a repository, an archive, an image; in FROM, COPY and mounts', async () => {
  files['/n.tar'] = contextTar({ t: 'of the archive\n' })
  const args = [
    ...['--build-context', `dir=${join(root, 'named')}`, '--build-context', `repo=${git.url('app')}#main:sub`],
    ...['--build-context', `tar=${web.url}/n.tar`, '--build-context', 'alpine=docker-image://busybox'],
  ]
  const out = await printed(
    [...args, root],
    `FROM dir AS files
FROM docker.io/library/alpine:latest
COPY --from=dir n /n
COPY --from=dir --exclude=skip . /all/
COPY --from=repo . /repo/
COPY --from=tar /t /t
COPY --from=files /n /stage
COPY own /own
RUN --mount=from=dir,target=/m echo got $(cat /n /t /stage /own /m/n) $(ls /all /repo | xargs)
`,
  )
  assert.match(out, /got named of the archive named own named \/all: n \/repo: Dockerfile/)
})

test('a named context stands for a stage of its name', async () => {
  const out = await printed(
    ['--build-context', `files=${join(root, 'named')}`, root],
    'FROM nosuch:1 AS files\nFROM busybox\nCOPY --from=files n /n\nRUN echo got $(cat /n)\n',
  )
  assert.match(out, /got named/)
})
