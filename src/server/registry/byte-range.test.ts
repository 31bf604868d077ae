import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseRange } from './byte-range.ts'

const RANGES: readonly (readonly [header: string | undefined, size: number, range: ReturnType<typeof parseRange>])[] = [
  [undefined, 10, 'whole'],
  ['bytes=0-', 10, { start: 0, end: 9 }],
  ['bytes=3-', 10, { start: 3, end: 9 }],
  ['bytes=3-5', 10, { start: 3, end: 5 }],
  ['bytes=3-500', 10, { start: 3, end: 9 }],
  ['bytes=-4', 10, { start: 6, end: 9 }],
  ['bytes=-400', 10, { start: 0, end: 9 }],
  ['bytes=9-9', 10, { start: 9, end: 9 }],
  ['bytes=10-', 10, 'unsatisfiable'],
  ['bytes=10-12', 10, 'unsatisfiable'],
  ['bytes=-0', 10, 'unsatisfiable'],
  ['bytes=0-', 0, 'unsatisfiable'],
  ['bytes=5-3', 10, 'whole'],
  ['bytes=0-1,4-5', 10, 'whole'],
  ['bytes=-', 10, 'whole'],
  ['lines=0-1', 10, 'whole'],
]

for (const [header, size, range] of RANGES)
  test(`${header} of ${size} bytes`, () => assert.deepEqual(parseRange(header, size), range))
