import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { refuseContentTrust } from './content-trust.ts'
import { parseFlagTable } from './flags/flag-table.ts'
import { parseFlags } from './flags/parse-flags.ts'

const table = parseFlagTable('      --disable-content-trust   Skip it (default true)\n')
const refused = (...argv: string[]) => {
  try {
    refuseContentTrust(parseFlags(argv, { table }).flags)
    return false
  } catch {
    return true
  }
}
afterEach(() => {
  delete process.env.DOCKER_CONTENT_TRUST
})

test('signatures are off by default, and asking for them is refused', () => {
  assert.equal(refused(), false)
  assert.equal(refused('--disable-content-trust'), false)
  assert.equal(refused('--disable-content-trust=false'), true)
  for (const [value, expected] of [
    ['1', true],
    ['yes', true],
    ['0', false],
    ['', false],
  ] as const) {
    process.env.DOCKER_CONTENT_TRUST = value
    assert.equal(refused(), expected, value)
    assert.equal(refused('--disable-content-trust'), false)
  }
})
