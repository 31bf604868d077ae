import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PLAIN_BUILD } from '../api/build-options.ts'
import { checkBuild } from './check-build.ts'
import { ContextTree } from './context/context-tree.ts'

const images = { find: () => undefined }
const check = async (text: string, options: Partial<typeof PLAIN_BUILD> = {}) => {
  using context = new ContextTree(undefined)
  const { signal } = new AbortController()
  return await checkBuild(images, { ...PLAIN_BUILD, ...options }, context, { path: 'Dockerfile', text }, signal)
}

test('lints travel with their lines, and why nothing can be built with its', async () => {
  const { warnings, problem } = await check('FROM scratch AS A\nCMD a \\\n b\nFOO\n')
  assert.deepEqual(
    warnings?.map(({ rule, start, end }) => [rule, start, end]),
    [['StageNameCasing', 1, 1]],
  )
  assert.deepEqual(problem, {
    message: 'dockerfile parse error on line 4: unknown instruction: FOO (did you mean FROM?)',
    start: 4,
    end: 4,
  })
})

test('warnings may be errors; BUILDKIT_DOCKERFILE_CHECK comes before the file', async () => {
  const text = '# check=error=true\nFROM scratch\nMAINTAINER x\n'
  assert.deepEqual((await check(text)).problem, {
    message: 'lint violation found for rules: MaintainerDeprecated',
    start: 0,
    end: 0,
  })
  assert.equal((await check(text, { buildArgs: { BUILDKIT_DOCKERFILE_CHECK: 'error=false' } })).problem, undefined)
})
