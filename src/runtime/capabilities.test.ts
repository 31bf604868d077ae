import assert from 'node:assert/strict'
import { test } from 'node:test'
import { availableCapabilities, capabilitiesFor, DEFAULT_CAPABILITIES } from './capabilities.ts'

const HOST = new Set([...DEFAULT_CAPABILITIES, 'CAP_SYS_ADMIN', 'CAP_NET_ADMIN'])
const sorted = (names: Iterable<string>): string[] => [...names].sort()

test("without a word a container has Docker's fourteen", () => {
  const given = capabilitiesFor({}, HOST)
  assert.deepEqual(sorted(given), sorted(DEFAULT_CAPABILITIES))
  assert.equal(given.length, 14)
  assert.ok(!given.includes('CAP_SYS_ADMIN'))
})

test('names come with CAP_ or without, in either case', () => {
  for (const name of ['NET_ADMIN', 'net_admin', 'CAP_NET_ADMIN', 'cap_net_admin']) {
    assert.ok(capabilitiesFor({ add: [name] }, HOST).includes('CAP_NET_ADMIN'), name)
  }
})

test('what is dropped is gone; what is added stays, even of a dropped ALL', () => {
  assert.ok(!capabilitiesFor({ drop: ['CHOWN'] }, HOST).includes('CAP_CHOWN'))
  assert.deepEqual(capabilitiesFor({ drop: ['ALL'] }, HOST), [])
  assert.deepEqual(capabilitiesFor({ drop: ['ALL'], add: ['NET_BIND_SERVICE'] }, HOST), ['CAP_NET_BIND_SERVICE'])
})

test('ALL and --privileged give what the host has, no more', () => {
  assert.deepEqual(sorted(capabilitiesFor({ add: ['ALL'] }, HOST)), sorted(HOST))
  assert.deepEqual(sorted(capabilitiesFor({ privileged: true }, HOST)), sorted(HOST))
  assert.ok(!capabilitiesFor({ add: ['ALL'], drop: ['SYS_ADMIN'] }, HOST).includes('CAP_SYS_ADMIN'))
})

test('a default that the host lacks is left out', () => {
  const host = new Set([...HOST].filter(name => name !== 'CAP_MKNOD'))
  assert.ok(!capabilitiesFor({}, host).includes('CAP_MKNOD'))
})

test('an unknown name is refused, with the list it was in', () => {
  const refused = (list: string, name: string) => ({
    kind: 'InvalidArgument',
    message: `invalid ${list}: unknown capability: "${name}"`,
  })
  assert.throws(() => capabilitiesFor({ add: ['NOPE'] }, HOST), refused('CapAdd', 'CAP_NOPE'))
  assert.throws(() => capabilitiesFor({ drop: ['cap_nope'] }, HOST), refused('CapDrop', 'CAP_NOPE'))
  assert.throws(() => capabilitiesFor({ add: [''] }, HOST), refused('CapAdd', 'CAP_'))
})

test('each comes once, in the order of its number', () => {
  const given = capabilitiesFor({ add: ['KILL', 'kill', 'CAP_KILL'] }, HOST)
  assert.equal(new Set(given).size, given.length)
  assert.ok(given.indexOf('CAP_CHOWN') < given.indexOf('CAP_KILL'))
})

test("the daemon's own bounding set is made of known names", () => {
  for (const name of availableCapabilities()) assert.match(name, /^CAP_[A-Z_]+$/)
})
