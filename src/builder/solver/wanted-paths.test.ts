import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDockerfile } from '../dockerfile/parse-dockerfile.ts'
import { planBuild } from './plan.ts'
import { wantedPaths } from './wanted-paths.ts'

test('what the stages that are built copy from the context, as far as it is written there', () => {
  const text = `FROM scratch AS a
COPY one two /
ADD three https://x/y.tar git@h:r.git /
COPY --from=image elsewhere /
COPY $V *.txt [ab] /
COPY <<EOF /f
EOF
FROM scratch AS none
COPY --from=image /x /
ADD https://x/y /
FROM scratch AS unneeded
COPY five /
FROM a AS last
COPY one six /
`
  const input = { buildArgs: {}, predefined: {}, escape: '\\' }
  const paths = (target: string) => wantedPaths(planBuild(parseDockerfile(text, 'Dockerfile'), input, target, {}))
  assert.deepEqual(paths('a'), ['one', 'two', 'three', '*.txt', '[ab]'])
  assert.deepEqual(paths(''), ['one', 'two', 'three', '*.txt', '[ab]', 'six'])
  assert.equal(paths('none'), undefined)
})
