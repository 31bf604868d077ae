import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DockerfileError } from './dockerfile-error.ts'
import { parseDockerfile, parseTrigger } from './parse-dockerfile.ts'
import { PARSE_ERRORS } from './parse-errors.suite.ts'

const parse = (text: string) => parseDockerfile(text)
const only = (line: string, below = '') => {
  const [instruction] = parse(`FROM x\n${line}\n${below}`).stages[0]!.instructions
  assert.ok(instruction)
  return instruction
}
const errorOf = (text: string, file?: string): DockerfileError => {
  try {
    parseDockerfile(text, file)
  } catch (error) {
    assert.ok(error instanceof DockerfileError, String(error))
    return error
  }
  return assert.fail(`no error for ${JSON.stringify(text)}`)
}

test('stages, global arguments and names', () => {
  const { globalArgs, stages } = parse(
    'ARG V=1\nFROM a:$V AS Base\nRUN x\nFROM --platform=linux/arm64 Base\nFROM c as last\n',
  )
  assert.deepEqual(globalArgs[0]!.args, [{ name: 'V', value: '1' }])
  assert.deepEqual(
    stages.map(({ index, name, from }) => [index, name, from.image, from.platform]),
    [
      [0, 'base', 'a:$V', undefined],
      [1, undefined, 'Base', 'linux/arm64'],
      [2, 'last', 'c', undefined],
    ],
  )
})

test('continuation lines: comments inside are dropped, indentation is kept, lines are counted', () => {
  const { stages } = parse('FROM x\n# first\n  RUN a && \\\n  # inner\n\t# other\n  b \\  \n && c  \nUSER u\n')
  const [run, user] = stages[0]!.instructions
  assert.equal(run!.original, 'RUN a &&   b  && c')
  assert.deepEqual(run!.range, { start: 3, end: 7 })
  assert.deepEqual(user!.range, { start: 8, end: 8 })
})

test('an escaped backslash at the end of a line continues nothing', () => {
  assert.match(
    errorOf('FROM x\nRUN true \\\\\n && false').reason,
    /^dockerfile parse error on line 3: unknown instruction: &&/,
  )
})

test('an empty continuation line is allowed and warned about', () => {
  const { stages, warnings } = parse('FROM x\nRUN a && \\\n\n  b\n')
  assert.equal(stages[0]!.instructions[0]!.original, 'RUN a &&   b')
  assert.deepEqual(warnings, [
    { message: 'Empty continuation line found in: RUN a &&   b', range: { start: 2, end: 4 } },
  ])
})

test('byte order mark, Windows line ends, no line end at the end', () => {
  const { stages } = parse('\uFEFFFROM x\r\nRUN a \\\r\n b\r\nCMD ["c"]')
  assert.deepEqual(
    stages[0]!.instructions.map(({ original }) => original),
    ['RUN a  b', 'CMD ["c"]'],
  )
})

