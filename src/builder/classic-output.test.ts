import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BuildEvent } from '../api/build.ts'
import type { JsonMessage } from '../api/image.ts'
import { ClassicOutput } from './classic-output.ts'

const STATE = (digit: string): string => `sha256:${digit.repeat(64)}`

const tell = (events: readonly BuildEvent[], removes = true): string => {
  let text = ''
  const output = new ClassicOutput(({ stream, aux }) => (text += stream ?? `${JSON.stringify(aux)}\n`), { removes })
  for (const event of events) output.handle(event)
  return text.replace(/(Running in|container) [0-9a-f]{12}/g, '$1 ID')
}
const vertices = (...instructions: string[]): BuildEvent[] =>
  instructions.map((instruction, vertex) => ({
    type: 'vertex',
    vertex,
    name: instruction,
    instruction,
    line: vertex + 1,
  }))
const started = (vertex: number): BuildEvent => ({ type: 'started', vertex })
const log = (vertex: number, data: string, stream: 'stdout' | 'stderr' = 'stdout'): BuildEvent => ({
  type: 'log',
  vertex,
  stream,
  data,
})
const done = (vertex: number, state: string, cached = false): BuildEvent => ({
  type: 'completed',
  vertex,
  cached,
  milliseconds: 1,
  state: STATE(state),
})
const failed = (vertex: number): BuildEvent => ({
  type: 'completed',
  vertex,
  cached: false,
  milliseconds: 1,
  error: 'why',
})

test("steps in Docker's words", () => {
  const text = tell([
    ...vertices('ARG A=1', 'FROM x', 'RUN a', 'COPY b /', 'LABEL c=d', 'COPY e /', 'CMD f'),
    started(0),
    { type: 'completed', vertex: 0, cached: true, milliseconds: 0 },
    started(1),
    done(1, '1', true),
    started(2),
    log(2, 'out\n'),
    log(2, 'err\n', 'stderr'),
    done(2, '2'),
    started(3),
    done(3, '3'),
    started(4),
    done(4, '4'),
    started(5),
    done(5, '5', true),
    started(6),
    done(6, '6', true),
    { type: 'warning', message: 'One or more build-args [x] were not consumed' },
    { type: 'image', id: STATE('6'), tags: ['t:1', 'u:2'] },
  ])
  assert.equal(
    text,
    `Step 1/7 : ARG A=1
Step 2/7 : FROM x
 ---> 111111111111
Step 3/7 : RUN a
 ---> Running in ID
out
\u001b[91merr
\u001b[0m ---> Removed intermediate container ID
 ---> 222222222222
Step 4/7 : COPY b /
 ---> 333333333333
Step 5/7 : LABEL c=d
 ---> Running in ID
 ---> Removed intermediate container ID
 ---> 444444444444
Step 6/7 : COPY e /
 ---> Using cache
 ---> 555555555555
Step 7/7 : CMD f
 ---> Using cache
 ---> 666666666666
{"ID":"${STATE('6')}"}
[Warning] One or more build-args [x] were not consumed
Successfully built 666666666666
Successfully tagged t:1
Successfully tagged u:2
`,
  )
})

test('stages that run side by side are told one after the other', () => {
  const text = tell(
    [
      ...vertices('FROM a', 'RUN 1', 'FROM b', 'RUN 2'),
      started(0),
      started(2),
      done(0, '1', true),
      started(1),
      done(2, '2', true),
      started(3),
      log(3, 'second\n'),
      done(3, '4'),
      log(1, 'first\n'),
      done(1, '3'),
    ],
    false,
  )
  assert.equal(
    text,
    `Step 1/4 : FROM a
 ---> 111111111111
Step 2/4 : RUN 1
 ---> Running in ID
first
 ---> 333333333333
Step 3/4 : FROM b
 ---> 222222222222
Step 4/4 : RUN 2
 ---> Running in ID
second
 ---> 444444444444
`,
  )
})

test('a step that fails is told at once, and last', () => {
  const text = tell([
    ...vertices('FROM a', 'RUN slow', 'FROM b', 'RUN bad'),
    started(0),
    done(0, '1', true),
    started(1),
    started(2),
    done(2, '2', true),
    started(3),
    log(3, 'oh\n'),
    failed(3),
    log(1, 'late\n'),
    failed(1),
  ])
  assert.equal(
    text,
    'Step 1/4 : FROM a\n ---> 111111111111\nStep 2/4 : RUN slow\nStep 4/4 : RUN bad\n ---> Running in ID\noh\n',
  )
  assert.equal(tell([...vertices('EXPOSE x'), started(0), failed(0)]), 'Step 1/1 : EXPOSE x\n')
  assert.equal(tell([...vertices('RUN x'), started(0), failed(0)]), 'Step 1/1 : RUN x\n ---> Running in ID\n')
})

test('what a waiting stage prints is kept up to a limit', () => {
  const chatter = Array.from({ length: 40 }, () => log(3, 'x'.repeat(10_000)))
  const text = tell([
    ...vertices('FROM a', 'RUN slow', 'FROM b', 'RUN loud'),
    started(0),
    done(0, '1', true),
    started(1),
    started(2),
    done(2, '2', true),
    started(3),
    ...chatter,
    done(3, '4'),
    done(1, '3'),
  ])
  assert.match(text, /\n\[output clipped\]\n/)
  assert.ok(text.length < 300_000)
})

test('scratch has no state; empty continuation lines are warned of', () => {
  assert.equal(
    tell([...vertices('FROM scratch'), started(0), { type: 'completed', vertex: 0, cached: true, milliseconds: 0 }]),
    'Step 1/1 : FROM scratch\n ---> \n',
  )
  assert.match(
    tell([{ type: 'warning', message: 'Empty continuation line found in: RUN a' }]),
    /^\u001b\[91m\[WARNING\]: Empty continuation line found in: RUN a\n/,
  )
})

test('a pull is told where it happens; of one that had to wait, the last word on each of its parts', () => {
  const messages: JsonMessage[] = []
  const output = new ClassicOutput(message => messages.push(message), { removes: true })
  const pull = (vertex: number, message: JsonMessage): BuildEvent => ({ type: 'pull', vertex, message })
  const part = (status: string): JsonMessage => ({ status, id: 'aaa', progressDetail: {} })
  for (const event of [
    ...vertices('FROM x', 'FROM y'),
    started(0),
    started(1),
    pull(0, part('Downloading')),
    pull(1, { status: 'Pulling from y', id: 'latest' }),
    pull(1, part('Downloading')),
    pull(0, part('Pull complete')),
    pull(1, part('Pull complete')),
    done(0, '1', true),
    pull(1, { status: 'Digest: sha256:1' }),
    done(1, '2', true),
  ])
    output.handle(event)
  assert.deepEqual(
    messages.map(({ stream, status }) => stream ?? status),
    [
      ...['Step 1/2 : FROM x', '\n', 'Downloading', 'Pull complete', ' ---> 111111111111\n'],
      ...['Step 2/2 : FROM y', '\n', 'Pulling from y', 'Pull complete', 'Digest: sha256:1', ' ---> 222222222222\n'],
    ],
  )
})
