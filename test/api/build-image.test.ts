// POST /build: what it answers, the image that comes of it, and what stays in the cache.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import type { ImageHistoryItem, ImageInspect } from '../../src/api/image.ts'
import { build, buildTar, contextTar, lastOutput } from '../harness/build.ts'
import { TestDaemon } from '../harness/daemon.ts'

let daemon: TestDaemon
before(async () => {
  daemon = await TestDaemon.start()
})
after(() => daemon[Symbol.asyncDispose]())

const inspect = async (name: string): Promise<ImageInspect> =>
  (await daemon.client.get<ImageInspect>(`/images/${name}/json`)).body
const ids = (text: string): string => text.replace(/\b[0-9a-f]{12}\b/g, 'ID').replace(/sha256:[0-9a-f]{64}/g, 'DIGEST')

const DOCKERFILE = `ARG V=1
FROM busybox AS base
ARG V
ENV A=$V B="x y"
# comment
WORKDIR /app
COPY a.txt b.txt ./
RUN echo out && \\
  # inner
  echo more >/f
RUN echo err >&2; echo $V$A
LABEL x="y"
EXPOSE 90 80/udp
VOLUME /v
SHELL ["/bin/sh","-ec"]
ENTRYPOINT exec sh
CMD ["-c", "id"]
USER nobody
STOPSIGNAL 9
HEALTHCHECK --interval=1s CMD true
ONBUILD RUN true
MAINTAINER me and you
`
const FILES = { 'a.txt': 'a', 'b.txt': 'b' }

test("a build in the classic builder's words", async () => {
  const query = { t: 'foo:1', labels: { zz: 'a b' }, buildargs: { U: '1', V: '2' }, nocache: 1 }
  const { status, text } = await build(daemon.client, DOCKERFILE, FILES, query)
  assert.equal(status, 200)
  const ran = ' ---> Running in ID\n ---> Removed intermediate container ID\n ---> ID\n'
  assert.equal(
    ids(text),
    `Step 1/20 : ARG V=1
Step 2/20 : FROM busybox AS base
 ---> ID
Step 3/20 : ARG V
${ran}Step 4/20 : ENV A=$V B="x y"
${ran}Step 5/20 : WORKDIR /app
${ran}Step 6/20 : COPY a.txt b.txt ./
 ---> ID
Step 7/20 : RUN echo out &&   echo more >/f
 ---> Running in ID
out
 ---> Removed intermediate container ID
 ---> ID
Step 8/20 : RUN echo err >&2; echo $V$A
 ---> Running in ID
${text.includes('\u001b[91merr\n\u001b[0m22\n') ? '\u001b[91merr\n\u001b[0m22\n' : '22\n\u001b[91merr\n\u001b[0m'} ---> Removed intermediate container ID
 ---> ID
Step 9/20 : LABEL x="y"
${ran}Step 10/20 : EXPOSE 90 80/udp
${ran}Step 11/20 : VOLUME /v
${ran}Step 12/20 : SHELL ["/bin/sh","-ec"]
${ran}Step 13/20 : ENTRYPOINT exec sh
${ran}Step 14/20 : CMD ["-c", "id"]
${ran}Step 15/20 : USER nobody
${ran}Step 16/20 : STOPSIGNAL 9
${ran}Step 17/20 : HEALTHCHECK --interval=1s CMD true
${ran}Step 18/20 : ONBUILD RUN true
${ran}Step 19/20 : MAINTAINER me and you
${ran}Step 20/20 : LABEL zz=a b
${ran}[Warning] One or more build-args [U] were not consumed
Successfully built ID
Successfully tagged foo:1
`,
  )
})

