// How builds fail: Docker 28.5's words and status, and nothing left behind.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { ImageSummary } from '../../src/api/image.ts'
import { type BuildResult, build, buildTar, contextTar } from '../harness/build.ts'
import { TestDaemon, until } from '../harness/daemon.ts'

let daemon: TestDaemon
before(async () => {
  daemon = await TestDaemon.start()
})
after(() => daemon[Symbol.asyncDispose]())

/** Mounts, snapshots, steps and images that a build may have forgotten. */
const leftovers = async (): Promise<unknown> => {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter(line => line.includes(join(daemon.dataRoot, 'builder')))
  const images = (await daemon.client.get<ImageSummary[]>('/images/json', { all: 1 })).body.flatMap(
    ({ RepoTags }) => RepoTags,
  )
  const entries = (directory: string): string[] => {
    try {
      return readdirSync(directory)
    } catch {
      return []
    }
  }
  return {
    mounts,
    images,
    builder: entries(join(daemon.dataRoot, 'builder')),
    mountPoints: entries(join(daemon.dataRoot, 'builder/mounts')),
    steps: entries(join(daemon.execRoot, 'steps')),
  }
}
const CLEAN = {
  mounts: [],
  images: ['busybox:latest'],
  builder: ['cache-mounts', 'contexts', 'mounts'],
  mountPoints: [],
  steps: [],
}

const FILES = { 'a.txt': 'a', 'sub/s.txt': 's' }
/** Where there is no network. */
const UNREACHED = /^Get "https:\/\/registry-1\.docker\.io\/v2\/": dial tcp: lookup registry-1\.docker\.io(?: on \S+)?: /

for (const [instruction, message] of [
  [
    'COPY x /',
    'COPY failed: file not found in build context or excluded by .dockerignore: stat x: file does not exist',
  ],
  [
    'ADD a.txt x /d/',
    'ADD failed: file not found in build context or excluded by .dockerignore: stat x: file does not exist',
  ],
  ['COPY ../x /', 'COPY failed: forbidden path outside the build context: ../x ()'],
  ['COPY /../../a.txt /d/', 'COPY failed: forbidden path outside the build context: ../../a.txt ()'],
  [
    'COPY a.txt sub /d',
    'When using COPY with more than one source file, the destination must be a directory and end with a /',
  ],
  ['COPY http://x/y /', `COPY failed: source can't be a URL for COPY`],
  [
    'COPY a.txt /bin/busybox/',
    'failed to copy files: failed to create new directory: mkdir /bin/busybox: not a directory',
  ],
  [
    'COPY --chown=nosuch a.txt /',
    `unable to convert uid/gid chown string to host mapping: can't find uid for user nosuch: no such user: nosuch`,
  ],
  [
    'COPY --chown=root:nosuch a.txt /',
    `unable to convert uid/gid chown string to host mapping: can't find gid for group nosuch: no such group: nosuch`,
  ],
  ['COPY --from=busybox /bin/nosuch /', 'COPY failed: stat bin/nosuch: file does not exist'],
  [
    `COPY --from=sha256:${'0'.repeat(64)} /x /`,
    `invalid from flag value sha256:${'0'.repeat(64)}: No such image: sha256:${'0'.repeat(64)}`,
  ],
  ['EXPOSE foo', 'Invalid containerPort: foo'],
  ['EXPOSE 80/xyz', 'Invalid proto: xyz'],
  ['STOPSIGNAL FOO', 'invalid signal: FOO'],
  ['WORKDIR $nosuch', 'cannot normalize nothing'],
  ['ENV a=${b:?nope}', 'failed to process "${b:?nope}": b: nope'],
  ['USER nosuch\nRUN true', 'unable to find user nosuch: no matching entries in passwd file'],
] as const) {
  test(`fails: ${instruction}`, async () => {
    const result = await build(daemon.client, `FROM busybox\n${instruction}\n`, FILES, { t: 'never' })
    assert.equal(result.error, message)
    assert.equal(result.status, 200)
    assert.equal(result.exitCode, undefined)
    assert.deepEqual(await leftovers(), CLEAN)
  })
}

test('fails: a RUN, with its output and exit code', async () => {
  const result = await build(daemon.client, 'FROM busybox\nRUN echo told; echo why >&2; exit 3\n', {}, { t: 'never' })
  assert.equal(result.error, `The command '/bin/sh -c echo told; echo why >&2; exit 3' returned a non-zero code: 3`)
  assert.equal(result.exitCode, 3)
  assert.match(result.text, /told\n/)
  assert.match(result.text, /why\n/)
  assert.deepEqual(await leftovers(), CLEAN)
  const quiet = await build(daemon.client, 'FROM busybox\nRUN echo told; exit 4\n', {}, { q: 1 })
  assert.match(quiet.text, /told\n/, 'a quiet build tells what happened when it fails')
  assert.equal(quiet.exitCode, 4)
})

