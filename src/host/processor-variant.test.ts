import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseVariant, processorVariant } from './processor-variant.ts'

const V2 = 'cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3'
const V3 = `${V2} avx avx2 bmi1 bmi2 f16c fma abm movbe xsave`
const V4 = `${V3} avx512f avx512bw avx512cd avx512dq avx512vl`
const amd64 = (flags: string) =>
  parseVariant('x64', `processor\t: 0\nmodel name\t: some\nflags\t\t: ${flags}\nbugs\t\t: none\n\nprocessor\t: 1\n`)

test('the levels of amd64 are told by their flags, and a level needs all of them', () => {
  assert.equal(amd64('fpu sse2'), 'v1')
  assert.equal(amd64(`fpu ${V2}`), 'v2')
  assert.equal(amd64(V3), 'v3')
  assert.equal(amd64(V3.replace('movbe ', '')), 'v2')
  assert.equal(amd64(V4), 'v4')
  // A higher level does not stand on a missing lower one.
  assert.equal(amd64(V4.replace('popcnt ', '')), 'v1')
})

test('arm says its version', () => {
  assert.equal(parseVariant('arm64', 'CPU implementer\t: 0x41\nCPU architecture: 8\n'), 'v8')
  assert.equal(parseVariant('arm64', 'CPU architecture: AArch64\n'), 'v8')
  assert.equal(parseVariant('arm', 'CPU architecture: 7\n'), 'v7')
  assert.equal(parseVariant('arm', 'CPU architecture: 5TEJ\n'), 'v5')
})

test('where nothing tells there is none', () => {
  assert.equal(parseVariant('x64', ''), undefined)
  assert.equal(parseVariant('arm64', 'processor: 0\n'), undefined)
  assert.equal(parseVariant('s390x', 'features : esan3\n'), undefined)
})

test('this host has one where its architecture has', () => {
  if (process.arch === 'x64') assert.match(processorVariant() ?? '', /^v[1-4]$/)
  if (process.arch === 'arm64') assert.match(processorVariant() ?? '', /^v[89]$/)
})
