import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RegistryError } from './registry-error.ts'
import { delayBefore, isTransient, LONGEST_WAIT, retry } from './retry.ts'
import { parseRetryAfter } from './retry-after.ts'

const failing = (facts: ConstructorParameters<typeof RegistryError>[1]) => new RegistryError('no', facts)

test('Retry-After is seconds or a date', () => {
  const now = Date.parse('2026-01-01T00:00:00Z')
  assert.equal(parseRetryAfter('7', now), 7000)
  assert.equal(parseRetryAfter('Thu, 01 Jan 2026 00:00:05 GMT', now), 5000)
  assert.equal(parseRetryAfter('Wed, 31 Dec 2025 23:00:00 GMT', now), 0)
  for (const text of [undefined, '', '-1', '1.5', 'soon', 'May 2026'])
    assert.equal(parseRetryAfter(text, now), undefined)
})

test('what may go better next time', () => {
  for (const facts of [
    { status: 429 },
    { status: 500 },
    { status: 503 },
    { code: 'ECONNRESET' },
    { code: 'EAI_AGAIN' },
  ]) {
    assert.ok(isTransient(failing(facts)), JSON.stringify(facts))
  }
  for (const facts of [
    { status: 404 },
    { status: 401 },
    { status: 501 },
    { code: 'ENOTFOUND' },
    { code: 'CERT_HAS_EXPIRED' },
    {},
  ]) {
    assert.ok(!isTransient(failing(facts)), JSON.stringify(facts))
  }
  assert.ok(!isTransient(new Error('of another kind')))
})

test('waits grow to a bound; one that is asked for is kept, or refused when it is long', () => {
  const waits = [1, 2, 3, 10].map(attempt => delayBefore(attempt, failing({ status: 503 }), 0.5))
  assert.deepEqual(waits, [250, 500, 1000, 8000])
  assert.equal(delayBefore(1, failing({ status: 429, retryAfter: 3000 })), 3000)
  assert.equal(delayBefore(1, failing({ status: 429, retryAfter: LONGEST_WAIT + 1 })), undefined)
})

test('as many tries as are allowed, and the last error', async () => {
  let tries = 0
  const work = async () => {
    throw new RegistryError(`try ${++tries}`, { status: 503, retryAfter: 0 })
  }
  await assert.rejects(retry(work, { maxAttempts: 3 }), /^RegistryError: try 3$/)
})

test('silence, which has cost a timeout, is borne twice', async () => {
  let tries = 0
  const work = async () => {
    tries++
    throw failing({ code: 'ETIMEDOUT', retryAfter: 0 })
  }
  await assert.rejects(retry(work, { maxAttempts: 5 }))
  assert.equal(tries, 2)
})

test('an aborted wait ends at once with the reason', async () => {
  const controller = new AbortController()
  const reason = new Error('enough')
  const work = async () => {
    queueMicrotask(() => controller.abort(reason))
    throw failing({ status: 503, retryAfter: 50_000 })
  }
  const started = performance.now()
  await assert.rejects(retry(work, { maxAttempts: 3, signal: controller.signal }), reason)
  assert.ok(performance.now() - started < 5000)
})
