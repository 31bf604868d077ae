// SOURCE_DATE_EPOCH and rewrite-timestamp: the same digest on two daemons with different roots, at different times.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { ImageHistoryItem, ImageInspect } from '../../src/api/image.ts'
import { BuildContext } from '../harness/build-cli.ts'
import { TestDaemon } from '../harness/daemon.ts'

const EPOCH = 1_700_000_000
const FILES = {
  Dockerfile: `FROM scratch AS base
COPY bin /bin
FROM base
RUN ["/bin/busybox", "sh", "-c", "busybox mkdir -p /d/e && echo x >/d/e/f && busybox ln /d/e/f /d/g && busybox touch -d @1000 /d/old && busybox truncate -s 3M /d/sparse"]
COPY file /d/
WORKDIR /work/here
ENV A=b
`,
  file: 'content\n',
}
const withBusybox = (context: BuildContext): void => context.copyIn('/bin/busybox', 'bin/busybox')
const digests = (path: string): Record<string, string> => JSON.parse(readFileSync(path, 'utf8'))
const rewriting = (context: BuildContext, kind = 'type=image,rewrite-timestamp=true'): string[] => [
  ...['-o', kind, '-t', 'repro', '--no-cache', '--metadata-file', context.path('m.json')],
]
const clock = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 1100))

test('the same digest twice on two daemons; times are the source’s', async () => {
  const seen: Record<string, string>[] = []
  for (const at of [0, 1]) {
    await using daemon = await TestDaemon.start()
    using context = new BuildContext(FILES)
    withBusybox(context)
    const env = { SOURCE_DATE_EPOCH: String(EPOCH) }
    await context.build(daemon, rewriting(context), { env })
    seen.push(digests(context.path('m.json')))
    // Whole seconds later, as a build argument, squashed or not.
    await clock()
    await context.build(daemon, [...rewriting(context), '--build-arg', `SOURCE_DATE_EPOCH=${EPOCH}`])
    seen.push(digests(context.path('m.json')))
    if (at === 1) continue
    const { body } = await daemon.client.get<ImageInspect>('/images/repro/json')
    assert.equal(Date.parse(body.Created ?? ''), EPOCH * 1000)
    const history = await daemon.client.get<ImageHistoryItem[]>('/images/repro/history')
    assert.ok(history.body.every(({ Created }) => Created <= EPOCH))
    const show = await daemon.tare([
      'run',
      '--rm',
      '--network=none',
      'repro',
      '/bin/busybox',
      'stat',
      '-c',
      '%n %Y %h',
      ...['/d/e/f', '/d/g', '/d/old', '/d/e', '/bin/busybox'],
    ])
    assert.deepEqual(
      show.stdout.split('\n').map(line => line.split(' ')[1]),
      [String(EPOCH), String(EPOCH), '1000', String(EPOCH), String(EPOCH), undefined],
      show.stderr,
    )
    assert.match(show.stdout, /^\/d\/e\/f \d+ 2$/m)
    const sparse = await daemon.tare([
      'run',
      '--rm',
      '--network=none',
      'repro',
      '/bin/busybox',
      'wc',
      '-c',
      '/d/sparse',
      '/d/file',
    ])
    assert.match(sparse.stdout, /3145728 \/d\/sparse\n +8 \/d\/file/)
    await context.build(daemon, ['-t', 'plain', '--no-cache', '--metadata-file', context.path('m.json')], { env })
    assert.notEqual(digests(context.path('m.json'))['containerimage.digest'], seen[0]?.['containerimage.digest'])
  }
  assert.deepEqual(seen.slice(1), [seen[0], seen[0], seen[0]])
})

test('squashed, as an archive, as files: the same, too', async () => {
  const seen: string[] = []
  for (const _ of [0, 1]) {
    await using daemon = await TestDaemon.start()
    using context = new BuildContext(FILES)
    withBusybox(context)
    const env = { SOURCE_DATE_EPOCH: String(EPOCH) }
    const archive = context.path('x.tar')
    await context.build(
      daemon,
      [...rewriting(context, `type=oci,rewrite-timestamp=true,dest=${archive}`), '--squash'],
      { env },
    )
    const files = context.path('y.tar')
    await context.build(daemon, ['-o', `type=tar,dest=${files}`], { env })
    seen.push([archive, files].map(path => readFileSync(path).toString('base64')).join(' '))
    await clock()
  }
  assert.ok(seen[0] === seen[1])
})

test('a date that is none is refused before anything is built', async () => {
  await using daemon = await TestDaemon.start()
  using context = new BuildContext(FILES)
  const { code, stderr } = await context.try(daemon, ['--build-arg', 'SOURCE_DATE_EPOCH=yesterday'])
  assert.equal(code, 1)
  assert.match(stderr, /invalid SOURCE_DATE_EPOCH: yesterday/)
})
