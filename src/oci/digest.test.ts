import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isKind } from '../errdefs.ts'
import { chainId, type Digest, Digester, digestOf, hexOf, isDigest, parseDigest, shortId } from './digest.ts'

/** sha256 of nothing, as every tool has it. */
const EMPTY: Digest = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

test('the digest of nothing, and of a text', () => {
  assert.equal(digestOf(''), EMPTY)
  assert.equal(digestOf('abc'), 'sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
})

test('what passes a digester in pieces has the digest of the whole', () => {
  const digester = new Digester()
  digester.update(Buffer.from('ab'))
  digester.update(Buffer.from('c'))
  assert.equal(digester.digest(), digestOf('abc'))
  assert.equal(digester.size, 3)
})

test('only sha256 with 64 lower-case digits is a digest', () => {
  assert.equal(parseDigest(EMPTY), EMPTY)
  const wrong = [
    '',
    'sha256:',
    EMPTY.slice(7),
    EMPTY.toUpperCase(),
    `${EMPTY}0`,
    EMPTY.slice(0, -1),
    EMPTY.replace('e', 'g'),
    `${EMPTY}\n`,
    EMPTY.replace('256', '512'),
  ]
  for (const text of wrong) {
    assert.equal(isDigest(text), false, JSON.stringify(text))
    assert.throws(
      () => parseDigest(text),
      error => isKind(error, 'InvalidArgument'),
    )
  }
})

test('what people see of a digest', () => {
  assert.equal(hexOf(EMPTY), EMPTY.slice(7))
  assert.equal(shortId(EMPTY), 'e3b0c44298fc')
  assert.equal(shortId(EMPTY.slice(7)), 'e3b0c44298fc')
})

test('a chain of layers depends on their order; one layer is its own chain', () => {
  const [a, b, c] = [digestOf('a'), digestOf('b'), digestOf('c')]
  assert.equal(chainId([]), undefined)
  assert.equal(chainId([a]), a)
  assert.equal(chainId([a, b]), digestOf(`${a} ${b}`))
  assert.equal(chainId([a, b, c]), digestOf(`${digestOf(`${a} ${b}`)} ${c}`))
  assert.notEqual(chainId([a, b]), chainId([b, a]))
})
