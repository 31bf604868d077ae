import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { systemAuthorities } from './system-authorities.ts'
import { readTrust } from './trust.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'trust-'))
  mkdirSync(join(directory, 'r:5000'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))
const write = (...names: string[]) => {
  for (const name of names) writeFileSync(join(directory, 'r:5000', name), name)
}
const read = (host = 'r:5000') => readTrust(host, [directory, '/nonexistent'], false)

test('without a folder the system decides', () => {
  const none = { authorities: [], certificates: [], keys: [] }
  assert.deepEqual(read('other'), { ...none, rejectUnauthorized: true })
  assert.deepEqual(readTrust('r:5000', [directory], true), { ...none, rejectUnauthorized: false })
})

test('authorities come beside those of the system; certificates with their keys', () => {
  write('a.crt', 'b.crt', 'me.cert', 'me.key', 'README')
  const { authorities, certificates, keys } = read()
  assert.deepEqual(authorities, ['a.crt', 'b.crt'])
  assert.deepEqual([certificates, keys], [['me.cert'], ['me.key']])
})

test('half a pair is told in the words of Docker', () => {
  write('me.cert')
  assert.throws(read, {
    kind: 'InvalidArgument',
    message: 'missing key me.key for client certificate me.cert. CA certificates must use the extension .crt',
  })
  write('me.key', 'other.key')
  assert.throws(read, { message: 'missing client certificate other.cert for key other.key' })
})

test('the system’s authorities are those of its file, or Node’s where there is none', () => {
  const file = join(directory, 'bundle.crt')
  writeFileSync(file, '-----BEGIN CERTIFICATE-----\n')
  assert.deepEqual(systemAuthorities({ SSL_CERT_FILE: file }), ['-----BEGIN CERTIFICATE-----\n'])
  assert.ok(systemAuthorities({ SSL_CERT_FILE: '/nonexistent' }).length > 50)
})
