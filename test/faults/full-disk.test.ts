// A full disk: who fills it is told, what was there stays whole, and room that is made is room again.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { TestDaemon } from '../harness/daemon.ts'
import { suiteRoot } from '../harness/suite-root.ts'

const disk = mkdtempSync(join(suiteRoot(), 'disk'))
let daemon: TestDaemon

const freeMegabytes = () => {
  const { bavail, bsize } = statfsSync(disk)
  return (bavail * bsize) / 1024 ** 2
}
const fill = () => {
  try {
    execFileSync('dd', ['if=/dev/zero', `of=${disk}/ballast`, 'bs=64k'], { stdio: 'ignore' })
  } catch {
    // It ends with an error because the disk is full, which was the aim.
  }
}
const clear = () => rmSync(join(disk, 'ballast'), { force: true })

before(async () => {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', disk])
  daemon = await TestDaemon.start({ dataRoot: join(disk, 'data') })
})

after(async () => {
  clear()
  try {
    await daemon[Symbol.asyncDispose]()
  } finally {
    execFileSync('umount', [disk])
    rmSync(disk, { recursive: true })
  }
})

test('a container that fills the disk gets the error itself', async () => {
  const { code, stderr } = await daemon.tare(['run', '--rm', 'busybox', 'dd', 'if=/dev/zero', 'of=/file', 'bs=64k'])
  assert.equal(code, 1)
  assert.match(stderr, /No space left on device/)
  assert.ok(freeMegabytes() > 20, 'what it wrote went with it')
})

test('a build step that fills the disk fails, and leaves nothing', async () => {
  const free = freeMegabytes()
  const dockerfile = 'FROM busybox\nRUN dd if=/dev/zero of=/file bs=64k\n'
  const { code, stderr, stdout } = await daemon.tare(['build', '-t', 'big', '-'], { stdin: dockerfile })
  assert.notEqual(code, 0)
  assert.match(stdout + stderr, /No space left on device/i)
  assert.equal((await daemon.client.get('/images/big/json')).status, 404)
  assert.ok(freeMegabytes() > free - 2, `${freeMegabytes()} MiB of ${free} are free again`)
})

test('on a full disk requests fail in words, and everything works again once there is room', async () => {
  fill()
  const created = await daemon.client.post<{ message?: string }>(
    '/containers/create',
    { Image: 'busybox', Cmd: ['true'] },
    { name: 'late' },
  )
  if (created.status !== 201) {
    assert.equal(created.status, 500)
    assert.match(created.body.message ?? '', /no space left on device|disk is full/i)
  }
  const built = await daemon.tare(['build', '-t', 'small', '-'], {
    stdin: 'FROM busybox\nRUN head -c 4000000 /dev/zero > /f\n',
  })
  assert.notEqual(built.code, 0)
  assert.equal((await daemon.client.get('/_ping')).status, 200)
  clear()

  await daemon.client.delete('/containers/late', { force: 1 })
  const again = await daemon.tare(['run', '--rm', 'busybox', 'echo', 'well'])
  assert.deepEqual({ code: again.code, stdout: again.stdout }, { code: 0, stdout: 'well\n' })
})

test('a daemon killed on a full disk starts again', async () => {
  fill()
  await daemon.kill9()
  clear()
  await daemon.start()
  assert.equal((await daemon.tare(['run', '--rm', 'busybox', 'echo', 'well'])).stdout, 'well\n')
})