test('the image: configuration, layers and history as Docker has them', async () => {
  await build(daemon.client, DOCKERFILE, FILES, { t: 'foo:2' })
  const image = await inspect('foo:2')
  const { Config } = image
  assert.deepEqual(Config?.Env, ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'A=1', 'B=x y'])
  assert.equal(Config?.WorkingDir, '/app')
  assert.deepEqual(Config?.Labels, { x: 'y' })
  assert.deepEqual(Config?.ExposedPorts, { '80/udp': {}, '90/tcp': {} })
  assert.deepEqual(Config?.Volumes, { '/v': {} })
  assert.deepEqual(Config?.Entrypoint, ['/bin/sh', '-ec', 'exec sh'])
  assert.deepEqual(Config?.Cmd, ['-c', 'id'])
  assert.deepEqual(Config?.Shell, ['/bin/sh', '-ec'])
  assert.deepEqual(Config?.OnBuild, ['RUN true'])
  assert.deepEqual(Config?.Healthcheck, { Test: ['CMD-SHELL', 'true'], Interval: 1e9 })
  assert.deepEqual([Config?.User, Config?.StopSignal, image.Author], ['nobody', '9', 'me and you'])
  // busybox, WORKDIR, COPY, the first RUN; the second RUN changed nothing.
  assert.equal(image.RootFS.Layers.length, 4)
  const history = (await daemon.client.get<ImageHistoryItem[]>('/images/foo:2/history')).body.map(
    ({ CreatedBy }) => CreatedBy,
  )
  assert.deepEqual(
    history.slice(0, -1).map(line => line.replace(/[0-9a-f]{64}/, 'DIGEST')),
    [
      '/bin/sh -ec #(nop)  MAINTAINER me and you',
      '/bin/sh -ec #(nop)  ONBUILD RUN true',
      '/bin/sh -ec #(nop)  HEALTHCHECK &{[CMD-SHELL true] 1s 0s 0s 0s 0}',
      '/bin/sh -ec #(nop)  STOPSIGNAL 9',
      '/bin/sh -ec #(nop)  USER nobody',
      '/bin/sh -ec #(nop)  CMD ["-c" "id"]',
      '/bin/sh -ec #(nop)  ENTRYPOINT ["/bin/sh" "-ec" "exec sh"]',
      '/bin/sh -ec #(nop)  SHELL [/bin/sh -ec]',
      '/bin/sh -c #(nop)  VOLUME [/v]',
      '/bin/sh -c #(nop)  EXPOSE 80/udp 90',
      '/bin/sh -c #(nop)  LABEL x=y',
      '|1 V=1 /bin/sh -c echo err >&2; echo $V$A',
      '|1 V=1 /bin/sh -c echo out &&   echo more >/f',
      '/bin/sh -c #(nop) COPY multi:DIGEST in /app/ ',
      '/bin/sh -c #(nop) WORKDIR /app',
      '/bin/sh -c #(nop)  ENV A=1 B=x y',
      '/bin/sh -c #(nop)  ARG V',
    ],
  )
})

test('the second time every step comes from the cache, also after a restart, and gives the same image', async () => {
  const first = await build(daemon.client, DOCKERFILE, FILES)
  const second = await build(daemon.client, DOCKERFILE, FILES)
  assert.equal(second.id, first.id)
  assert.equal(second.text.match(/ ---> Using cache/g)?.length, 17)
  assert.doesNotMatch(second.text, /Running in/)
  await daemon.restart()
  const third = await build(daemon.client, DOCKERFILE, FILES)
  assert.equal(third.id, first.id)
  assert.doesNotMatch(third.text, /Running in/)
})

test('the cache knows what a step depends on', async () => {
  const dockerfile = 'FROM busybox\nARG KNOWN\nLABEL l=1\nCOPY d /d\nRUN echo ran >/r\nRUN echo $KNOWN >/v\n'
  const files = { 'd/x': 'one', other: '1' }
  const steps = async (text: string, context: Parameters<typeof build>[2], query = {}): Promise<string> => {
    const { text: output } = await build(daemon.client, text, context, query)
    return [...output.matchAll(/Step \d+\/\d+ : (\w+).*\n(?: ---> (Using cache)\n)?/g)]
      .map(([, word, hit]) => `${word}${hit ? '' : '!'}`)
      .join(' ')
  }
  assert.equal(await steps(dockerfile, files), 'FROM! ARG! LABEL! COPY! RUN! RUN!')
  assert.equal(await steps(dockerfile, files), 'FROM! ARG LABEL COPY RUN RUN')
  assert.equal(
    await steps(dockerfile, { ...files, other: '2' }),
    'FROM! ARG LABEL COPY RUN RUN',
    'a file that nobody copies',
  )
  assert.equal(
    await steps(dockerfile, { ...files, 'd/x': { content: 'one', mode: 0o600 } }),
    'FROM! ARG LABEL COPY! RUN! RUN!',
    'a mode',
  )
  assert.equal(await steps(dockerfile, { ...files, 'd/x': 'two' }), 'FROM! ARG LABEL COPY! RUN! RUN!', 'a content')
  assert.equal(
    await steps(dockerfile.replace('l=1', 'l=2'), files),
    'FROM! ARG LABEL! COPY RUN RUN',
    'a label changes no file',
  )
  assert.equal(
    await steps(dockerfile, files, { buildargs: { KNOWN: 'x' } }),
    'FROM! ARG LABEL COPY RUN! RUN!',
    'an argument',
  )
  assert.equal(await steps(dockerfile, files, { nocache: 1 }), 'FROM! ARG! LABEL! COPY! RUN! RUN!', 'nobody wants it')
})

