import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { rootCertificates } from 'node:tls'
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
  assert.deepEqual(read('other'), { rejectUnauthorized: true })
  assert.deepEqual(readTrust('r:5000', [directory], true), { rejectUnauthorized: false })
})

test('authorities come beside those of the system; certificates with their keys', () => {
  write('a.crt', 'b.crt', 'me.cert', 'me.key', 'README')
  const { ca = [], cert, key } = read()
  assert.deepEqual(ca.slice(rootCertificates.length), ['a.crt', 'b.crt'])
  assert.deepEqual([cert, key], [['me.cert'], ['me.key']])
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
