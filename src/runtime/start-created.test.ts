import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { exec } from '../host/exec.ts'
import { RuntimeError } from './oci-runtime.ts'
import { startCreated } from './start-created.ts'

/** A runtime's state directory, in which the container `c` waits at its FIFO. */
const created = async () => {
  const root = mkdtempSync(join(tmpdir(), 'start-test.'))
  mkdirSync(join(root, 'c'))
  const fifo = join(root, 'c', 'exec.fifo')
  await exec(['mkfifo', fifo])
  return {
    runtime: { name: 'none', path: '/nonexistent', args: [], root },
    fifo,
    [Symbol.dispose]: () => rmSync(root, { recursive: true }),
  }
}

test('a process that waits is let go, and its FIFO is taken away', async () => {
  using made = await created()
  const started = startCreated(made.runtime, 'c', new Promise(() => {}))
  await using writer = await open(made.fifo, 'w')
  await writer.write('0')
  await started
  assert.ok(!existsSync(made.fifo))
})

for (const [when, ended] of [
  ['before', () => Promise.resolve()],
  ['after', () => new Promise(resolve => setTimeout(resolve, 50))],
] as const) {
  test(`a process that ended ${when} its FIFO was opened is told of, and nobody waits for it`, async () => {
    using made = await created()
    await assert.rejects(startCreated(made.runtime, 'c', ended()), RuntimeError)
  })
}
