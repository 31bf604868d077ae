import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resolvConf } from './resolv-conf.ts'

const HOST =
  '# made by hand\nnameserver 192.0.2.1\nnameserver  192.0.2.2\nsearch old.example\nsearch corp.example lan\noptions ndots:2\noptions rotate\n'

test("without a word it is the host's", () => {
  assert.equal(
    resolvConf(HOST, {}, true),
    'nameserver 192.0.2.1\nnameserver 192.0.2.2\nsearch corp.example lan\noptions ndots:2 rotate\n',
  )
})

test('what the container asks for takes the place of it, part by part', () => {
  assert.equal(
    resolvConf(HOST, { servers: ['9.9.9.9'] }, true),
    'nameserver 9.9.9.9\nsearch corp.example lan\noptions ndots:2 rotate\n',
  )
  assert.equal(
    resolvConf(HOST, { servers: null, search: ['a.test', 'b.test'], options: ['ndots:1'] }, true),
    'nameserver 192.0.2.1\nnameserver 192.0.2.2\nsearch a.test b.test\noptions ndots:1\n',
  )
})

test('a search of . is none at all', () => {
  assert.ok(!resolvConf(HOST, { search: ['.'] }, true).includes('search'))
})

test("servers on the host's loopback are of use only in the host's network", () => {
  const host = 'nameserver 127.0.0.53\nnameserver ::1\nnameserver 192.0.2.1\n'
  assert.equal(resolvConf(host, {}, true), 'nameserver 192.0.2.1\n')
  assert.equal(resolvConf(host, {}, false), 'nameserver 127.0.0.53\nnameserver ::1\nnameserver 192.0.2.1\n')
  assert.equal(resolvConf('nameserver 127.0.0.1\n', {}, true), 'nameserver 8.8.8.8\nnameserver 8.8.4.4\n')
})

test('domain counts as search where it comes last', () => {
  assert.equal(
    resolvConf('nameserver 1.2.3.4\ndomain only.example\n', {}, true),
    'nameserver 1.2.3.4\nsearch only.example\n',
  )
})
