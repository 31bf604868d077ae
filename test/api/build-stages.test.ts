// Stages: only what the target needs, side by side, in order for whoever reads.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { build, lastOutput } from '../harness/build.ts'
import { TestDaemon } from '../harness/daemon.ts'
import { freePort } from '../harness/port.ts'

let daemon: TestDaemon
before(async () => {
  daemon = await TestDaemon.start()
})
after(() => daemon[Symbol.asyncDispose]())

test('independent stages run side by side, and are told in order', async () => {
  // The first stage ends when the second has called it: one after the other they would never meet.
  const port = await freePort()
  const dockerfile = `FROM busybox AS one
RUN timeout 60 nc -l -p ${port} >/one
FROM busybox AS two
RUN timeout 60 sh -c 'until echo met | nc 127.0.0.1 ${port}; do sleep 0.1; done'; echo two >/two
FROM busybox
COPY --from=one /one /
COPY --from=two /two /
RUN cat /one /two
`
  const result = await build(daemon.client, dockerfile, {}, { nocache: 1, networkmode: 'host' })
  assert.equal(lastOutput(result), 'met\ntwo\n')
  const steps = [...result.text.matchAll(/^Step (\d)\/8/gm)].map(([, number]) => number).join('')
  assert.equal(steps, '12345678')
})

test('a stage that nobody needs is not built', async () => {
  const dockerfile =
    'FROM nosuch AS unused\nRUN false\nFROM busybox AS wanted\nRUN echo wanted >/w\nFROM unused AS last\n'
  const result = await build(daemon.client, dockerfile, {}, { target: 'WANTED' })
  assert.equal(result.error, undefined)
  assert.match(result.text, /Step 2\/2 : RUN echo wanted/)
})

test('a stage on a stage takes over files, environment and arguments', async () => {
  const dockerfile = `ARG G=global
FROM busybox AS base
ARG G
ARG L=local
ENV E=$G-$L
RUN echo base >/b
FROM base
RUN cat /b; echo "$E:$G:$L"
`
  assert.equal(lastOutput(await build(daemon.client, dockerfile)), 'base\nglobal-local:global:local\n')
  assert.equal(
    lastOutput(await build(daemon.client, dockerfile, {}, { buildargs: { G: 'g', L: 'l' } })),
    'base\ng-l:g:l\n',
  )
})

test('FROM with arguments, scratch, and the failure of one stage stops the others', async () => {
  const scratch = await build(
    daemon.client,
    'ARG TAG=latest\nFROM busybox:$TAG AS b\nFROM scratch\nCOPY --from=b /bin/busybox /sh\n',
  )
  assert.equal(scratch.error, undefined)
  const none = await build(daemon.client, 'FROM scratch\n')
  assert.equal(none.error, 'No image was generated. Is your Dockerfile empty?')
  const begun = performance.now()
  const failed = await build(
    daemon.client,
    'FROM busybox AS slow\nRUN sleep 30\nFROM busybox\nRUN echo why; exit 9\nCOPY --from=slow /x /\n',
  )
  assert.equal(failed.exitCode, 9)
  assert.match(failed.text, /Step 4\/5 : RUN echo why; exit 9\n ---> Running in [0-9a-f]{12}\nwhy\n$/)
  assert.ok(performance.now() - begun < 15_000)
})

test('ONBUILD of a stage fires in the stage on it, and goes no further', async () => {
  const dockerfile = `FROM busybox AS base
ONBUILD RUN echo fired >/fired
RUN ! test -e /fired
FROM base
ONBUILD LABEL next=1
RUN cat /fired
`
  const result = await build(daemon.client, dockerfile)
  assert.equal(lastOutput(result), 'fired\n')
  const { body } = await daemon.client.get<{ Config: { OnBuild: string[] } }>(`/images/${result.id}/json`)
  assert.deepEqual(body.Config.OnBuild, ['LABEL next=1'])
})

test("arguments for the builder: not missed where nothing declares them, and frontends other than Docker's are refused", async () => {
  const text = '# syntax=docker/dockerfile:1\nFROM busybox\nLABEL a=b\n'
  const fine = await build(daemon.client, text, {}, { buildargs: { BUILDKIT_INLINE_CACHE: '1' } })
  assert.equal(fine.error, undefined)
  assert.doesNotMatch(fine.text, /not consumed/)
  const other = await build(daemon.client, text, {}, { buildargs: { BUILDKIT_SYNTAX: 'example.com/other' } })
  assert.match(other.error ?? '', /unsupported syntax "example.com\/other"/)
})

test('ONBUILD fires in the next build, not in this one', async () => {
  await build(
    daemon.client,
    'FROM busybox\nONBUILD RUN echo fired >/fired\nONBUILD COPY a.txt /a\nRUN ! test -e /fired\n',
    {},
    { t: 'trigger' },
  )
  const result = await build(
    daemon.client,
    'FROM trigger\nRUN cat /fired /a\n',
    { 'a.txt': 'copied\n' },
    { t: 'triggered' },
  )
  assert.match(result.text, /^Step 1\/2 : FROM trigger\n# Executing 2 build triggers\n/)
  assert.equal(lastOutput(result), 'fired\ncopied\n')
  const { body } = await daemon.client.get<{ Config: { OnBuild: unknown } }>('/images/triggered/json')
  assert.equal(body.Config.OnBuild, null)
})

test('what a RUN sees: here-documents, shell, user, directory, arguments, no network', async () => {
  const run = async (dockerfile: string, query = {}): Promise<string> =>
    lastOutput(await build(daemon.client, `FROM busybox\n${dockerfile}\n`, {}, query))
  assert.equal(await run('RUN <<EOF\necho a\nfalse || echo b\nEOF'), 'a\nb\n')
  assert.equal(await run('ENV X=1\nRUN cat <<EOF && echo c\n$X "q"\nEOF'), '1 "q"\nc\n')
  assert.equal(await run('RUN <<EOF\n#!/bin/cat\nscript\nEOF'), '#!/bin/cat\nscript\n')
  assert.equal(await run('SHELL ["/bin/sh", "-ec"]\nRUN false; echo no'), '')
  assert.equal(await run('USER nobody\nWORKDIR /w\nRUN id -u; pwd'), '65534\n/w\n')
  assert.equal(await run('RUN --network=none ls /sys/class/net'), 'lo\n')
  assert.equal(await run('RUN ls /sys/class/net', { networkmode: 'none', nocache: 1 }), 'lo\n')
  assert.equal(await run('RUN echo $HTTP_PROXY', { buildargs: { HTTP_PROXY: 'p' } }), 'p\n')
})

test('mount points that the image lacks are not left in it', async () => {
  const { id } = await build(
    daemon.client,
    'FROM busybox\nRUN echo nothing\nRUN echo nothing at all\n',
    {},
    { nocache: 1 },
  )
  const { body } = await daemon.client.get<{ RootFS: { Layers: string[] } }>(`/images/${id}/json`)
  assert.equal(body.RootFS.Layers.length, 1)
})
