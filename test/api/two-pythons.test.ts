// The reason why containers exist: services that need different Pythons and different NumPys, on one host at one time.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { TestDaemon, until } from '../harness/daemon.ts'
import { freePort } from '../harness/port.ts'
import { repository } from '../harness/suite-root.ts'

const context = join(repository, 'examples/two-pythons')
const SERVICES = [
  { suite: 'bullseye', python: /^3\.9\./, numpy: /^1\.19\./ },
  { suite: 'bookworm', python: /^3\.11\./, numpy: /^1\.24\./ },
] as const

type Report = { python: string; numpy: string; determinant: number }

test('two services with different Pythons and NumPys run side by side', { timeout: 900_000 }, async () => {
  await using daemon = await TestDaemon.start({ busybox: false })
  const tare = async (...args: string[]) => {
    const { code, stdout, stderr } = await daemon.tare(args, { timeout: 600_000 })
    assert.equal(code, 0, `tare ${args.join(' ')}\n${stdout}\n${stderr}`)
    return stdout.trim()
  }

  for (const { suite } of SERVICES) {
    await tare('image', 'bootstrap', `debian:${suite}-slim`)
    await tare('build', '-t', `service:${suite}`, '-f', join(context, `${suite}.Dockerfile`), context)
  }
  const running = await Promise.all(
    SERVICES.map(async service => {
      const port = await freePort()
      await tare('run', '-d', '--name', service.suite, '-p', `${port}:8000`, `service:${service.suite}`)
      return { ...service, port }
    }),
  )
  for (const { suite, port, python, numpy } of running) {
    let report: Report | undefined
    await until(`${suite} to answer`, async () => {
      report = await fetch(`http://localhost:${port}`).then(
        answer => answer.json() as Promise<Report>,
        () => undefined,
      )
      return report !== undefined
    })
    assert.match(report?.python ?? '', python)
    assert.match(report?.numpy ?? '', numpy)
    assert.ok(Math.abs((report?.determinant ?? 0) - 5) < 1e-9)
  }
  assert.equal((await tare('ps', '-q')).split('\n').length, 2)

  const start = Date.now()
  await tare('build', '-t', 'service:again', '-f', join(context, 'bookworm.Dockerfile'), context)
  assert.ok(Date.now() - start < 5000, 'the second build takes every step from the cache')
  assert.equal(await tare('images', '-q', 'service:again'), await tare('images', '-q', 'service:bookworm'))
})
