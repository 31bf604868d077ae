import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seccompFor, securityOptions } from './security.ts'

const read = (...options: string[]) => securityOptions(options, { noNewPrivileges: false })

test('without a word: the built-in profile and masked paths', () => {
  assert.deepEqual(read(), { seccomp: 'default', noNewPrivileges: false, systemPaths: 'masked' })
})

test('the options in both of their spellings', () => {
  for (const option of ['no-new-privileges', 'no-new-privileges=true', 'no-new-privileges:true'])
    assert.ok(read(option).noNewPrivileges, option)
  for (const option of ['seccomp=unconfined', 'seccomp:unconfined']) assert.equal(read(option).seccomp, 'unconfined')
  assert.equal(read('systempaths=unconfined').systemPaths, 'unconfined')
})

test("the daemon's default can be taken back", () => {
  assert.ok(securityOptions([], { noNewPrivileges: true }).noNewPrivileges)
  assert.ok(!securityOptions(['no-new-privileges=false'], { noNewPrivileges: true }).noNewPrivileges)
})

test('what is not understood is refused, what is not there is said so', () => {
  for (const option of ['nonsense', 'no-new-privileges=perhaps', 'systempaths=masked'])
    assert.throws(() => read(option), { kind: 'InvalidArgument' }, option)
  assert.throws(() => read('seccomp={"defaultAction":"SCMP_ACT_ALLOW"}'), { kind: 'NotImplemented' })
  assert.throws(() => read('label=type:x'), { kind: 'NotImplemented' })
  read('label=disable', 'apparmor=unconfined')
})

test('a privileged container has no filter', () => {
  assert.equal(seccompFor({ Privileged: true }, read(), []), undefined)
  assert.equal(seccompFor({}, read('seccomp=unconfined'), []), undefined)
  assert.equal(seccompFor({}, read(), [])?.defaultAction, 'SCMP_ACT_ERRNO')
})
