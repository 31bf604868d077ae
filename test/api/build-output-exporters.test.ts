// What a build gives besides an image in the store: files, archives, metadata.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { after, before, test } from 'node:test'
import type { ImageInspect } from '../../src/api/image.ts'
import { BuildContext } from '../harness/build-cli.ts'
import { launcher, run } from '../harness/command.ts'
import { TestDaemon, until } from '../harness/daemon.ts'

let daemon: TestDaemon
before(async () => {
  daemon = await TestDaemon.start()
})
after(() => daemon[Symbol.asyncDispose]())

const STAGES = `FROM busybox AS make
RUN mkdir -p /out/bin && echo '#!/bin/sh' >/out/bin/tool && chmod 4755 /out/bin/tool && ln -s tool /out/bin/alias
FROM scratch
COPY --from=make /out /
COPY note /note
`
const files = { Dockerfile: STAGES, note: 'a note\n' }
const ids = async (): Promise<string[]> =>
  (await daemon.client.get<{ Id: string }[]>('/images/json?all=1')).body.map(({ Id }) => Id).sort()
const metadataOf = (path: string): Record<string, string> => JSON.parse(readFileSync(path, 'utf8'))

test('local: the files of the last stage, beside what lies there; no image comes of it', async () => {
  using context = new BuildContext(files)
  const before = await ids()
  await context.build(daemon, ['-o', context.path('out')])
  const out = context.path('out')
  assert.deepEqual(readdirSync(out).sort(), ['bin', 'note'])
  assert.equal(readFileSync(`${out}/note`, 'utf8'), 'a note\n')
  assert.equal(statSync(`${out}/bin/tool`).mode & 0o7777, 0o4755)
  assert.equal(readlinkSync(`${out}/bin/alias`), 'tool')
  context.put({ Dockerfile: 'FROM scratch\nCOPY note /other\n' })
  await context.build(daemon, ['--output', `type=local,dest=${out}`])
  assert.deepEqual(readdirSync(out).sort(), ['bin', 'note', 'other'])
  assert.deepEqual(await ids(), before)
})

test('tar: to a file and to standard output, with owners', async () => {
  using context = new BuildContext({ Dockerfile: 'FROM scratch\nCOPY --chown=7:8 note /d/note\n', note: 'n' })
  await context.build(daemon, ['-o', `type=tar,dest=${context.path('x.tar')}`])
  const listed = await run(['tar', '-tvf', context.path('x.tar'), '--numeric-owner'])
  assert.match(
    listed.stdout,
    /^drwxr-xr-x 7\/8 .* d\/\n-rw\S* 7\/8 .* d\/note\n$|^drwxr-xr-x 0\/0 .* d\/\n-rw\S* 7\/8 .* d\/note\n$/,
  )
  const piped = await run(
    ['sh', '-c', '"$0" -H "$1" build -q -o - "$2" | tar -tf -', launcher, daemon.host, context.context],
    { env: { XDG_CACHE_HOME: context.path('cache') } },
  )
  assert.equal(piped.stdout, 'd/\nd/note\n', piped.stderr)
})

test('oci: an archive that others read; docker: one that loads; neither leaves an image', async () => {
  using context = new BuildContext(files)
  const before = await ids()
  const [oci, docker, metadata, iid] = ['o.tar', 'd.tar', 'm.json', 'iid'].map(name => context.path(name)) as [
    string,
    string,
    string,
    string,
  ]
  await context.build(daemon, [
    ...['-o', `type=oci,dest=${oci}`, '-t', 'archived:1'],
    ...['--metadata-file', metadata, '--iidfile', iid],
  ])
  const told = metadataOf(metadata)
  const inspected = await run(['skopeo', 'inspect', '--raw', `oci-archive:${oci}:1`])
  assert.equal(inspected.code, 0, inspected.stderr)
  assert.equal(JSON.parse(inspected.stdout).config.digest, told['containerimage.config.digest'])
  assert.equal(readFileSync(iid, 'utf8'), told['containerimage.digest'])
  assert.equal(told['image.name'], 'docker.io/library/archived:1')
  await context.build(daemon, ['-o', `type=docker,dest=${docker},name=archived:2`])
  assert.deepEqual(await ids(), before)
  const loaded = await run([launcher, '-H', daemon.host, 'load', '-i', docker])
  assert.match(loaded.stdout, /Loaded image: archived:2/, loaded.stderr)
  const { body } = await daemon.client.get<ImageInspect>('/images/archived:2/json')
  assert.equal(body.Id, told['containerimage.config.digest'])
  await context.build(daemon, ['-o', `type=oci,tar=false,dest=${context.path('layout')}`])
  assert.deepEqual(readdirSync(context.path('layout')).includes('oci-layout'), true)
})

