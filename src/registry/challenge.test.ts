import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseChallenges } from './challenge.ts'

test('what registries ask for', () => {
  assert.deepEqual(
    parseChallenges(
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"',
    ),
    [
      {
        scheme: 'bearer',
        parameters: {
          realm: 'https://auth.docker.io/token',
          service: 'registry.docker.io',
          scope: 'repository:a/b:pull,push',
        },
      },
    ],
  )
  assert.deepEqual(parseChallenges('Basic realm="a, \\"quoted\\" one"'), [
    { scheme: 'basic', parameters: { realm: 'a, "quoted" one' } },
  ])
})

test('several in one header, and in several', () => {
  const schemes = (header: string | string[]) => parseChallenges(header).map(({ scheme }) => scheme)
  assert.deepEqual(schemes('Negotiate, Basic realm=x, Bearer realm="y" , error="invalid_token"'), [
    'negotiate',
    'basic',
    'bearer',
  ])
  assert.deepEqual(schemes(['Basic realm="x"', 'Bearer realm="y"']), ['basic', 'bearer'])
})

test('what is broken ends it', () => {
  assert.deepEqual(parseChallenges(undefined), [])
  assert.deepEqual(parseChallenges('=nonsense'), [])
  assert.deepEqual(parseChallenges('Bearer realm="open'), [{ scheme: 'bearer', parameters: {} }])
})
