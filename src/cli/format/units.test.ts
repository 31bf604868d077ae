import assert from 'node:assert/strict'
import { test } from 'node:test'
import { align } from './align.ts'
import { indentJson } from './indent-json.ts'
import { binarySize, ellipsis, humanDuration, humanSize, rfc3339, shortId } from './units.ts'

test('sizes', () => {
  assert.equal(humanSize(1982464, 3), '1.98MB')
  assert.equal(humanSize(1982464), '1.982MB')
  assert.equal(humanSize(0), '0B')
  assert.equal(humanSize(999), '999B')
  assert.equal(humanSize(2000), '2kB')
  assert.equal(binarySize(25_275_893_760), '23.54GiB')
})

test('durations', () => {
  const cases: [number, string][] = [
    [0.4, 'Less than a second'],
    [1.9, '1 second'],
    [59, '59 seconds'],
    [60, 'About a minute'],
    [3599, '59 minutes'],
    [3600, 'About an hour'],
    [86400 * 1.5, '36 hours'],
    [86400 * 5, '5 days'],
    [86400 * 20, '2 weeks'],
    [86400 * 100, '3 months'],
    [86400 * 800, '2 years'],
  ]
  for (const [seconds, text] of cases) assert.equal(humanDuration(seconds), text)
})

test('times, IDs and cuts', () => {
  assert.match(rfc3339(0, '.5'), /^19(70-01-01|69-12-31)T\d\d:\d\d:00\.5(Z|[+-]\d\d:\d\d)$/)
  assert.equal(shortId('sha256:ae26d8dd79441980a00f'), 'ae26d8dd7944')
  assert.equal(ellipsis('abcdef', 4), 'abc…')
  assert.equal(ellipsis('abcd', 4), 'abcd')
})

test('columns have a least width and three blanks between them', () => {
  assert.equal(align('A\tBB\tC\naaaaaaaaaaa\tb\tc\n'), 'A             BB        C\naaaaaaaaaaa   b         c\n')
})

test('JSON is re-indented without touching numbers and strings', () => {
  assert.equal(
    indentJson('{"a":[1,{"b":{}}],"c":1795324523163369399,"d":"x:{,"}'),
    [
      '{',
      '    "a": [',
      '        1,',
      '        {',
      '            "b": {}',
      '        }',
      '    ],',
      '    "c": 1795324523163369399,',
      '    "d": "x:{,"',
      '}',
    ].join('\n'),
  )
})
