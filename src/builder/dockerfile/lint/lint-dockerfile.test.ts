import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatLints } from './format-lints.ts'
import { LINT_CASES } from './lint-cases.suite.ts'
import { lintDockerfile } from './lint-dockerfile.ts'
import { LINT_RULES, ruleUrl } from './lint-rules.ts'

for (const { text, ignoreFile, lints, error } of LINT_CASES) {
  test(`check: ${JSON.stringify(text)}`, () => {
    const report = lintDockerfile(text, { ignoreFile })
    assert.deepEqual(
      report.lints.map(({ rule, range, detail }) => [rule, range.start, detail]),
      lints,
    )
    const [first = ''] = formatLints(report).match(/(?<=^ERROR: ).*/m) ?? []
    if (error !== undefined) assert.equal(first, error)
    else assert.match(first, /^(?:lint violation found|$)/)
  })
}

test('each rule has a case, or a test below', () => {
  const seen = new Set(LINT_CASES.flatMap(({ lints }) => lints.map(([rule]) => rule)))
  assert.deepEqual(
    Object.keys(LINT_RULES).filter(rule => !seen.has(rule as keyof typeof LINT_RULES)),
    ['InvalidBaseImagePlatform'],
  )
})

test('as docker build --check prints it', () => {
  const text = '# check=error=true\nFROM scratch\nMAINTAINER x\n'
  assert.equal(
    formatLints(lintDockerfile(text)),
    `Check complete, 1 warning has been found!

WARNING: MaintainerDeprecated - https://docs.docker.com/go/dockerfile/rule/maintainer-deprecated/
Maintainer instruction is deprecated in favor of using label
Dockerfile:3
--------------------
   1 |     # check=error=true
   2 |     FROM scratch
   3 | >>> MAINTAINER x
   4 |     ${''}
--------------------

ERROR: lint violation found for rules: MaintainerDeprecated

`,
  )
  assert.equal(formatLints(lintDockerfile('FROM scratch\n')), 'Check complete, no warnings found.\n')
})

test('what an image brings counts; of an unknown one nothing is assumed', () => {
  const text = 'FROM --platform=$BUILDPLATFORM x\nCMD a\nLABEL a=$JAVA_HOME b=$NOPE\n'
  const facts = {
    env: ['JAVA_HOME=/java'],
    shell: ['/bin/bash', '-c'],
    triggers: ['WORKDIR here'],
    platform: 'plan9/mips',
  }
  const rules = (options: Parameters<typeof lintDockerfile>[1]) =>
    lintDockerfile(text, options).lints.map(({ rule, range }) => `${rule} ${range.start}`)
  assert.deepEqual(rules({}), ['JSONArgsRecommended 2'])
  assert.deepEqual(rules({ baseImage: () => facts }), [
    'InvalidBaseImagePlatform 1',
    'WorkdirRelativePath 1',
    'UndefinedVar 3',
  ])
  assert.deepEqual(
    rules({
      baseImage: () => ({
        ...facts,
        triggers: [],
        shell: [],
        platform: `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`,
      }),
    }),
    ['JSONArgsRecommended 2', 'UndefinedVar 3'],
  )
  assert.deepEqual(rules({ contexts: ['x'], baseImage: () => facts }), ['JSONArgsRecommended 2'])
})

test('options that are given come before those in the file; build arguments count', () => {
  assert.equal(lintDockerfile('# check=skip=all\nFROM scratch\nMAINTAINER x', { check: 'error=true' }).failed, true)
  const text = 'ARG N\nFROM scratch AS a\nFROM $N\nLABEL b=$C\n'
  assert.equal(lintDockerfile(text, { buildArgs: { N: 'a' } }).error, undefined)
})

test('a comment above an instruction switches rules off for it alone', () => {
  const text =
    '# check=skip=StageNameCasing\n#\n# check=skip=UndefinedVar\nFROM scratch AS A\n# check=skip=UndefinedVar\nLABEL a=$bbbb\nLABEL a=$bbbb\n'
  assert.deepEqual(
    lintDockerfile(text).lints.map(({ rule, range }) => `${rule} ${range.start}`),
    ['UndefinedVar 7'],
  )
})

test('links', () => {
  assert.equal(ruleUrl('JSONArgsRecommended'), 'https://docs.docker.com/go/dockerfile/rule/json-args-recommended/')
  assert.equal(ruleUrl('InvalidBaseImagePlatform'), undefined)
})
