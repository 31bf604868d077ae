import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Lifecycle, NEW } from './container.ts'
import { humanDuration, statusText } from './status-text.ts'

const SECOND = 1000
const [MINUTE, HOUR, DAY] = [60 * SECOND, 3600 * SECOND, 86_400 * SECOND]

const SPANS: readonly (readonly [milliseconds: number, text: string])[] = [
  [-5, 'Less than a second'],
  [999, 'Less than a second'],
  [SECOND, '1 second'],
  [2 * SECOND, '2 seconds'],
  [59 * SECOND, '59 seconds'],
  [60 * SECOND, 'About a minute'],
  [119 * SECOND, 'About a minute'],
  [2 * MINUTE, '2 minutes'],
  [45 * MINUTE + 59 * SECOND, '45 minutes'],
  [46 * MINUTE, 'About an hour'],
  [89 * MINUTE, 'About an hour'],
  [90 * MINUTE, '2 hours'],
  [47 * HOUR, '47 hours'],
  [48 * HOUR, '2 days'],
  [13 * DAY, '13 days'],
  [14 * DAY, '2 weeks'],
  [59 * DAY, '8 weeks'],
  [60 * DAY, '2 months'],
  [729 * DAY, '24 months'],
  [730 * DAY, '2 years'],
]

test("spans in Docker's words", () => {
  for (const [milliseconds, text] of SPANS) assert.equal(humanDuration(milliseconds), text)
})

test("ps's STATUS in each state", () => {
  const now = Date.parse('2026-01-01T12:00:00Z')
  const life: Lifecycle = { ...NEW, startedAt: '2026-01-01T11:57:00Z', finishedAt: '2026-01-01T11:59:58Z', exitCode: 3 }
  const text = (status: Lifecycle['status'], more: Partial<Lifecycle> = {}) =>
    statusText({ ...life, ...more, status }, now)
  assert.equal(text('running'), 'Up 3 minutes')
  assert.equal(text('paused'), 'Up 3 minutes (Paused)')
  assert.equal(text('exited'), 'Exited (3) 2 seconds ago')
  assert.equal(text('restarting'), 'Restarting (3) 2 seconds ago')
  assert.equal(text('removing'), 'Removal In Progress')
  assert.equal(text('dead'), 'Dead')
  assert.equal(text('created'), 'Created')
  assert.equal(text('exited', { finishedAt: undefined }), 'Created')
})
