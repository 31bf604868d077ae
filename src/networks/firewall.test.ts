import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Nft } from '../host/nft.ts'
import { Firewall, ruleset } from './firewall.ts'

const BRIDGE = { bridge: 'tare0', subnet: '172.17.0.0/16', masquerade: true, icc: true }
const WEB = {
  protocol: 'tcp',
  hostIp: '0.0.0.0',
  hostPort: 8080,
  containerIp: '172.17.0.2',
  containerPort: 80,
} as const
const DNS = {
  protocol: 'udp',
  hostIp: '127.0.0.1',
  hostPort: 53,
  containerIp: '172.17.0.3',
  containerPort: 5353,
} as const

/** The rules of one chain. */
const chain = (text: string, name: string): string[] =>
  (new RegExp(`chain ${name} \\{\\n([^}]*(?:\\{[^}]*\\}[^}]*)*?)\\n\\}`).exec(text)?.[1] ?? '')
    .split('\n')
    .filter(line => !line.startsWith('type '))

test('the table is replaced whole in one transaction', () => {
  const lines = ruleset('tare', [BRIDGE], []).split('\n')
  assert.deepEqual(lines.slice(0, 3), ['add table ip tare', 'delete table ip tare', 'table ip tare {'])
})

test('packets leave masqueraded, but not towards the bridge itself', () => {
  assert.ok(
    chain(ruleset('t', [BRIDGE], []), 'postrouting').includes('ip saddr 172.17.0.0/16 oifname != "tare0" masquerade'),
  )
  assert.ok(!ruleset('t', [{ ...BRIDGE, masquerade: false }], []).includes('oifname != "tare0" masquerade'))
})

test('only answers, neighbours and published ports come in', () => {
  assert.deepEqual(chain(ruleset('t', [BRIDGE], []), 'forward'), [
    'oifname "tare0" ct state established,related accept',
    'iifname "tare0" oifname "tare0" accept',
    'oifname "tare0" ct status dnat accept',
    'oifname "tare0" drop',
  ])
  assert.equal(
    chain(ruleset('t', [{ ...BRIDGE, icc: false }], []), 'forward')[1],
    'iifname "tare0" oifname "tare0" drop',
  )
})

test("a container cannot reach what listens on the host's loopback", () => {
  assert.deepEqual(chain(ruleset('t', [BRIDGE, { ...BRIDGE, bridge: 'br1' }], []), 'guard'), [
    'iifname { "tare0", "br1" } ip daddr 127.0.0.0/8 drop',
  ])
})

test('a published port is an element of its map', () => {
  const elements = ruleset('t', [BRIDGE], [WEB, DNS]).split('\n').slice(-2)
  assert.deepEqual(elements, [
    'add element ip t tcp_any { 8080 : 172.17.0.2 . 80 }',
    'add element ip t udp_at { 127.0.0.1 . 53 : 172.17.0.3 . 5353 }',
  ])
})

test('without a bridge there is a ruleset that names none', () => {
  assert.ok(!ruleset('t', [], []).includes('ifname'))
})

/** Notes what would be run. A script that `refuses` matches fails; listing the foreign chain gives `foreign`. */
const fake = (options: { foreign?: string; refuses?: RegExp } = {}) => {
  const scripts: string[] = []
  const run = (script: string): string => {
    scripts.push(script)
    if (options.refuses?.test(script)) throw new Error('refused')
    if (script.startsWith('list chain ip filter FORWARD')) {
      if (options.foreign === undefined) throw new Error('no such chain')
      return options.foreign
    }
    return ''
  }
  return { scripts, firewall: new Firewall('t', () => ({ run }) as unknown as Nft) }
}

test('libnftables is loaded when there is something to say, not before', () => {
  const firewall = new Firewall('t', () => {
    throw new Error('loaded')
  })
  firewall.publish([])
  firewall.withdraw([])
  assert.throws(() => firewall.publish([WEB]), /loaded/)
})

test('ports are published in one transaction and withdrawn by their keys', () => {
  const { firewall, scripts } = fake()
  firewall.publish([WEB, DNS])
  firewall.withdraw([WEB, DNS])
  assert.deepEqual(scripts, [
    'add element ip t tcp_any { 8080 : 172.17.0.2 . 80 }\nadd element ip t udp_at { 127.0.0.1 . 53 : 172.17.0.3 . 5353 }',
    'delete element ip t tcp_any { 8080 }',
    'delete element ip t udp_at { 127.0.0.1 . 53 }',
  ])
})

test('an element that somebody took away does not keep the others from being withdrawn', () => {
  const { firewall, scripts } = fake({ refuses: /tcp_any/ })
  firewall.withdraw([WEB, DNS])
  assert.equal(scripts.length, 2)
})

test("another program's FORWARD chain is told of the bridge once, and of its going", () => {
  const without = fake({ foreign: 'chain FORWARD {\n}' })
  without.firewall.passForeignForward('tare0')
  assert.match(without.scripts[1] ?? '', /^insert rule ip filter FORWARD iifname "tare0" counter accept\n/)
  const known = fake({
    foreign:
      'iifname "tare0" counter accept # handle 7\noifname "tare0" counter accept # handle 8\noifname "tare01" accept # handle 9',
  })
  known.firewall.passForeignForward('tare0')
  assert.equal(known.scripts.length, 1)
  known.firewall.remove(['tare0'])
  assert.deepEqual(known.scripts.slice(-2), [
    'delete rule ip filter FORWARD handle 7',
    'delete rule ip filter FORWARD handle 8',
  ])
  const none = fake()
  none.firewall.passForeignForward('tare0')
  assert.equal(none.scripts.length, 1)
})
