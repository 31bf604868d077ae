import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomName } from './random-name.ts'

test('names are adjective_noun, many of them, and all are allowed', () => {
  const names = Array.from({ length: 500 }, () => randomName())
  for (const name of names) assert.match(name, /^[a-z]+_[a-z]+$/)
  assert.ok(new Set(names).size > 450, 'few are alike')
})

test('later attempts have a number, a longer one each time', () => {
  assert.match(randomName(1), /^[a-z]+_[a-z]+\d$/)
  for (let attempt = 2; attempt < 12; attempt++) assert.match(randomName(attempt), /^[a-z]+_[a-z]+\d{1,6}$/)
})
