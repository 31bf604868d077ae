import assert from 'node:assert/strict'
import { test } from 'node:test'
import { flagHelp } from '../help.ts'
import { parseBytes } from './bytes.ts'
import { parseDuration } from './duration.ts'
import { parseFlagTable } from './flag-table.ts'
import { parseFlags } from './parse-flags.ts'

const table = parseFlagTable(`
  -d, --detach            Run in background
  -e, --env list          Set environment variables
  -i, --interactive       Keep STDIN open
  -m, --memory bytes      Memory limit
  -t, --tty               Allocate a pseudo-TTY
      --gateway strings   Gateways
      --name string       Assign a name
      --pull string       Pull ("always", "missing") (default "missing")
      --rm                Remove it
      --times int         How often (default -1)
`)
const parse = (line: string, interspersed = false) =>
  parseFlags(line.split(' '), { table, interspersed, aliases: { nick: 'name' } })

test('short flags run together, the last takes the value', () => {
  const { flags, args } = parse('-ite A=B -eC=D -m=5k busybox -d')
  assert.equal(flags.bool('interactive') && flags.bool('tty'), true)
  assert.deepEqual(flags.list('env'), ['A=B', 'C=D'])
  assert.equal(flags.bytes('memory'), 5120)
  assert.equal(flags.bool('detach'), false)
  assert.deepEqual(args, ['busybox', '-d'])
})

test('long flags take values with and without an equals sign; booleans only with', () => {
  const { flags, args } = parse('--name=a --nick b --rm=false --gateway 1,2 --gateway 3 -- --x', true)
  assert.equal(flags.string('name'), 'b')
  assert.equal(flags.changed('rm'), true)
  assert.equal(flags.bool('rm'), false)
  assert.deepEqual(flags.list('gateway'), ['1', '2', '3'])
  assert.deepEqual(args, ['--x'])
})

test('defaults come from the explanation', () => {
  const { flags } = parse('x')
  assert.equal(flags.string('pull'), 'missing')
  assert.equal(flags.number('times'), -1)
  assert.equal(flags.string('name'), '')
})

const faults: [string, string][] = [
  ['--foo', 'unknown flag: --foo'],
  ['-dz', "unknown shorthand flag: 'z' in -z"],
  ['--name', 'flag needs an argument: --name'],
  ['-de', "flag needs an argument: 'e' in -e"],
  ['--=x', 'bad flag syntax: --=x'],
  ['--rm=maybe', 'invalid argument "maybe" for "--rm" flag: strconv.ParseBool: parsing "maybe": invalid syntax'],
  ['-m zz', 'invalid argument "zz" for "-m, --memory" flag: invalid size: \'zz\''],
  ['--times x', 'invalid argument "x" for "--times" flag: strconv.ParseInt: parsing "x": invalid syntax'],
]
for (const [line, message] of faults) test(`refuses ${line}`, () => assert.throws(() => parse(line), { message }))

test('sizes and durations', () => {
  assert.equal(parseBytes('1.5g'), 1.5 * 1024 ** 3)
  assert.equal(parseBytes('10MiB'), 10 * 1024 ** 2)
  assert.equal(parseBytes('-1'), -1)
  assert.equal(parseDuration('1h2m3.5s'), 3_723_500_000_000)
  assert.throws(() => parseDuration('5'), /missing unit in duration "5"/)
  assert.throws(() => parseDuration('5x'), /unknown unit "x"/)
})

test('help is wrapped at blanks, below its own column', () => {
  const flags = parseFlagTable(
    '  -a, --alpha string   One two three four five six seven eight nine ten eleven twelve\n      --b              Short\n',
  )
  assert.equal(
    flagHelp(flags, 60),
    [
      '  -a, --alpha string   One two three four five six',
      '                       seven eight nine ten eleven twelve',
      '      --b              Short',
      '',
    ].join('\n'),
  )
})
