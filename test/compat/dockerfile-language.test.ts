// The Dockerfile language, word for word what Docker says. With TARE_TEST_PEER=unix:///… it is put to another engine, whose
// classic builder reads and expands with BuildKit's own packages: that is how these tables were checked (Docker 28.5).
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { EXPANSION_CASES, EXPANSION_VALUES } from '../../src/builder/dockerfile/expansion-cases.suite.ts'
import { PARSE_ERRORS } from '../../src/builder/dockerfile/parse-errors.suite.ts'
import { build } from '../harness/build.ts'
import { type EngineUnderTest, engineUnderTest } from '../harness/engine-under-test.ts'

let engine: EngineUnderTest
before(async () => {
  engine = await engineUnderTest()
})
after(() => engine[Symbol.asyncDispose]())

const env = Object.entries(EXPANSION_VALUES).map(([name, value]) => `ENV ${name}=${quote(value)}\n`)

test('expansion', async () => {
  // In the old form the text is all that follows the name, as it stands.
  const known = EXPANSION_CASES.filter(([text, expected]) => expected !== undefined && !text.endsWith('\\'))
  const labels = known.map(([text], index) => `LABEL l${index} ${text}\n`).join('')
  const { id, error } = await build(engine.client, `FROM busybox\n${env.join('')}${labels}`)
  assert.equal(error, undefined)
  const inspect = await engine.client.get<{ Config: { Labels: Record<string, string> } }>(`/images/${id}/json`)
  const { Labels } = inspect.body.Config
  assert.deepEqual(
    known.map(([text], index) => [text, Labels[`l${index}`]]),
    known.map(([text, expected]) => [text, expected]),
  )
})

test('expansion: what is refused', async () => {
  for (const [text, expected] of EXPANSION_CASES) {
    if (expected !== undefined) continue
    const { error } = await build(engine.client, `FROM busybox\n${env.join('')}LABEL x ${text}\n`)
    assert.match(error ?? '', /^failed to process /, text)
  }
})

test('texts that are no Dockerfile', async () => {
  const cases = PARSE_ERRORS.filter(
    ([, , differs]) => differs === undefined || process.env.TARE_TEST_PEER === undefined,
  )
  const answers: [text: string, reason: string | undefined][] = []
  for (const [text] of cases) answers.push([text, (await build(engine.client, text)).error?.split('\n')[0]])
  assert.deepEqual(
    answers,
    cases.map(([text, reason]) => [text, reason]),
  )
})

function quote(text: string): string {
  return `'${text}'`
}
