import assert from 'node:assert/strict'
import { test } from 'node:test'
import { credentialsByRegistry, credentialsOfHeader } from './registry-auth.ts'

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
