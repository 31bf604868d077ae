import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expandDocument, expandWord, expandWords } from './expand.ts'

const values: Record<string, string> = {
  a: 'A',
  empty: '',
  path: '/usr/lib/x.tar.gz',
  words: 'x  y',
  foobar: 'foobarbaz',
  stars: '*?b',
  accent: '\u{1F600}a',
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
  ['${foobar//b?/<\\/\\}>}', 'foo<\\/\\}>r<\\/\\}>z'],
  ['${foobar#f*o}', 'obarbaz'],
  ['${foobar##f*o}', 'barbaz'],
  ['${foobar%b*}', 'foobar'],
  ['${foobar%%b*}', 'foo'],
  ['${foobar%z}', 'foobarba'],
  ['${foobar//}', undefined],
  ['${foobar/o}', undefined],
  ['${stars#\\*}', '?b'],
  ['${stars#"*?"}', '?b'],
  ['${stars#\\*\\?}', 'b'],
  ['${stars#\\x}', undefined],
  ['${nope#x}', ''],
  ['${nope/x/y}', ''],
  ['${accent#?}', 'a'],
  ['$\u00fcber', ''],
  ['$12', ''],
  ['${12:-x}', 'x'],
  ['${@}', ''],
  ['<<EOF', '<<EOF'],
  ['a < b', 'a < b'],
  ['\\', ''],
  ['a\\', 'a'],
  ['"${a:+"x y"}"', 'x y'],
  ['\'a\'"b"c', 'abc'],
  ["${nope:-'}'}", '}'],
  ['${a:+$a${nope-n}}', 'An'],
  ['${a?x}', 'A'],
  ['${empty?x}', ''],
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
  ['${b?}', 'failed to process "${b?}": b: is not allowed to be unset'],
  ['${b:?}', 'failed to process "${b:?}": b: is not allowed to be unset'],
  ['${empty:?}', 'failed to process "${empty:?}": empty: is not allowed to be empty'],
  ['${a:+${b?inner}}', 'failed to process "${a:+${b?inner}}": b: inner'],
  ['${a:#x}', 'failed to process "${a:#x}": unsupported modifier (:#) in substitution'],
  ['${a^}', 'failed to process "${a^}": unsupported modifier (^) in substitution'],
  ['${a/x}', `failed to process "\${a/x}": syntax error: missing '/' in \${}`],
  ['${{a}', 'failed to process "${{a}": syntax error: bad substitution'],
  ['${a#\\x}', `failed to process "\${a#\\\\x}": invalid pattern (\\x) in substitution: invalid escape '\\x'`],
  ['${b', `failed to process "\${b": syntax error: missing '}'`],
  ['${', `failed to process "\${": syntax error: missing '}'`],
  ['${}', 'failed to process "${}": syntax error: bad substitution'],
] as const) {
  test(`${text} fails in Docker's words`, () => assert.throws(() => expandWord(text, lookup, '\\'), { message }))
}

test('another escape character', () => assert.equal(expandWord('C:\\x`$a', lookup, '`'), 'C:\\x$a'))

test('words: a value splits outside quotes only', () => {
  assert.deepEqual(expandWords('$words "$words" \'a b\'c', lookup, '\\'), ['x', 'y', 'x  y', 'a bc'])
  assert.deepEqual(expandWords('  80   $nope ""', lookup, '\\'), ['80'])
  assert.deepEqual(expandWords('a${nope:-b}\\ c d', lookup, '\\'), ['ab c', 'd'])
})

// Docker 28.5: COPY <<EOF /f
test('a document keeps its quotes, not its escapes', () => {
  assert.equal(expandDocument(`"$a" '\${a}' \\$a \\\\ \\" \\n \${nope:-"q"}\n`, lookup), `"A" 'A' $a \\ " n "q"\n`)
})

test('expansion ends: deep, large and hard ones are refused', () => {
  const deep = `${'${n:-'.repeat(100_000)}x${'}'.repeat(100_000)}`
  assert.throws(() => expandWord(deep, lookup, '\\'), /substitutions are nested too deeply/)
  const large = { m: 'x'.repeat(1024 * 1024) } as Record<string, string>
  assert.throws(() => expandWord('$m'.repeat(20), name => large[name], '\\'), /longer than/)
  const long = (): string => 'a'.repeat(100_000)
  assert.equal(expandWord(`\${x//${'a*'.repeat(20)}b/}`, long, '\\'), long())
  assert.throws(() => expandWord(`\${x#${'*a'.repeat(5000)}}`, long, '\\'), /too long for a value of this length/)
})

test('variables are asked for in the order in which they stand', () => {
  const asked: string[] = []
  expandWord('$x ${y:-$z} ${a:+$w}', name => void asked.push(name) as undefined, '\\')
  assert.deepEqual(asked, ['x', 'y', 'z', 'a', 'w'])
})