test('the escape directive counts at the top only', () => {
  assert.equal(parse('# escape=`\nFROM x\nRUN a `\n b\\\n').stages[0]!.instructions[0]!.original, 'RUN a  b\\')
  assert.equal(parse('# note\n# escape=`\nFROM x\nRUN a \\\n b\n').stages[0]!.instructions[0]!.original, 'RUN a  b')
  assert.equal(parse('#syntax=docker/dockerfile:1\n# ESCAPE = `\nFROM x').directives.escape, '`')
  assert.match(
    errorOf('# escape=x\nFROM x').reason,
    /^failed to parse Dockerfile: invalid escape token 'x' does not match ` or \\$/,
  )
  const twice = errorOf('# escape=`\n# escape=`\nFROM x')
  assert.equal(twice.reason, 'failed to parse Dockerfile: only one escape parser directive can be used')
  assert.deepEqual(twice.range, { start: 2, end: 2 })
})

test('commands in shell and in JSON form', () => {
  assert.deepEqual(only('CMD ["a", "b c"]'), {
    keyword: 'CMD',
    original: 'CMD ["a", "b c"]',
    range: { start: 2, end: 2 },
    command: { form: 'exec', args: ['a', 'b c'] },
  })
  for (const text of ['["a"', "['a']", '[ -f x ] && y', '"a"']) {
    const instruction = only(`ENTRYPOINT ${text}`)
    assert.deepEqual(instruction.keyword === 'ENTRYPOINT' && instruction.command, { form: 'shell', text })
  }
})

test('here-documents of RUN and COPY', () => {
  const run = only('RUN <<EOF cat >/x\na $b\n# no comment\nEOF\nUSER u')
  assert.ok(run.keyword === 'RUN')
  assert.deepEqual(run.heredocs, [
    { name: 'EOF', descriptor: '', expand: true, chomp: false, raw: 'a $b\n# no comment\n' },
  ])
  assert.deepEqual(run.range, { start: 2, end: 5 })
  const copy = only('COPY --chmod=755 <<-"one" <<two a.txt /d/\n\tx\n\tone\ny\ntwo')
  assert.ok(copy.keyword === 'COPY')
  assert.deepEqual(copy.sources, ['a.txt'])
  assert.deepEqual(
    copy.heredocs.map(({ name, expand, chomp, raw }) => [name, expand, chomp, raw]),
    [
      ['one', false, true, '\tx\n'],
      ['two', true, false, 'y\n'],
    ],
  )
  for (const text of ['RUN echo $((1<<2))', 'RUN cat <<<here', 'RUN ["cat", "<<EOF"]', "RUN echo '<<EOF'"]) {
    assert.equal(only(text).original, text)
  }
  const open = errorOf('FROM x\nRUN <<EOF\nhi\n')
  assert.equal(open.reason, 'failed to parse Dockerfile: unterminated heredoc')
  assert.deepEqual(open.range, { start: 2, end: 3 })
})

test('flags end at the first other word', () => {
  const copy = only('COPY --from=base --chown="a b":c --chmod=u+x a --chown=d')
  assert.ok(copy.keyword === 'COPY')
  assert.deepEqual(
    [copy.from, copy.chown, copy.chmod, copy.sources, copy.destination],
    ['base', 'a b:c', 'u+x', ['a'], '--chown=d'],
  )
  const run = only('RUN --network=none cmd --mount=x')
  assert.ok(run.keyword === 'RUN')
  assert.deepEqual([run.network, run.command], ['none', { form: 'shell', text: 'cmd --mount=x' }])
})

test('pairs: new form with quotes left for later, old form takes the rest', () => {
  const pairs = (line: string) => {
    const instruction = only(line)
    return instruction.keyword === 'ENV' || instruction.keyword === 'LABEL' ? instruction.pairs : assert.fail()
  }
  assert.deepEqual(pairs('ENV A="x y" B=z\\ w'), [
    { name: 'A', value: '"x y"' },
    { name: 'B', value: 'z\\ w' },
  ])
  assert.deepEqual(pairs('ENV ONE TWO= THREE=world'), [{ name: 'ONE', value: 'TWO= THREE=world' }])
  assert.deepEqual(pairs('LABEL "a.b"=c'), [{ name: '"a.b"', value: 'c' }])
})

test('HEALTHCHECK', () => {
  const health = (line: string) => {
    const instruction = only(line)
    return instruction.keyword === 'HEALTHCHECK' ? instruction.health : assert.fail()
  }
  assert.deepEqual(health('HEALTHCHECK NONE'), { Test: ['NONE'] })
  assert.deepEqual(health('HEALTHCHECK --interval=1m30s --timeout=500ms --retries=3 CMD ["a"]'), {
    Test: ['CMD', 'a'],
    Interval: 90e9,
    Timeout: 5e8,
    Retries: 3,
  })
  assert.deepEqual(health('HEALTHCHECK cmd curl x || exit 1'), { Test: ['CMD-SHELL', 'curl x || exit 1'] })
})

test('ONBUILD keeps its trigger as text', () => {
  const instruction = only('ONBUILD COPY --chown=a . /')
  assert.equal(instruction.keyword === 'ONBUILD' && instruction.trigger, 'COPY --chown=a . /')
  const parsed = parseTrigger('COPY --chown=a . /', { start: 1, end: 1 })
  assert.equal(parsed.keyword === 'COPY' && parsed.chown, 'a')
  assert.throws(
    () => parseTrigger('FOO x', { start: 1, end: 1 }),
    /failed to process ONBUILD trigger "FOO x": unknown instruction: FOO/,
  )
})

for (const [text, reason] of PARSE_ERRORS) {
  test(`error: ${JSON.stringify(text)}`, () => assert.equal(errorOf(text).reason, reason))
}

test('an error names the file and shows the lines', () => {
  const error = errorOf('FROM a\nUSER b\n\nFOO \\\n  bar\nCMD c\n', 'sub/My.dockerfile')
  assert.deepEqual(error.range, { start: 4, end: 5 })
  assert.equal(
    error.message,
    `dockerfile parse error on line 4: unknown instruction: FOO (did you mean FROM?)
sub/My.dockerfile:4
--------------------
   2 |     USER b
   3 |
   4 | >>> FOO \\
   5 | >>>   bar
   6 |     CMD c
--------------------`,
  )
})

test('duplicate stage names are allowed', () => {
  assert.deepEqual(
    parse('FROM a AS x\nFROM b AS X').stages.map(({ name }) => name),
    ['x', 'x'],
  )
})

test("Docker's own frontends are built in", () => {
  for (const syntax of [
    'docker/dockerfile',
    'docker/dockerfile:1',
    'docker.io/docker/dockerfile:1.7-labs',
    'docker/dockerfile-upstream:master',
    'docker/dockerfile:1@sha256:00',
  ])
    assert.equal(parse(`# syntax = ${syntax} more\nFROM x`).directives.syntax, syntax)
  assert.equal(
    parse('#!/usr/bin/env x\n# syntax=docker/dockerfile:1\n# check=skip=all\nFROM x').directives.check,
    'skip=all',
  )
})

test('a syntax that is given comes before that of the file', () => {
  const other = '# syntax=example.com/other\nFROM x'
  assert.equal(parseDockerfile(other, 'D', { syntax: 'docker/dockerfile:1' }).stages.length, 1)
  assert.throws(
    () => parseDockerfile('FROM x', 'D', { syntax: 'example.com/other' }),
    /unsupported syntax "example.com\/other"/,
  )
})

test('all flags of COPY and ADD', () => {
  const copy = only('COPY --from=b --chown=u --chmod=7 --link --parents=true --exclude=*.a --exclude=b a /')
  assert.ok(copy.keyword === 'COPY')
  const { from, chown, chmod, link, parents, exclude } = copy
  assert.deepEqual(
    { from, chown, chmod, link, parents, exclude },
    { from: 'b', chown: 'u', chmod: '7', link: true, parents: true, exclude: ['*.a', 'b'] },
  )
  const add = only('ADD --keep-git-dir --checksum=sha256:a --unpack=false --link=FALSE a /')
  assert.ok(add.keyword === 'ADD')
  assert.deepEqual([add.keepGitDir, add.checksum, add.unpack, add.link], [true, 'sha256:a', false, false])
  const plain = only('ADD a /')
  assert.deepEqual(plain.keyword === 'ADD' && [plain.keepGitDir, plain.checksum, plain.unpack], [
    undefined,
    undefined,
    undefined,
  ])
})

test('flags of RUN', () => {
  const run = only(
    'RUN --mount=target=/a --mount=type=cache,target=/b,from=c --security=insecure --device=v.com/x=y,required true',
  )
  assert.ok(run.keyword === 'RUN')
  assert.deepEqual(run.mounts, [
    { text: 'target=/a', from: undefined },
    { text: 'type=cache,target=/b,from=c', from: 'c' },
  ])
  assert.deepEqual(
    [run.security, run.devices, run.network],
    ['insecure', [{ name: 'v.com/x=y', required: true }], undefined],
  )
})

test('here-documents keep their line ends and may be quoted in parts', () => {
  const copy = only('COPY <<"a b" <<E"O"F /d\na\r\na b\nEOF')
  assert.ok(copy.keyword === 'COPY')
  assert.deepEqual(
    copy.heredocs.map(({ name, expand, raw }) => [name, expand, raw]),
    [
      ['a b', false, 'a\r\n'],
      ['EOF', false, ''],
    ],
  )
  const trigger = only('ONBUILD COPY <<A /a\nx\nA')
  assert.equal(trigger.keyword === 'ONBUILD' && trigger.trigger, 'COPY <<A /a\nx\nA')
  const run = only('RUN cat 3<< EOF 4<<-X\na\nEOF\n\tb\n\tX')
  assert.deepEqual(
    run.keyword === 'RUN' && run.heredocs.map(({ name, descriptor, chomp }) => [name, descriptor, chomp]),
    [
      ['EOF', '3', false],
      ['X', '4', true],
    ],
  )
})

test('comments right above an instruction belong to it', () => {
  const [a, b] = parse('FROM x\n# far\n#\n# near\n#  second \nARG a\nARG b').stages[0]!.instructions
  assert.deepEqual(a!.comments, ['near', 'second'])
  assert.equal(b!.comments, undefined)
})

test('white space: form feeds and tabs separate, a trailing escape is nothing', () => {
  const arg = only('ARG\ta=1\fb="2 3"  c \\')
  assert.deepEqual(arg.keyword === 'ARG' && arg.args.map(({ name, value }) => [name, value]), [
    ['a', '1'],
    ['b', '"2 3"'],
    ['c', undefined],
  ])
})
