import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseTarget, type Route, Router } from './router.ts'

const route = (method: Route['method'], path: string): Route => ({ method, path, handler: () => {} })

const router = new Router([
  route('GET', '/containers/json'),
  route('GET', '/containers/{id}/json'),
  route('DELETE', '/containers/{id}'),
  route('GET', '/images/json'),
  route('GET', '/images/{name:.+}/json'),
  route('GET', '/images/{name:.+}/get'),
  route('DELETE', '/images/{name:.+}'),
])

test('an exact path wins over a pattern', () => {
  assert.equal(router.find('GET', '/containers/json')?.route.path, '/containers/json')
  assert.deepEqual(router.find('GET', '/containers/json/json')?.params, { id: 'json' })
})

test('names of images keep their slashes', () => {
  assert.deepEqual(router.find('GET', '/images/localhost:5000/a/b:1/json')?.params, { name: 'localhost:5000/a/b:1' })
  assert.deepEqual(router.find('DELETE', '/images/a/b')?.params, { name: 'a/b' })
})

test('an id has no slashes, and is not empty', () => {
  assert.equal(router.find('DELETE', '/containers/a/b'), undefined)
  assert.equal(router.find('DELETE', '/containers/'), undefined)
})

test('the method is part of the route', () => {
  assert.equal(router.find('POST', '/containers/json'), undefined)
})

test('a target falls into version, path and query', () => {
  assert.deepEqual(parseTarget('/v1.41/images/a%2Fb/json?x=1&y'), {
    version: '1.41',
    path: '/images/a/b/json',
    query: 'x=1&y',
  })
  assert.deepEqual(parseTarget('/_ping'), { version: undefined, path: '/_ping', query: '' })
  assert.deepEqual(parseTarget('http://localhost/v1.24/info'), { version: '1.24', path: '/info', query: '' })
  assert.equal(parseTarget('/vx/info')?.version, undefined)
  assert.equal(parseTarget('/%zz'), undefined)
})
