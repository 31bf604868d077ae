import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DockerfileError, SyntaxProblem } from './dockerfile-error.ts'
import { expandDocument, expandWord, expandWords } from './expand.ts'
import { findHeredocs } from './heredoc.ts'
import type { Instruction } from './instruction.ts'
import { formatLints } from './lint/format-lints.ts'
import { lintDockerfile } from './lint/lint-dockerfile.ts'
import { parseDockerfile } from './parse-dockerfile.ts'
import { resolveMount } from './run-mount.ts'

const PIECES = [
  'FROM x', 'FROM scratch AS ', 'RUN ', 'COPY ', 'ADD ', 'ENV ', 'ARG ', 'LABEL ', 'EXPOSE ', 'VOLUME ', 'USER ', 'WORKDIR ', 'CMD ',
  'ENTRYPOINT ', 'SHELL ', 'STOPSIGNAL ', 'HEALTHCHECK ', 'ONBUILD ', 'MAINTAINER ', 'FOO ', '--mount=type=', 'cache,target=', 'secret,id=',
  '--from=', '--chown=', '--link', '--exclude=', '--interval=', '--', '\n', '\n\n', '\\\n', '\r\n', '`\n', '\\', '`', '"', "'", '$', '${', '}', ':-',
  '#', '##', '%', '/', '//', '*', '?', '=', ',', '<<EOF', '<<-"E"', '\nEOF\n', '[', ']', '["a"]', '# escape=`\n', '# check=', 'skip=all', '# x\n', ' ',
  '\t', '\f', '\0', '\uFEFF', 'é', '\u{1F600}', '\uD800', 'a', 'X', '1', '80/tcp', 'NONE', '1s',
] // biome-ignore format: a list

const fragments = fc.array(fc.constantFrom(...PIECES), { maxLength: 30 }).map(parts => parts.join(''))
const files = fc.oneof(
  fragments,
  fragments.map(text => `FROM scratch\n${text}`),
  fc.string({ unit: 'binary', maxLength: 200 }).map(text => `FROM x\nRUN ${text}`),
  fc.string({ unit: 'grapheme', maxLength: 200 }),
)
const variables = fc.dictionary(fc.constantFrom('a', 'b', 'X', '1'), fragments, { maxKeys: 4 })
const RUNS = { numRuns: 4000 }

/** The number of lines, one that is empty at the end not counted. */
const lineCount = (text: string): number =>
  text
    .replace(/^\uFEFF/, '')
    .replace(/\n$/, '')
    .split('\n').length

/** In milliseconds: far above what any of these texts needs. */
const LONGEST = 5000

const inTime = <Result>(work: () => Result): Result => {
  const begun = performance.now()
  const result = work()
  assert.ok(performance.now() - begun < LONGEST, 'took too long')
  return result
}

test('any text gives a Dockerfile or an error with a line inside the file', () => {
  fc.assert(
    fc.property(files, text => {
      try {
        const { stages, globalArgs } = inTime(() => parseDockerfile(text))
        let last = 0
        for (const { range } of [
          ...globalArgs,
          ...stages.flatMap(({ from, instructions }) => [from, ...instructions]),
        ]) {
          assert.ok(range.start > last && range.end >= range.start, JSON.stringify(range))
          last = range.end
        }
        assert.ok(last <= lineCount(text))
      } catch (error) {
        assert.ok(error instanceof DockerfileError, String(error))
        if (text.replace(/^\uFEFF/, '') === '') return
        assert.ok(error.range !== undefined, `${error.reason} has no line`)
        assert.ok(error.range.start >= 1 && error.range.end <= lineCount(text), JSON.stringify(error.range))
      }
    }),
    RUNS,
  )
})

test('any text can be linted', () => {
  fc.assert(
    fc.property(files, text => {
      const report = inTime(() => lintDockerfile(text, { ignoreFile: '*.a\nb/**' }))
      for (const { range } of report.lints) assert.ok(range.start >= 1 && range.end <= lineCount(text))
      assert.match(formatLints(report), /^(?:Check complete|ERROR: )/)
    }),
    { numRuns: 2000 },
  )
})

test('expansion ends, with a text or in words for people', () => {
  fc.assert(
    fc.property(fragments, variables, fc.constantFrom('\\', '`'), (text, values, escape) => {
      const lookup = (name: string): string | undefined => (Object.hasOwn(values, name) ? values[name] : undefined)
      for (const expand of [expandWord, expandWords, expandDocument]) {
        try {
          inTime(() => expand(text, lookup, escape))
        } catch (error) {
          assert.ok(error instanceof SyntaxProblem, String(error))
        }
      }
      findHeredocs(text)
    }),
    RUNS,
  )
})

test('what needs no expansion stays as it is', () => {
  const plain = fc.string({ unit: 'grapheme' }).filter(text => !/[\\$'"]/.test(text))
  fc.assert(
    fc.property(plain, text =>
      assert.equal(
        expandWord(text, () => undefined, '\\'),
        text,
      ),
    ),
  )
})

test('a value comes back whole, whatever it holds', () => {
  const value = fc.string({ unit: 'binary' })
  fc.assert(
    fc.property(value, text => {
      const lookup = (): string => text
      assert.equal(expandWord('$v', lookup, '\\'), text)
      assert.equal(expandWord('"${v}"', lookup, '\\'), text)
      assert.equal(expandWord('${v%}', lookup, '\\'), text)
    }),
  )
})

test('prefixes and suffixes: what is cut and what stays make up the value', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?') })
  fc.assert(
    fc.property(letters, letters, fc.constantFrom('#', '##', '%', '%%'), (text, pattern, operator) => {
      const rest = expandWord(`\${v${operator}${pattern}}`, () => text, '\\')
      assert.ok(operator.startsWith('#') ? text.endsWith(rest) : text.startsWith(rest))
      const cut = operator.startsWith('#') ? text.slice(0, text.length - rest.length) : text.slice(rest.length)
      const whole = new RegExp(`^${pattern.replace(/[*?]/g, wild => (wild === '*' ? '.*' : '.'))}$`)
      if (cut !== '') assert.match(cut, whole)
    }),
  )
})

test('any --mount gives a mount or an error', () => {
  const mounts = fragments.map(text => `FROM x\nRUN --mount=${text.replace(/[\s\\"'`]/g, '')} true`)
  fc.assert(
    fc.property(mounts, text => {
      try {
        const run: Instruction | undefined = parseDockerfile(text).stages[0]?.instructions[0]
        if (run?.keyword === 'RUN') for (const mount of run.mounts) resolveMount(mount, value => value)
      } catch (error) {
        assert.ok(error instanceof DockerfileError || error instanceof SyntaxProblem, String(error))
      }
    }),
    RUNS,
  )
})
