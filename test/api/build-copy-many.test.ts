// A COPY of many files becomes a layer directly, unless something stands in its way. Either way the same comes of it.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ImageInspect } from '../../src/api/image.ts'
import { build, type Context, lastOutput } from '../harness/build.ts'
import { TestDaemon } from '../harness/daemon.ts'

let daemon: TestDaemon
before(async () => {
  daemon = await TestDaemon.start()
})
after(() => daemon[Symbol.asyncDispose]())

/** Enough files that they are worth it. */
const many = (folder: string, count = 150): Context =>
  Object.fromEntries([
    ...Array.from({ length: count }, (_, i) => [
      `${folder}/d${i % 5}/f${i}`,
      { content: `${folder} ${i}`, mode: 0o640 },
    ]),
    [`${folder}/link`, { link: 'd0/f0' }],
    [`${folder}/empty`, { directory: true, mode: 0o700 }],
  ])
const output = async (dockerfile: string, files: Context): Promise<string[]> => {
  const result = await build(daemon.client, dockerfile, files)
  assert.equal(result.error, undefined)
  return lastOutput(result).trim().split('\n')
}
const LOOK = 'stat -c "%n %F %a %u %g %s"'

test('into a directory that is made for it', async () => {
  const look = `RUN cd /a && find . -type f | wc -l && ${LOOK} /a /a/b /a/b/d1 /a/b/d1/f1 /a/b/link /a/b/empty && cat /a/b/link`
  assert.deepEqual(await output(`FROM busybox\nCOPY --chown=5:6 s /a/b\n${look}`, many('s')), [
    ...['150', '/a directory 755 5 6 4096', '/a/b directory 755 5 6 4096', '/a/b/d1 directory 755 5 6 4096'],
    ...[
      '/a/b/d1/f1 regular file 640 5 6 3',
      '/a/b/link symbolic link 777 5 6 5',
      '/a/b/empty directory 700 5 6 4096',
      's 0',
    ],
  ])
})

test('into one that is there: it stays what it is, and so does what is in it', async () => {
  const dockerfile = `FROM busybox
RUN mkdir -p /v/w && chown 7:8 /v/w && chmod 1777 /v/w && echo old >/v/w/old && echo x >/v/x
COPY s /v/w/
RUN ${LOOK} /v/w /v/w/old /v/w/d0/f5 && cat /v/x && find /v -type f | wc -l`
  assert.deepEqual(await output(dockerfile, many('s')), [
    ...[
      '/v/w directory 1777 7 8 4096',
      '/v/w/old regular file 644 0 0 4',
      '/v/w/d0/f5 regular file 640 0 0 3',
      'x',
      '152',
    ],
  ])
})

test('what stands in its way is written over, or through', async () => {
  const dockerfile = `FROM busybox
RUN mkdir -p /v/real /v/d0 && ln -s real /v/d1 && echo old >/v/d0/f0 && echo stays >/v/d0/other
COPY s /v
RUN readlink /v/d1 && cat /v/real/f1 /v/d0/other /v/d0/f0 | tr '\\n' ' ' && find /v -type f | wc -l`
  assert.deepEqual(await output(dockerfile, many('s')), ['real', 's 1stays s 0151'])
})

test('two directories with the same names, files with names of whiteouts, a link on the way', async () => {
  const files = { ...many('s'), ...many('t', 120), 'u/.wh.name': 'w', ...many('u') }
  const dockerfile = `FROM busybox
RUN mkdir /real && ln -s real /by
COPY s t /both/
COPY u /by/u
RUN cat /both/d0/f0 /both/d4/f149 && cat /real/u/d0/f5 && ls -d /by`
  assert.deepEqual(await output(dockerfile, files), ['t 0s 149u 5/by'])
})

test('the layer is the only new one, and the same again for the same files', async () => {
  const layers = async (id: string | undefined): Promise<readonly string[]> =>
    (await daemon.client.get<ImageInspect>(`/images/${id}/json`)).body.RootFS.Layers ?? []
  const busybox = await layers('busybox')
  // A directory that was there before: one that is made has the time of its making.
  const dockerfile = 'FROM busybox\nCOPY s /tmp/'
  const first = await layers((await build(daemon.client, dockerfile, many('s'))).id)
  assert.deepEqual(first.slice(0, -1), busybox)
  const second = await layers((await build(daemon.client, dockerfile, many('s'), { nocache: '1' })).id)
  assert.deepEqual(second, first)
})