test('fails: a command that is not in the image', async () => {
  const { error } = await build(daemon.client, 'FROM busybox\nRUN ["/nonexistent"]\n')
  assert.match(
    error ?? '',
    /^failed to create task for container: .*exec: "\/nonexistent": stat \/nonexistent: no such file or directory/,
  )
  assert.deepEqual(await leftovers(), CLEAN)
})

test('fails: a base image that is not here, with the way to get one', async () => {
  const { error, status } = await build(daemon.client, 'FROM debian:bookworm-slim\n')
  assert.match(error ?? '', UNREACHED)
  assert.match(error ?? '', /this base image can be made from packages: tare image bootstrap debian:bookworm-slim\)$/)
  assert.equal(status, 200)
  const other = await build(daemon.client, 'FROM nosuch\n')
  assert.match(other.error ?? '', UNREACHED)
  assert.doesNotMatch(other.error ?? '', /bootstrap/)
})

const refused = ({ status, error }: BuildResult): [number, string] => [status, (error ?? '').split('\n')[0] ?? '']

test('fails: what is wrong before the first step has a status', async () => {
  const { client } = daemon
  const tar = (dockerfile: string): Buffer => contextTar({ Dockerfile: dockerfile })
  assert.deepEqual(refused(await build(client, '')), [400, 'the Dockerfile (Dockerfile) cannot be empty'])
  assert.deepEqual(refused(await build(client, '# x\n')), [
    400,
    'failed to parse Dockerfile: file with no instructions',
  ])
  assert.deepEqual(refused(await build(client, 'RUN true')), [400, 'no build stage in current context'])
  assert.deepEqual(refused(await build(client, 'FROM busybox', {}, { target: 'zzz' })), [
    400,
    'target stage "zzz" could not be found',
  ])
  assert.deepEqual(refused(await build(client, 'FROM busybox', {}, { dockerfile: 'nope' })), [
    500,
    'Cannot locate specified Dockerfile: nope',
  ])
  assert.deepEqual(refused(await build(client, 'FROM busybox', {}, { dockerfile: '../nope' })), [
    500,
    'forbidden path outside the build context: ../nope ()',
  ])
  assert.deepEqual(refused(await build(client, 'FROM busybox', {}, { t: 'A:b' })), [
    400,
    'invalid reference format: repository name (library/A) must be lowercase',
  ])
  assert.deepEqual(refused(await build(client, 'FROM busybox', {}, { buildargs: ['x'] })), [
    400,
    'error reading build args: it must be an object of strings',
  ])
  assert.deepEqual(refused(await buildTar(client, Buffer.from('garbage'))), [400, 'unexpected EOF'])
  assert.deepEqual(refused(await buildTar(client, tar('FROM busybox').subarray(0, 700))), [400, 'unexpected EOF'])
  assert.deepEqual(await leftovers(), CLEAN)
})

test('fails: a mistake in the Dockerfile is shown with its file and lines', async () => {
  const { status, error } = await build(
    daemon.client,
    '',
    { 'x/My.dockerfile': 'FROM busybox\nRUN a \\\n b\nFOO c\n' },
    { dockerfile: 'x/My.dockerfile' },
  )
  assert.equal(status, 400)
  assert.equal(
    error,
    `dockerfile parse error on line 4: unknown instruction: FOO (did you mean FROM?)
x/My.dockerfile:4
--------------------
   2 |     RUN a \\
   3 |      b
   4 | >>> FOO c
--------------------`,
  )
})

test('fails: a context that climbs out of itself', async () => {
  const { status, error } = await build(daemon.client, 'FROM busybox', { '../evil': 'x' })
  assert.equal(status, 403)
  assert.equal(error, 'forbidden path outside the build context: ../evil ()')
})

test('a client that goes away stops its build, which leaves nothing', async () => {
  const answer = await daemon.client.stream('POST', '/build', {
    query: { nocache: 1 },
    body: contextTar({
      Dockerfile:
        'FROM busybox AS a\nRUN echo started; sleep 600.25\nFROM busybox\nRUN sleep 600.25\nCOPY --from=a / /\n',
    }),
  })
  await new Promise<void>(resolve => {
    answer.on('data', (chunk: Buffer) => chunk.includes('started') && resolve())
  })
  answer.destroy()
  const sleeps = (): string[] =>
    readdirSync('/proc').filter(pid => {
      try {
        return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('600.25')
      } catch {
        return false
      }
    })
  await until('the steps to end', () => sleeps().length === 0)
  await until('the build to clear up', async () => JSON.stringify(await leftovers()) === JSON.stringify(CLEAN))
})

test('kill -9 in the middle of a build: the next daemon clears it away', async () => {
  const answer = await daemon.client.stream('POST', '/build', {
    body: contextTar({ Dockerfile: 'FROM busybox\nRUN echo started; sleep 600.5\n' }),
  })
  answer.on('error', () => {})
  await new Promise<void>(resolve => {
    answer.on('data', (chunk: Buffer) => chunk.includes('started') && resolve())
  })
  await daemon.kill9()
  await daemon.start()
  assert.deepEqual(await leftovers(), CLEAN)
  const { error } = await build(daemon.client, 'FROM busybox\nRUN echo again\n')
  assert.equal(error, undefined)
})
