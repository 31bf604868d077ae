import assert from 'node:assert/strict'
import { test } from 'node:test'
import { credentialsByRegistry, credentialsOfHeader, credentialsOfRegistry } from './registry-auth.ts'

const header = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

test('credentials as clients send them', () => {
  assert.deepEqual(credentialsOfHeader(header({ username: 'a', password: 'b', serveraddress: 'x' })), {
    username: 'a',
    password: 'b',
  })
  assert.deepEqual(credentialsOfHeader(header({ auth: Buffer.from('a:b:c').toString('base64') })), {
    username: 'a',
    password: 'b:c',
  })
  assert.deepEqual(credentialsOfHeader(header({ identitytoken: 't' })), { identityToken: 't' })
  assert.deepEqual(credentialsOfHeader(`${header({ registrytoken: 't' })}==`), { registryToken: 't' })
  for (const nothing of [undefined, '', header({}), '!!!', header({ username: 1 })])
    assert.equal(credentialsOfHeader(nothing), undefined)
})

test('credentials of a build, by registry', () => {
  const found = credentialsByRegistry(header({ 'localhost:5000': { username: 'a', password: 'b' }, other: {} }))
  assert.deepEqual([...found], [['localhost:5000', { username: 'a', password: 'b' }]])
  assert.equal(credentialsByRegistry('?').size, 0)
})

test('the credentials for one registry of a build: its name first, then addresses of it', () => {
  const as = (username: string) => ({ username, password: 'p' })
  const keep = (...keys: string[]) => credentialsByRegistry(header(Object.fromEntries(keys.map(key => [key, as(key)]))))
  const find = (domain: string, ...keys: string[]) => credentialsOfRegistry(keep(...keys), domain)?.username
  const hub = 'https://index.docker.io/v1/'
  assert.equal(find('docker.io', 'docker.io', hub), hub)
  assert.equal(find('docker.io', 'index.docker.io'), 'index.docker.io')
  assert.equal(find('localhost:5000', 'http://localhost:5000/v1/', 'localhost:5000'), 'localhost:5000')
  assert.equal(find('localhost:5000', hub, 'http://localhost:5000/v1/'), 'http://localhost:5000/v1/')
  assert.equal(find('localhost', 'localhost:5000'), undefined)
  assert.equal(find('quay.io', hub), undefined)
})
