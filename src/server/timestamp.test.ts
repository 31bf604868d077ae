import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseTimestamp } from './timestamp.ts'

test('seconds with up to nine decimals become nanoseconds', () => {
  assert.equal(parseTimestamp(''), undefined)
  assert.equal(parseTimestamp('0'), 0n)
  assert.equal(parseTimestamp('1795324684'), 1_795_324_684_000_000_000n)
  assert.equal(parseTimestamp('1795324684.000000001'), 1_795_324_684_000_000_001n)
  assert.equal(parseTimestamp('1.5'), 1_500_000_000n)
  assert.equal(parseTimestamp('-1.5'), -1_500_000_000n)
})

test('what is no number is refused as dockerd does', () => {
  assert.throws(() => parseTimestamp('x'), {
    message: 'strconv.ParseInt: parsing "x": invalid syntax',
    kind: 'Internal',
  })
  assert.throws(() => parseTimestamp('2026-01-01T00:00:00Z'), { kind: 'Internal' })
})
