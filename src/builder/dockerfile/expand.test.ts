import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expandDocument, expandWord, expandWords } from './expand.ts'

const values: Record<string, string> = {
  a: 'A',
  empty: '',
  path: '/usr/lib/x.tar.gz',
  words: 'x  y',
  foobar: 'foobarbaz',
}
const lookup = (name: string): string | undefined => values[name]

for (const [text, expected] of [
  ['plain', 'plain'],
  ['$a', 'A'],
  ['${a}', 'A'],
  ['$a$a-${a}b', 'AA-Ab'],
  ['$nope', ''],
  ['\\$a', '$a'],
  ["'$a'", '$a'],
  ['"$a"', 'A'],
  ['"\\$a"', '$a'],
  ['"a\\b"', 'a\\b'],
  ['a\\b', 'ab'],
  ['"\\""', '"'],
  [`'"'`, '"'],
  ['x$', 'x$'],
  ['$.x', '$.x'],
  ['"', undefined],
  ['${nope:-d}', 'd'],
  ['${empty:-d}', 'd'],
  ['${empty-d}', ''],
  ['${nope-d}', 'd'],
  ['${a:-d}', 'A'],
  ['${a:+d}', 'd'],
  ['${nope:+d}', ''],
  ['${empty:+d}', ''],
  ['${empty+d}', 'd'],
  ['${nope:-${a:-x}}', 'A'],
  ['${nope:-"q r"}', 'q r'],
  ['${nope:-a\\}b}', 'a}b'],
  ['${path#*/}', 'usr/lib/x.tar.gz'],
  ['${path##*/}', 'x.tar.gz'],
  ['${path%.*}', '/usr/lib/x.tar'],
  ['${path%%.*}', '/usr/lib/x'],
  ['${path#nothing}', '/usr/lib/x.tar.gz'],
  ['${path/lib/LIB}', '/usr/LIB/x.tar.gz'],
  ['${foobar//ba/X}', 'fooXrXz'],
  ['${foobar/b*/-}', 'foo-'],
  ['${foobar//o?/$a}', 'fAbarbaz'],
  ['$1', ''],
  ['C:\\x', 'C:x'],
] as const) {
  test(`${text} is ${expected}`, () => {
    if (expected === undefined) assert.throws(() => expandWord(text, lookup, '\\'))
    else assert.equal(expandWord(text, lookup, '\\'), expected)
  })
}

for (const [text, message] of [
  ['"b', 'failed to process "\\"b": unexpected end of statement while looking for matching double-quote'],
  ["'b", `failed to process "'b": unexpected end of statement while looking for matching single-quote`],
  ['${b:x}', 'failed to process "${b:x}": unsupported modifier (:x) in substitution'],
  ['${b:?nope}', 'failed to process "${b:?nope}": b: nope'],
  ['${b', `failed to process "\${b": syntax error: missing '}'`],
  ['${', `failed to process "\${": syntax error: missing '}'`],
  ['${}', 'failed to process "${}": syntax error: bad substitution'],
] as const) {
  test(`${text} fails in Docker's words`, () => assert.throws(() => expandWord(text, lookup, '\\'), { message }))
}

test('another escape character', () => assert.equal(expandWord('C:\\x`$a', lookup, '`'), 'C:\\x$a'))

test('words: a value splits outside quotes only', () => {
  assert.deepEqual(expandWords('$words "$words" \'a b\'c', lookup, '\\'), ['x', 'y', 'x  y', 'a bc'])
  assert.deepEqual(expandWords('  80   $nope ""', lookup, '\\'), ['80', ''])
})

test('a document keeps its quotes and other escapes', () => {
  assert.equal(expandDocument(`"$a" '\${a}' \\$a \\\\ \\" \\n\n`, lookup, '\\'), `"A" 'A' $a \\ \\" \\n\n`)
})
