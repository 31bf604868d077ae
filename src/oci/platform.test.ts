import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatPlatform, hostPlatform, parsePlatform, platformDistance } from './platform.ts'

test('a platform as people write it', () => {
  assert.equal(formatPlatform({ os: 'linux', architecture: 'amd64' }), 'linux/amd64')
  assert.equal(formatPlatform({ os: 'linux', architecture: 'arm64', variant: 'v8' }), 'linux/arm64/v8')
})

test("the host's platform is in Go's words", () => {
  const { os, architecture } = hostPlatform()
  assert.equal(os, 'linux')
  assert.ok(!['x64', 'ia32', 'ppc64'].includes(architecture), architecture)
})

test('platforms as people write them are read', () => {
  assert.deepEqual(parsePlatform('linux/arm64/v8'), { os: 'linux', architecture: 'arm64', variant: 'v8' })
  assert.deepEqual(parsePlatform('linux/aarch64'), { os: 'linux', architecture: 'arm64' })
  assert.deepEqual(parsePlatform('arm64'), { os: hostPlatform().os, architecture: 'arm64' })
  assert.equal(parsePlatform('windows').architecture, hostPlatform().architecture)
  for (const wrong of ['', 'linux//', 'a/b/c/d', 'linux/am d64'])
    assert.throws(() => parsePlatform(wrong), /cannot parse platform specifier/)
})

test('a machine takes what it can run, the nearest first', () => {
  const distance = (wanted: string, offered: string) => platformDistance(parsePlatform(wanted), parsePlatform(offered))
  assert.equal(distance('linux/amd64', 'linux/amd64'), 0)
  assert.equal(distance('linux/arm64', 'linux/arm64/v8'), 0)
  assert.equal(distance('linux/amd64', 'linux/arm64'), undefined)
  assert.equal(distance('linux/amd64', 'windows/amd64'), undefined)
  assert.equal(distance('linux/amd64', 'linux/amd64/v3'), undefined)
  assert.equal(distance('linux/arm/v6', 'linux/arm/v7'), undefined)
  assert.ok((distance('linux/arm/v7', 'linux/arm/v6') ?? 0) > 0)
  assert.ok((distance('linux/amd64', 'linux/386') ?? 0) > 0)
  assert.ok((distance('linux/arm64', 'linux/arm/v6') ?? 0) > (distance('linux/arm64', 'linux/arm/v7') ?? 0))
})
