import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BinfmtHandler, parseHandler } from '../host/binfmt.ts'
import { hostPlatform } from '../oci/platform.ts'
import { requireRunnable, runsNatively } from './emulation.ts'

const ARCHITECTURE = hostPlatform().architecture === 'riscv64' ? 's390x' : 'riscv64'
const FOREIGN = { os: 'linux', architecture: ARCHITECTURE }
const machine =
  ARCHITECTURE === 's390x' ? '7f454c46020201000000000000000000000200160000' : '7f454c460201010000000000000000000200f300'
const handler = (flags: string, first = 'enabled'): BinfmtHandler =>
  parseHandler(
    'qemu',
    `${first}\ninterpreter /usr/bin/qemu\nflags: ${flags}\noffset 0\nmagic ${machine.slice(0, 40)}\n`,
  )
const ask = (handlers: readonly BinfmtHandler[], inside: readonly string[] = []): Promise<void> =>
  requireRunnable(
    FOREIGN,
    path => inside.includes(path),
    async () => handlers,
  )

test('what the processor runs needs no handler', async () => {
  const never = async (): Promise<never> => assert.fail('handlers were read')
  await requireRunnable(hostPlatform(), () => false, never)
  const amd64 = { os: 'linux', architecture: 'amd64' }
  assert.ok(runsNatively({ os: 'linux', architecture: '386' }, amd64))
  assert.ok(runsNatively({ ...amd64, variant: 'v3' }, amd64))
  assert.ok(!runsNatively(amd64, { os: 'linux', architecture: '386' }))
  assert.ok(!runsNatively({ os: 'linux', architecture: 'arm64' }, amd64))
})

test('without a handler the error names both platforms and what to install', async () => {
  for (const handlers of [[], [handler('F', 'disabled')]]) {
    await assert.rejects(ask(handlers), {
      kind: 'InvalidArgument',
      message: new RegExp(`linux/${ARCHITECTURE}.*linux/${hostPlatform().architecture}.*qemu-user-static`),
    })
  }
})

test('a handler with F does; one without it does where its interpreter is inside', async () => {
  await ask([handler('OCF')])
  await ask([handler('OC')], ['/usr/bin/qemu'])
  await ask([handler('OC'), handler('F')])
  await assert.rejects(ask([handler('OC')]), /without the F flag.*\/usr\/bin\/qemu/)
})
