import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseNamespaceMode } from './namespaces.ts'

test("modes: one's own, the host's, another container's", () => {
  for (const mode of [undefined, '', 'private']) assert.deepEqual(parseNamespaceMode('pid', mode), { kind: 'own' })
  assert.deepEqual(parseNamespaceMode('ipc', 'shareable'), { kind: 'own' })
  assert.deepEqual(parseNamespaceMode('uts', 'host'), { kind: 'host' })
  assert.deepEqual(parseNamespaceMode('pid', 'container:db'), { kind: 'container', reference: 'db' })
})

test('modes that there are not', () => {
  for (const [kind, mode] of [
    ['pid', 'shareable'],
    ['pid', 'container:'],
    ['uts', 'container:db'],
    ['ipc', 'nonsense'],
  ] as const) {
    assert.throws(() => parseNamespaceMode(kind, mode), {
      kind: 'InvalidArgument',
      message: `invalid ${kind.toUpperCase()} mode: ${mode}`,
    })
  }
})
