import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BuildEvent } from '../../api/build.ts'
import type { Output } from '../output.ts'
import { BuildProgress } from './build-progress.ts'
import { failureReport } from './failure-report.ts'
import { PlainDisplay } from './plain-display.ts'
import { frameOf } from './terminal-display.ts'

const events: BuildEvent[] = [
  { type: 'vertex', vertex: 0, name: '[a 1/2] FROM x', instruction: 'FROM x', line: 1 },
  { type: 'vertex', vertex: 1, name: '[a 2/2] RUN y', instruction: 'RUN y', line: 2 },
  { type: 'vertex', vertex: 2, name: '[b 1/1] RUN z', instruction: 'RUN z', line: 4 },
  { type: 'started', vertex: 0 },
  { type: 'completed', vertex: 0, cached: true, milliseconds: 0 },
  { type: 'started', vertex: 1 },
  { type: 'started', vertex: 2 },
  { type: 'log', vertex: 1, stream: 'stdout', data: 'one\ntw' },
  { type: 'log', vertex: 2, stream: 'stderr', data: '10%\r20%\r\n' },
  { type: 'log', vertex: 1, stream: 'stdout', data: 'o' },
  { type: 'completed', vertex: 1, cached: false, milliseconds: 1234 },
  { type: 'completed', vertex: 2, cached: false, milliseconds: 10, error: 'broken' },
]

const play = (told: readonly BuildEvent[] = events): { progress: BuildProgress; text: string } => {
  let now = 0
  let text = ''
  const output = {
    write: (data: string) => void (text += data),
    line: (data: string) => void (text += `${data}\n`),
  } as unknown as Output
  const progress = new BuildProgress(() => now)
  const display = new PlainDisplay(progress, output)
  for (const event of told) {
    now += 100
    for (const change of progress.apply(event)) display.show(change)
  }
  return { progress, text }
}

test('plain lines: steps side by side take turns, pieces become lines', () => {
  assert.equal(
    play().text,
    `#1 [a 1/2] FROM x
#1 CACHED

#2 [a 2/2] RUN y
#2 0.200 one
#2 ...

#3 [b 1/1] RUN z
#3 0.200 20%
#3 ...

#2 [a 2/2] RUN y
#2 0.500 two
#2 DONE 1.2s

#3 [b 1/1] RUN z
#3 ERROR: broken
`,
  )
})

test('a frame is as wide as the terminal, at most as high, and names the failure', () => {
  const { progress } = play()
  const frame = frameOf(progress, new Map(), 40, 10, true).map(line => line.replace(/\x1b\[\d+m/g, ''))
  assert.deepEqual(frame, [
    '[+] Building 1.2s (3/3) ERROR',
    ' => CACHED [a 1/2] FROM x           0.0s',
    ' => [a 2/2] RUN y                   1.2s',
    ' => ERROR [b 1/1] RUN z             0.0s',
  ])
  assert.equal(frameOf(progress, new Map(), 40, 2, false).length, 2)
})

test('the report shows the last output and the place in the Dockerfile', () => {
  const { progress } = play()
  const source = 'FROM x\nRUN y\n\nRUN z \\\n  more\nUSER u\nEND\nEND\n'
  assert.equal(
    failureReport(progress, 'broken', { shownName: 'Dockerfile', text: source }),
    `------
 > [b 1/1] RUN z:
20%
------
Dockerfile:4
--------------------
   3 |     
   4 | >>> RUN z \\
   5 | >>>   more
   6 |     USER u
--------------------
ERROR: failed to build: failed to solve: broken`,
  )
})

const PULL: readonly BuildEvent[] = [
  { type: 'vertex', vertex: 0, name: '[1/1] FROM x', instruction: 'FROM x', line: 1 },
  { type: 'started', vertex: 0 },
  { type: 'pull', vertex: 0, message: { status: 'Pulling from library/x', id: 'latest' } },
  { type: 'pull', vertex: 0, message: { status: 'Pulling fs layer', progressDetail: {}, id: 'aaa' } },
  {
    type: 'pull',
    vertex: 0,
    message: { status: 'Downloading', progressDetail: { current: 1, total: 2000 }, id: 'aaa' },
  },
  {
    type: 'pull',
    vertex: 0,
    message: { status: 'Downloading', progressDetail: { current: 900, total: 2000 }, id: 'aaa' },
  },
]

test('a base image on its way: states are lines, what moves is shown where it can move', () => {
  const { progress, text } = play([
    ...PULL,
    { type: 'pull', vertex: 0, message: { status: 'Pull complete', progressDetail: {}, id: 'aaa' } },
    { type: 'pull', vertex: 0, message: { status: 'Digest: sha256:1' } },
    { type: 'completed', vertex: 0, cached: true, milliseconds: 3 },
  ])
  assert.equal(
    text,
    `#1 [1/1] FROM x
#1 0.100 latest: Pulling from library/x
#1 0.200 aaa: Pulling fs layer
#1 0.300 aaa: Downloading
#1 0.500 aaa: Pull complete
#1 0.600 Digest: sha256:1
#1 CACHED

`,
  )
  assert.deepEqual(frameOf(progress, new Map(), 60, 20, true).length, 2)
  const lines = frameOf(play(PULL).progress, new Map(), 60, 20, false)
  assert.deepEqual(lines.slice(2), [' => => aaa downloading 900B / 2kB'])
})
