import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeDaemon } from '../../../test/harness/fake-daemon.ts'
import { command as gc } from './image-gc.ts'
import { command as pin } from './image-pin.ts'
import { command as serve } from './registry-serve.ts'
import { command as check } from './system-check.ts'

const problem = (repaired: boolean) => ({
  Problem: { Kind: 'blob', Id: 'sha256:1', Detail: 'has 3 bytes, not 4', Repair: 'fetched again', Repaired: repaired },
})
const summary = (problems: number, repaired: number) => ({
  Summary: { Blobs: 12, Layers: 1, Problems: problems, Repaired: repaired },
})

test('check: all is well', async () => {
  await using daemon = await FakeDaemon.start(() => ({
    lines: [{ Checked: { Kind: 'blob', Id: 'sha256:1' } }, summary(0, 0)],
  }))
  const { code, stdout, stderr } = await daemon.run(check)
  assert.deepEqual([code, stdout, stderr], [0, 'Checked 12 blobs and 1 layer: all is well\n', ''])
  assert.equal(daemon.asked[0]?.query.has('repair'), false)
})

test('check: what is broken ends with 1, what was repaired with 0', async () => {
  await using broken = await FakeDaemon.start(() => ({ lines: [problem(false), summary(1, 0)] }))
  const found = await broken.run(check)
  assert.equal(found.code, 1)
  assert.equal(
    found.stdout,
    'blob sha256:1: has 3 bytes, not 4\n  fetched again\nChecked 12 blobs and 1 layer: 1 problem, 0 repaired\n',
  )
  await using mended = await FakeDaemon.start(() => ({ lines: [problem(true), summary(1, 1)] }))
  const repaired = await mended.run(check, '--repair', '-q')
  assert.deepEqual(
    [repaired.code, repaired.stdout],
    [0, 'blob sha256:1: has 3 bytes, not 4\n  repaired: fetched again\n'],
  )
  assert.equal(mended.asked[0]?.query.get('repair'), '1')
})

test('check: a stream that ends before its result is a failure', async () => {
  await using daemon = await FakeDaemon.start(() => ({ lines: [{ Checked: { Kind: 'blob', Id: 'x' } }] }))
  assert.match((await daemon.run(check)).fault?.message ?? '', /without a result/)
  await using failing = await FakeDaemon.start(() => ({ lines: [{ error: 'disk is gone' }] }))
  assert.equal((await failing.run(check)).fault?.message, 'disk is gone')
})

test('gc shows what goes, and why', async () => {
  const images = [
    { Id: `sha256:${'a'.repeat(64)}`, Names: ['old:1', 'old:2'], Size: 1500, Reason: 'more than 3 of old' },
  ]
  await using daemon = await FakeDaemon.start(() => ({ json: { Images: images, Kept: 4, SpaceReclaimed: 1500 } }))
  const { stdout } = await daemon.run(gc, '--dry-run', '--keep', '3', '--min-age', '1h')
  assert.equal(
    stdout,
    'IMAGE ID       NAMES          SIZE      REASON\naaaaaaaaaaaa   old:1, old:2   1.5kB     more than 3 of old\n\n' +
      'Would remove 1 image, keep 4.\nTotal reclaimable space: 1.5kB\n',
  )
  assert.equal(daemon.asked[0]?.query.toString(), 'dryrun=1&keep=3&minAge=1h')
  assert.match((await daemon.run(gc)).stdout, /Removed 1 image, kept 4.\nTotal reclaimed space: 1.5kB\n$/)
  assert.equal((await daemon.run(gc, '--format', '{{.Names}}')).stdout, 'old:1, old:2\n')
})

test('pin takes many names, and goes on behind one that is not there', async () => {
  await using daemon = await FakeDaemon.start(({ path }) =>
    path.includes('/b/') ? { status: 404, json: { message: 'No such image: b' } } : { status: 204 },
  )
  const { stdout, fault } = await daemon.run(pin, 'r.example/a:1', 'b', 'c')
  assert.equal(stdout, 'r.example/a:1\nc\n')
  assert.equal(fault?.message, 'Error response from daemon: No such image: b')
  assert.deepEqual(daemon.asked.map(({ path }) => path).sort(), [
    '/images/b/pin',
    '/images/c/pin',
    '/images/r.example/a:1/pin',
  ])
})

test('serve tells where, and each request; a daemon that ends it is a failure', async () => {
  await using daemon = await FakeDaemon.start(() => ({
    lines: [{ Address: '127.0.0.1:5000' }, { Request: 'GET /v2/ 200' }],
  }))
  const { stdout, fault } = await daemon.run(serve)
  assert.equal(stdout, 'Serving the local images on 127.0.0.1:5000; Ctrl+C ends it\nGET /v2/ 200\n')
  assert.equal(fault?.message, 'the daemon stopped serving')
  assert.equal(daemon.asked[0]?.query.get('listen'), '127.0.0.1:5000')
})
