import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { HostConfig } from '../api/container.ts'
import { Container, type ContainerRecord, NEW } from './container.ts'
import type { Context } from './context.ts'
import { type LogOptions, readLogs, utcTimestamp } from './logs.ts'

test('times are printed in UTC with nine digits, whatever zone they were written in', () => {
  assert.equal(utcTimestamp('2026-01-02T03:04:05.123456789+00:00'), '2026-01-02T03:04:05.123456789Z')
  assert.equal(utcTimestamp('2026-01-02T03:04:05.123456789Z'), '2026-01-02T03:04:05.123456789Z')
  assert.equal(utcTimestamp('2026-01-02T00:30:00.000000001+01:00'), '2026-01-01T23:30:00.000000001Z')
  assert.equal(utcTimestamp('2025-12-31T20:00:00.5-05:30'), '2026-01-01T01:30:00.500000000Z')
  assert.equal(utcTimestamp('no time at all'), 'no time at all')
})

/** A container that has ended and left this log (undefined: none). */
const withLog = (text: string | Buffer | undefined, hostConfig: HostConfig = {}) => {
  const directory = mkdtempSync(join(tmpdir(), 'logs-test.'))
  const id = 'c'.repeat(64)
  const container = new Container({ id, name: 'x', config: {}, hostConfig } as ContainerRecord, {
    ...NEW,
    status: 'exited',
  })
  mkdirSync(join(directory, id))
  if (text !== undefined) writeFileSync(join(directory, id, `${id}.log`), text)
  const context = { settings: { directory } } as Context
  const outputs = (options: Partial<LogOptions>) =>
    Array.fromAsync(readLogs(context, container, { stdout: true, stderr: true, ...options }))
  return {
    read: async (options: Partial<LogOptions> = {}): Promise<string[]> =>
      (await outputs(options)).map(({ stream, data }) => `${stream} ${data}`),
    bytes: async (): Promise<Buffer[]> => (await outputs({})).map(({ data }) => data),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true }),
  }
}

const at = (second: number): string => `2026-01-01T00:00:0${second}.000000000+00:00`
const nanoseconds = (second: number): bigint =>
  BigInt(Date.parse('2026-01-01T00:00:00Z')) * 1_000_000n + BigInt(second) * 1_000_000_000n
const LOG = [`${at(1)} stdout F one`, `${at(2)} stderr F two`, `${at(3)} stdout F three`, ''].join('\n')
const [ONE, TWO, THREE] = ['stdout one\n', 'stderr two\n', 'stdout three\n']

test('all lines of both streams in order, or of one', async () => {
  using log = withLog(LOG)
  assert.deepEqual(await log.read(), [ONE, TWO, THREE])
  assert.deepEqual(await log.read({ stderr: false }), [ONE, THREE])
  assert.deepEqual(await log.read({ stdout: false }), [TWO])
})

test('the last so many', async () => {
  using log = withLog(LOG)
  assert.deepEqual(await log.read({ tail: 0 }), [])
  assert.deepEqual(await log.read({ tail: 1 }), [THREE])
  assert.deepEqual(await log.read({ tail: 2 }), [TWO, THREE])
  assert.deepEqual(await log.read({ tail: 99 }), [ONE, TWO, THREE])
})

test('the last so many of a log that is longer than what is read at once', async () => {
  const lines = Array.from({ length: 5000 }, (_, index) => `${at(1)} stdout F line ${index} ${'x'.repeat(index % 90)}`)
  using log = withLog(`${lines.join('\n')}\n`)
  const found = await log.read({ tail: 3000 })
  assert.equal(found.length, 3000)
  assert.match(found[0] ?? '', /^stdout line 2000 /)
  assert.match(found.at(-1) ?? '', /^stdout line 4999 /)
})

test('the last so many when entries begin just where reading does', async () => {
  const line = (index: number): string => `${at(1)} stdout F ${String(index).padStart(7, '0')}`.padEnd(63, '.')
  using log = withLog(Array.from({ length: 5000 }, (_, index) => `${line(index)}\n`).join(''))
  const found = await log.read({ tail: 3000 })
  assert.equal(found.length, 3000)
  assert.match(found[0] ?? '', /^stdout 0002000/)
})

test('from a time, and up to one', async () => {
  using log = withLog(LOG)
  assert.deepEqual(await log.read({ since: nanoseconds(2) }), [TWO, THREE])
  assert.deepEqual(await log.read({ until: nanoseconds(2) }), [ONE, TWO])
  assert.deepEqual(await log.read({ since: nanoseconds(2), until: nanoseconds(2) }), [TWO])
  assert.deepEqual(await log.read({ since: nanoseconds(9) }), [])
})

test('what was there at an earlier moment', async () => {
  using log = withLog(LOG)
  assert.deepEqual(await log.read({ end: LOG.indexOf('three') }), [ONE, TWO])
  assert.deepEqual(await log.read({ end: 0 }), [])
})

test('with timestamps', async () => {
  using log = withLog(LOG)
  assert.equal((await log.read({ timestamps: true }))[0], 'stdout 2026-01-01T00:00:01.000000000Z one\n')
})

test('a line in pieces is one line: one timestamp, one end, counted once', async () => {
  using log = withLog(
    [
      `${at(1)} stdout F first`,
      `${at(2)} stdout P long `,
      `${at(2)} stdout P longer `,
      `${at(2)} stdout F longest`,
      `${at(3)} stdout P no end`,
      '',
    ].join('\n'),
  )
  assert.equal((await log.read()).join('').replaceAll('stdout ', ''), 'first\nlong longer longest\nno end')
  assert.equal((await log.read({ timestamps: true })).join('').match(/Z /g)?.length, 3)
  assert.equal((await log.read({ tail: 2 })).join('').replaceAll('stdout ', ''), 'long longer longest\nno end')
})

test('pieces of the two streams do not mix up each other', async () => {
  using log = withLog([`${at(1)} stdout P a`, `${at(1)} stderr F err`, `${at(1)} stdout F b`, ''].join('\n'))
  const found = await log.read({ timestamps: true })
  assert.deepEqual(
    found.map(line => line.replace(/2026\S+ /, 'T ')),
    ['stdout T a', 'stderr T err\n', 'stdout b\n'],
  )
})

test('bytes that are no text come out as they went in', async () => {
  const bytes = [0xff, 0, 0xfe, 13, 0x80]
  using log = withLog(Buffer.concat([Buffer.from(`${at(1)} stdout F `), Buffer.from(bytes), Buffer.from('\n')]))
  assert.deepEqual([...Buffer.concat(await log.bytes())], [...bytes, 10])
})

test('without a log there are no lines', async () => {
  using log = withLog(undefined)
  assert.deepEqual(await log.read(), [])
})

test('a line that conmon has not finished and lines that are none are left out', async () => {
  using log = withLog(`rubbish\n\n${LOG}${at(4)} stdout F unfin`)
  assert.deepEqual(await log.read(), [ONE, TWO, THREE])
})

test('a container that keeps no log says so', async () => {
  using log = withLog(LOG, { LogConfig: { Type: 'none' } })
  await assert.rejects(log.read(), {
    kind: 'NotImplemented',
    message: 'configured logging driver does not support reading',
  })
})
