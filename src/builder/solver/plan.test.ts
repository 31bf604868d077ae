import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DockerfileError } from '../dockerfile/dockerfile-error.ts'
import { parseDockerfile } from '../dockerfile/parse-dockerfile.ts'
import { type Plan, planBuild } from './plan.ts'

const plan = (text: string, { target = '', buildArgs = {}, labels = {} } = {}): Plan =>
  planBuild(parseDockerfile(text), { buildArgs, predefined: { TARGETOS: 'linux' }, escape: '\\' }, target, labels)
const indexes = ({ stages }: Plan): number[] => stages.map(({ index }) => index)
const reasonOf = (text: string): string => {
  try {
    plan(text)
  } catch (error) {
    assert.ok(error instanceof DockerfileError, String(error))
    return error.reason
  }
  return assert.fail('no error')
}

const MANY = `FROM x AS a
FROM y AS b
RUN b
FROM z AS c
COPY --from=a /f /
FROM c
COPY --from=1 /f /
FROM w AS unused
`

test('only what the target needs, in the order of the Dockerfile', () => {
  assert.deepEqual(indexes(plan(MANY)), [4])
  assert.deepEqual(indexes(plan(MANY, { target: '3' })), [0, 1, 2, 3])
  assert.deepEqual(indexes(plan(MANY, { target: 'C' })), [0, 2])
  assert.throws(() => plan(MANY, { target: 'zzz' }), { message: 'target stage "zzz" could not be found' })
})

test('where a stage begins: a stage before it, an image, scratch', () => {
  const { stages } = plan('ARG N=a\nFROM x AS a\nFROM $N AS b\nFROM scratch\nCOPY --from=b / /\n')
  assert.deepEqual(
    stages.map(({ base }) => base),
    [{ image: 'x' }, { stage: 0 }, 'scratch'],
  )
  assert.deepEqual(stages[2]?.steps[0]?.from, { stage: 1 })
  // A stage's own name, and names of later ones, are images.
  assert.deepEqual(plan('FROM a AS a\nFROM b\nFROM x AS b\nFROM a').stages[0]?.base, { image: 'a' })
  assert.deepEqual(plan('FROM b\nFROM x AS b', { target: '0' }).stages[0]?.base, { image: 'b' })
})

test('FROM knows the global arguments, those given and the predefined ones', () => {
  const text = 'ARG A=1\nARG B=${A}2\nFROM x:$A-$B-$TARGETOS-$NOPE'
  const baseOf = (buildArgs = {}) => plan(text, { buildArgs }).stages[0]?.base
  assert.deepEqual(baseOf(), { image: 'x:1-12-linux-' })
  assert.deepEqual(baseOf({ A: '9', NOPE: 'not declared' }), { image: 'x:9-92-linux-' })
})

test('predefined arguments: those given come before, and only what is predefined is known undeclared', () => {
  const baseOf = (buildArgs: Record<string, string>) => plan('FROM x:$TARGETOS$ELSE', { buildArgs }).stages[0]?.base
  assert.deepEqual(baseOf({}), { image: 'x:linux' })
  assert.deepEqual(baseOf({ TARGETOS: 'plan9', ELSE: 'no' }), { image: 'x:plan9' })
})

test('vertices: global arguments first, then each stage, with names for people', () => {
  const { vertices } = plan('ARG A\nFROM x AS base\nRUN a \\\n  b\nFROM base\nCMD c\n', { labels: { l: "it's" } })
  assert.deepEqual(vertices, [
    { name: 'ARG A', instruction: 'ARG A', line: 1 },
    { name: '[base 1/2] FROM x AS base', instruction: 'FROM x AS base', line: 2 },
    { name: '[base 2/2] RUN a   b', instruction: 'RUN a   b', line: 3 },
    { name: '[stage-1 1/3] FROM base', instruction: 'FROM base', line: 5 },
    { name: '[stage-1 2/3] CMD c', instruction: 'CMD c', line: 6 },
    { name: "[stage-1 3/3] LABEL l=it's", instruction: "LABEL l=it's", line: 6 },
  ])
  assert.equal(plan('FROM x\nRUN a').vertices[1]?.name, '[2/2] RUN a')
})

test('mistakes are known before the first step', () => {
  assert.equal(reasonOf('FROM $NOPE'), 'base name ($NOPE) should not be blank')
  assert.equal(reasonOf('FROM x\nCOPY --from=0 / /'), 'invalid from flag value 0: refers to current build stage')
  assert.equal(reasonOf('FROM x\nCOPY --from=1 / /\nFROM y'), 'invalid from flag value 1: index out of bounds')
  assert.equal(reasonOf('FROM x AS a\nCOPY --from=A / /\nFROM y'), 'circular dependency detected on stage: a')
  assert.equal(
    reasonOf('FROM x\nCOPY --from=b / /\nFROM y AS b'),
    'cannot copy from stage "b", it needs to be defined before current stage "stage-0"',
  )
  assert.match(reasonOf('ARG a=1\nFROM x\nCOPY --from=$a / /'), /^variable expansion is not supported for --from, /)
  assert.equal(reasonOf('FROM x AS a\nRUN --mount=from=a,target=/x true'), 'circular dependency detected on stage: a')
  assert.equal(reasonOf('FROM x:${a'), `failed to process "x:\${a": syntax error: missing '}'`)
})
