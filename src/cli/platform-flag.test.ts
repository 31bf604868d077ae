import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkPlatform } from './platform-flag.ts'

const PATTERN = '"^[A-Za-z0-9_.-]+$"'
const faults: readonly [string, string][] = [
  ['a/b/c/d', '"a/b/c/d": cannot parse platform specifier: invalid argument'],
  ['nonsense', '"nonsense": unknown operating system or architecture: invalid argument'],
  [
    '&/x',
    '"&" is an invalid OS component of "&/x": OSAndVersion specifier component must match "^([A-Za-z0-9_-]+)(?:\\\\(([A-Za-z0-9_.-]*)\\\\))?$": invalid argument',
  ],
  [
    'linux/a&b',
    `"a&b" is an invalid component of "linux/a&b": platform specifier component must match ${PATTERN}: invalid argument`,
  ],
  [
    'linux/amd64/',
    `"" is an invalid component of "linux/amd64/": platform specifier component must match ${PATTERN}: invalid argument`,
  ],
]
for (const [text, message] of faults)
  test(`refuses ${text}`, () =>
    assert.throws(() => checkPlatform(text, 'invalid platform: '), { message: `invalid platform: ${message}` }))

test('platforms are read as containerd reads them', () => {
  assert.deepEqual(checkPlatform('linux/ARM64/V8'), { os: 'linux', architecture: 'arm64', variant: 'v8' })
  assert.deepEqual(checkPlatform('windows(10.0.17763)/amd64'), {
    os: 'windows',
    architecture: 'amd64',
    'os.version': '10.0.17763',
  })
  assert.equal(checkPlatform('aarch64').architecture, 'arm64')
})