test('several exporters and tags at once; metadata has what BuildKit has', async () => {
  using context = new BuildContext(files)
  const metadata = context.path('m.json')
  await context.build(daemon, [
    ...['-o', 'type=image', '-o', context.path('out'), '--load', '-t', 'multi:a', '-t', 'multi:b'],
    ...['--metadata-file', metadata, '--iidfile', context.path('iid')],
  ])
  const told = metadataOf(metadata) as Record<string, unknown>
  const id = readFileSync(context.path('iid'), 'utf8')
  assert.equal(told['containerimage.config.digest'], id)
  assert.equal(told['image.name'], 'docker.io/library/multi:a,docker.io/library/multi:b')
  assert.equal((told['containerimage.descriptor'] as { digest: string }).digest, told['containerimage.digest'])
  assert.deepEqual(readdirSync(context.path('out')).sort(), ['bin', 'note'])
  for (const name of ['multi:a', 'multi:b'])
    assert.equal((await daemon.client.get<ImageInspect>(`/images/${name}/json`)).body.Id, id)
})

test('what an exporter does not know is refused before anything is built', async () => {
  using context = new BuildContext({ Dockerfile: 'FROM busybox\nRUN echo built\n' })
  for (const [output, reason] of [
    ['type=image,annotation.x=y', /the image exporter does not support "annotation.x"/],
    [`type=oci,compression=estargz,dest=${context.path('x')}`, /does not support compression "estargz"/],
    ['type=image,push=maybe', /non-bool value specified for push/],
  ] as const) {
    const { code, stderr } = await context.try(daemon, ['-o', output])
    assert.equal(code, 1)
    assert.match(stderr, reason)
    assert.doesNotMatch(stderr, /RUN echo built/)
  }
})

test('a destination that cannot be written fails the build', async () => {
  using context = new BuildContext({ ...files, 'file/in-the-way': '' })
  const { code, stderr } = await context.try(daemon, ['-o', `type=tar,dest=${context.context}/note/x.tar`])
  assert.equal(code, 1)
  assert.match(stderr, /ENOTDIR|EEXIST|not a directory/)
})

test('squash: one layer above the base, hidden files gone, history kept', async () => {
  using context = new BuildContext({
    Dockerfile: `FROM busybox
RUN mkdir /a && echo one >/a/one && echo big >/gone && echo x >/a/x && ln /a/x /hard
RUN rm /gone && rm -r /a && mkdir /a && echo two >/a/two && echo more >>/hard && rm /bin/yes
ENV K=v
`,
  })
  await context.build(daemon, ['--squash', '-t', 'squashed'])
  await context.build(daemon, ['-t', 'unsquashed'])
  const inspect = async (name: string) => (await daemon.client.get<ImageInspect>(`/images/${name}/json`)).body
  const base = (await inspect('busybox')).RootFS.Layers ?? []
  const squashed = await inspect('squashed')
  assert.deepEqual(squashed.RootFS.Layers?.slice(0, -1), base)
  assert.equal((await inspect('unsquashed')).RootFS.Layers?.length, base.length + 2)
  assert.ok(squashed.Config?.Env?.includes('K=v'))
  context.put({
    Dockerfile: 'FROM squashed\nRUN ls /a && cat /hard && test ! -e /gone && test ! -e /bin/yes && echo "all" well\n',
  })
  assert.match(await context.build(daemon, []), / two\n.* x\n.* more\n.* all well\n/)
  const outs = ['squashed', 'unsquashed'].map(name => context.path(name))
  for (const out of outs) {
    context.put({ Dockerfile: `FROM ${out.slice(context.root.length + 1)}\n` })
    await context.build(daemon, ['-o', out])
  }
  const compared = await run(['diff', '-r', '--no-dereference', ...outs])
  assert.equal(compared.stdout, '')
  assert.equal(compared.code, 0, compared.stderr)
})

test('no-cache-filter: the named stage is built anew, others are found', async () => {
  using context = new BuildContext({
    Dockerfile:
      'FROM busybox AS one\nRUN cat /proc/sys/kernel/random/uuid >/1\nFROM busybox AS two\nRUN cat /proc/sys/kernel/random/uuid >/2\nCOPY --from=one /1 /\n',
  })
  await context.build(daemon, [])
  const { 1: one, 2: two } = cachedSteps(await context.build(daemon, ['--no-cache-filter', 'one']))
  assert.deepEqual([one, two], [false, true])
})

/** Whether the RUN that makes `/1`, `/2` was found. */
const cachedSteps = (text: string): Record<string, boolean> =>
  Object.fromEntries(
    [...text.matchAll(/^#(\d+) \[.*\] RUN .*>\/(\d)$/gm)].map(([, vertex, name]) => [
      name,
      text.includes(`#${vertex} CACHED`),
    ]),
  )

test('a client that goes away in the middle of its output leaves nothing', async () => {
  using context = new BuildContext({
    Dockerfile:
      'FROM busybox\nRUN for i in $(seq 1 40); do dd if=/dev/urandom of=/big$i bs=1M count=5 2>/dev/null; done\n',
  })
  await context.build(daemon, [])
  const before = await ids()
  for (const output of ['-', 'type=oci,dest=-']) {
    const script = 'timeout -s KILL 60 "$0" -H "$1" build -q -o "$3" "$2" | head -c 3000000 | wc -c'
    const { stdout } = await run(['sh', '-c', script, launcher, daemon.host, context.context, output], {
      env: { XDG_CACHE_HOME: context.path('cache') },
    })
    assert.equal(stdout.trim(), '3000000')
    await until('the mount to be gone', () => readdirSync(`${daemon.dataRoot}/builder/mounts`).length === 0)
    await until('no image to be left', async () => (await ids()).length === before.length)
  }
})
