import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expandDocument, expandWord, expandWords } from './expand.ts'
import { EXPANSION_CASES, EXPANSION_VALUES } from './expansion-cases.suite.ts'

const lookup = (name: string): string | undefined => EXPANSION_VALUES[name]

for (const [text, expected] of EXPANSION_CASES) {
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