test('q gives the id alone, progress=events the events', async () => {
  const quiet = await build(daemon.client, 'FROM busybox\nRUN echo hi', {}, { q: 1 })
  assert.match(quiet.text, /^sha256:[0-9a-f]{64}\n$/)
  assert.equal(quiet.messages.length, 1)
  const { messages } = await build(
    daemon.client,
    'FROM busybox AS b\nRUN echo events\n',
    {},
    { progress: 'events', t: 'ev', nocache: 1 },
  )
  const events = messages.map(({ id, aux }) => {
    assert.equal(id, 'tare.build')
    return aux as { type: string; name?: string; vertex?: number; data?: string; tags?: string[] }
  })
  assert.deepEqual(
    events.map(({ type }) => type),
    ['vertex', 'vertex', 'started', 'completed', 'started', 'log', 'completed', 'image'],
  )
  assert.equal(events[1]?.name, '[b 2/2] RUN echo events')
  assert.equal(events[5]?.data, 'events\n')
  assert.deepEqual(events[7]?.tags, ['ev:latest'])
})

test('compressed contexts, another Dockerfile, ignore rules', async () => {
  const files = {
    'sub/My.dockerfile': 'FROM busybox\nCOPY . /c\nRUN cd /c && find . -type f | sort\n',
    '.dockerignore': '# rules\n*.log\n!keep.log\nsecret\n',
    'a.log': 'x',
    'keep.log': 'x',
    'secret/key': 'x',
    'd/a.log': 'x',
  }
  const tar = contextTar(files)
  for (const bytes of [tar, gzipSync(tar), zstdCompressSync(tar)]) {
    const result = await buildTar(daemon.client, bytes, { dockerfile: 'sub/My.dockerfile', nocache: 1 })
    assert.equal(lastOutput(result), './.dockerignore\n./d/a.log\n./keep.log\n./sub/My.dockerfile\n', result.text)
  }
})

test('events: the tag is told', async () => {
  const since = Math.floor(Date.now() / 1000) - 1
  await build(daemon.client, 'FROM busybox\nLABEL told=1', {}, { t: 'told:1' })
  const { text } = await daemon.client.get('/events', {
    since,
    until: Math.ceil(Date.now() / 1000) + 1,
    filters: { type: ['image'] },
  })
  assert.match(text, /"Action":"tag".*told:1/)
})

test('prune gives the space back, and the next build does everything again', async () => {
  await build(daemon.client, 'FROM busybox\nRUN echo pruned >/p', {}, { t: 'pruned' })
  await daemon.client.delete('/images/pruned')
  const again = await build(daemon.client, 'FROM busybox\nRUN echo pruned >/p', {}, { t: 'pruned' })
  assert.match(again.text, /Using cache/, 'removing the image leaves the cache')
  await daemon.client.delete('/images/pruned')
  const { body } = await daemon.client.post<{ CachesDeleted: string[]; SpaceReclaimed: number }>(
    '/build/prune',
    undefined,
    { all: 1 },
  )
  assert.ok(body.CachesDeleted.length > 0)
  assert.ok(body.SpaceReclaimed >= 7)
  const { text } = await build(daemon.client, 'FROM busybox\nRUN echo pruned >/p')
  assert.doesNotMatch(text, /Using cache/)
})

test('a step knows what its host is called', async () => {
  const dockerfile = 'FROM busybox\nRUN [ "$(hostname)" = "$(cat /etc/hostname)" ] && [ -n "$(hostname)" ]\n'
  const { error } = await build(daemon.client, dockerfile, {}, { t: 'named', nocache: 1 })
  assert.equal(error, undefined)
  const { RootFS } = await inspect('named')
  assert.equal(RootFS.Layers.length, 1, 'what tells it is no change')
})
