// Caches that travel: exported by one daemon, a build on another finds every step.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { BuildContext } from '../harness/build-cli.ts'
import { TestDaemon } from '../harness/daemon.ts'
import { TestRegistry } from '../harness/registry.ts'

let one: TestDaemon
let two: TestDaemon
let registry: TestRegistry
before(async () => {
  ;[one, two, registry] = await Promise.all([TestDaemon.start(), TestDaemon.start(), TestRegistry.start()])
})
after(async () => {
  await Promise.all([one[Symbol.asyncDispose](), two[Symbol.asyncDispose](), registry[Symbol.asyncDispose]()])
})

const DOCKERFILE = `FROM scratch AS base
COPY bin /bin
FROM base AS make
ARG SALT
RUN ["/bin/busybox", "sh", "-c", "cat /proc/sys/kernel/random/uuid >/made; echo $SALT"]
FROM base
WORKDIR /work
COPY --from=make /made /work/
COPY file /work/
RUN ["/bin/busybox", "sh", "-c", "cat /proc/sys/kernel/random/uuid >/last"]
ENV A=b
`
const context = (salt: string, dockerfile = DOCKERFILE): BuildContext => {
  const made = new BuildContext({ Dockerfile: dockerfile.replaceAll('SALT', `SALT_${salt}`), file: 'content\n' })
  made.copyIn('/bin/busybox', 'bin/busybox')
  return made
}
/** The steps that were not found, of those that can be. */
const executed = (text: string): string[] =>
  [...text.matchAll(/^#(\d+) (\[(?!internal|context).*\] (?!FROM).*)$/gm)]
    .filter(([, vertex]) => !text.includes(`#${vertex} CACHED`))
    .map(([, , name]) => name as string)
const idOf = async (daemon: TestDaemon, name: string): Promise<string> =>
  (await daemon.client.get<{ Id: string }>(`/images/${name}/json`)).body.Id

test('local, with all stages: another daemon runs nothing, and has the same image', async () => {
  using built = context('local')
  const cache = built.path('cache-dir')
  const told = await built.build(one, ['-t', 'app', '--cache-to', `type=local,dest=${cache},mode=max`])
  assert.ok(executed(told).length >= 6, told)
  assert.deepEqual(readdirSync(cache).sort(), ['blobs', 'index.json', 'oci-layout'])
  const again = await built.build(two, ['-t', 'app', '--cache-from', `type=local,src=${cache}`])
  assert.deepEqual(executed(again), [], again)
  assert.equal(await idOf(two, 'app'), await idOf(one, 'app'))
  const ran = await two.tare(['run', '--rm', '--network=none', 'app', '/bin/busybox', 'cat', '/work/file'])
  assert.equal(ran.stdout, 'content\n', ran.stderr)
  // It has become that daemon's own.
  rmSync(cache, { recursive: true })
  const own = await built.build(two, ['--cache-from', `type=local,src=${cache}`])
  assert.deepEqual(executed(own), [])
  assert.match(own, /failed to import the cache of the local directory/)
})

test('local, of the result only: the stage beside it runs again', async () => {
  using built = context('min')
  const cache = built.path('cache-dir')
  await built.build(one, ['--cache-to', `type=local,dest=${cache}`])
  const again = executed(await built.build(two, ['--cache-from', `type=local,src=${cache}`]))
  assert.ok(
    again.some(name => name.startsWith('[make')),
    again.join(),
  )
  assert.ok(!again.some(name => name.includes('COPY bin')), again.join())
})

test('registry: a reference of its own', async () => {
  using built = context('registry')
  const ref = `${registry.host}/cache/app:main`
  await built.build(one, ['-t', 'app', '--cache-to', `type=registry,ref=${ref},mode=max`])
  const again = await built.build(two, ['-t', 'app', '--cache-from', `type=registry,ref=${ref}`])
  assert.deepEqual(executed(again), [], again)
  assert.equal(await idOf(two, 'app'), await idOf(one, 'app'))
})

test('inline: in the image that was pushed', async () => {
  using built = context(
    'inline',
    'FROM scratch\nCOPY bin /bin\nARG SALT\nRUN ["/bin/busybox", "sh", "-c", "cat /proc/sys/kernel/random/uuid >/made; echo $SALT"]\nCOPY file /\nENV A=b\n',
  )
  const ref = `${registry.host}/inline/app:1`
  await built.build(one, ['-t', ref, '--push', '--cache-to', 'type=inline'])
  const again = await built.build(two, ['-t', ref, '--cache-from', ref])
  assert.deepEqual(executed(again), [], again)
  const made = await built.build(two, ['-o', built.path('out'), '--cache-from', `type=registry,ref=${ref}`])
  assert.deepEqual(executed(made), [])
  assert.ok(existsSync(built.path('out/made')))
})

test('a cache that is not there, or is damaged, is told of, and the build goes on', async () => {
  using built = context('broken')
  const missing = await built.build(two, ['--cache-from', `type=registry,ref=${registry.host}/cache/none`])
  assert.match(missing, /failed to import the cache of/)
  const cache = built.path('cache-dir')
  await built.build(one, ['--cache-to', `type=local,dest=${cache},mode=max`])
  const blobs = `${cache}/blobs/sha256`
  for (const name of readdirSync(blobs)) writeFileSync(`${blobs}/${name}`, '{"layers":[],"config":{}}')
  built.put({ file: 'changed' })
  const damaged = await built.build(two, ['--cache-from', `type=local,src=${cache}`])
  assert.match(damaged, /failed to import the cache .*damaged/)
  assert.ok(executed(damaged).length > 0)
})

test('what a cache exporter does not know is refused before anything is built', async () => {
  using built = context('refused')
  for (const [flags, reason] of [
    [['--cache-to', 'type=gha'], /unknown cache exporter: "gha"/],
    [['--cache-to', 'type=registry'], /ref is required for registry cache/],
    [['--cache-to', `type=local,dest=${built.path('x')},mode=most`], /unsupported cache mode "most"/],
    [['--cache-from', 'type=s3,bucket=b'], /unknown cache importer: "s3"/],
  ] as const) {
    const { code, stderr } = await built.try(two, flags)
    assert.equal(code, 1)
    assert.match(stderr, reason)
    assert.doesNotMatch(stderr, /RUN/)
  }
})

test('cache mounts go along when asked for, and come back from a build that ran nothing', async () => {
  const dockerfile = `FROM scratch
COPY bin /bin
ARG SALT
RUN --mount=type=cache,id=SALT,target=/cache ["/bin/busybox", "sh", "-c", "busybox cat /cache/f; echo $SALT >>/cache/f; busybox cp /cache/f /seen"]
COPY file /
`
  using built = context('mounts', dockerfile)
  const [first, second] = [built.path('first'), built.path('second')]
  await built.build(one, ['--cache-to', `type=local,dest=${first},mounts=true`])
  // Nothing runs there, so its daemon has no such directory; it goes on all the same.
  const carried = await built.build(two, [
    ...['--cache-from', `type=local,src=${first}`, '--cache-to', `type=local,dest=${second},mounts=true`],
  ])
  assert.deepEqual(executed(carried), [])
  built.put({ Dockerfile: dockerfile.replaceAll('SALT', 'SALT_mounts').replace('>>/cache/f', '>> /cache/f') })
  const ran = await built.build(two, ['--cache-from', `type=local,src=${second}`, '-o', built.path('out')])
  assert.ok(
    executed(ran).some(name => name.includes('RUN')),
    ran,
  )
  assert.equal(readFileSync(built.path('out/seen'), 'utf8').length, 2, ran)
})
