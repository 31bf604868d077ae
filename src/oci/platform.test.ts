import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatPlatform, hostPlatform } from './platform.ts'

test('a platform as people write it', () => {
  assert.equal(formatPlatform({ os: 'linux', architecture: 'amd64' }), 'linux/amd64')
  assert.equal(formatPlatform({ os: 'linux', architecture: 'arm64', variant: 'v8' }), 'linux/arm64/v8')
})

test("the host's platform is in Go's words", () => {
  const { os, architecture } = hostPlatform()
  assert.equal(os, 'linux')
  assert.ok(!['x64', 'ia32', 'ppc64'].includes(architecture), architecture)
})
