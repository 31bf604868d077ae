import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Progress, progressBar } from './progress-bar.ts'

const bar = (done: number): string => `[${'='.repeat(done)}>${' '.repeat(50 - done)}] `
const NOW = 1_000_000

const cases: readonly [string, Progress, number, string][] = [
  ['nothing known', {}, 200, ''],
  ['no total', { current: 1500 }, 200, '   1.5kB'],
  ['no total, own units', { current: 3, units: 'files' }, 200, '3 files'],
  ['half', { current: 50, total: 100 }, 111, `${bar(25)}     50B/100B`],
  ['half in a narrow terminal', { current: 50, total: 100 }, 110, '     50B/100B'],
  ['own units', { current: 3, total: 10, units: 'files' }, 110, '3/10 files'],
  ['more than all', { current: 150, total: 100 }, 111, `${bar(50)}    150B`],
  ['more than all, own units', { current: 15, total: 10, units: 'files' }, 80, '15 files'],
  ['without counts', { current: 1, total: 100, hidecounts: true }, 111, bar(0)],
  ['time that is left', { current: 20, total: 100, start: NOW - 20 }, 80, '     20B/100B 1m20s'],
  ['no time in a very narrow one', { current: 20, total: 100, start: NOW - 20 }, 50, '     20B/100B'],
  ['no time at the end', { current: 100, total: 100, start: NOW - 20 }, 80, '    100B/100B'],
]
for (const [name, progress, columns, expected] of cases)
  test(`progress: ${name}`, () => assert.equal(progressBar(progress, columns, NOW), expected))
