import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonMessage } from '../../api/image.ts'
import type { Output } from '../output.ts'
import { showMessages } from './json-messages.ts'

type Terminal = { columns: number; rows: number }

const show = async (messages: JsonMessage[], terminal?: Terminal, onAux?: (aux: unknown) => void): Promise<string> => {
  let text = ''
  const output = {
    isTerminal: terminal !== undefined,
    size: () => terminal,
    write: (data: string) => void (text += data),
    line: (data: string) => void (text += `${data}\n`),
  } as unknown as Output
  const stream = async function* () {
    yield* messages
  }
  await showMessages(stream(), output, onAux)
  return text
}

/** What is left to see of what was written. Knows the few movements that are used. */
const screen = (text: string): string[] => {
  const lines: string[] = ['']
  let [row, column] = [0, 0]
  for (const [token] of text.matchAll(/\x1b\[(\d+)([ABK])|[^]/g)) {
    const [, count = '', action = ''] = /^\x1b\[(\d+)([ABK])$/.exec(token) ?? []
    if (action === 'A') row = Math.max(0, row - Number(count))
    else if (action === 'B') row += Number(count)
    else if (action === 'K') lines[row] = ''
    else if (token === '\r') column = 0
    else if (token === '\n') [row, column] = [row + 1, 0]
    else {
      const line = (lines[row] ?? '').padEnd(column)
      lines[row] = line.slice(0, column++) + token + line.slice(column)
    }
    for (let i = 0; i <= row; i++) lines[i] ??= ''
  }
  return lines.map(line => line.trimEnd())
}
const WIDE = { columns: 120, rows: 24 }

const PULL: JsonMessage[] = [
  { status: 'Pulling from library/x', id: 'latest' },
  { status: 'Pulling fs layer', id: 'aaa', progressDetail: {} },
  { status: 'Pulling fs layer', id: 'bbb', progressDetail: {} },
  { status: 'Downloading', id: 'bbb', progressDetail: { current: 500, total: 1000 } },
  { status: 'Pull complete', id: 'aaa', progressDetail: {} },
  { status: 'Digest: sha256:1' },
]

test('where nobody watches, only the states are shown', async () => {
  assert.equal(
    await show([...PULL, { stream: 'Loaded image: x\n' }]),
    'latest: Pulling from library/x\naaa: Pulling fs layer\nbbb: Pulling fs layer\naaa: Pull complete\nDigest: sha256:1\nLoaded image: x\n',
  )
})

test('in a terminal each ID keeps its line, and what concerns the whole stands below', async () => {
  assert.deepEqual(screen(await show(PULL, WIDE)), [
    'latest: Pulling from library/x',
    'aaa: Pull complete',
    `bbb: Downloading [${'='.repeat(25)}>${' '.repeat(25)}]     500B/1kB`,
    'Digest: sha256:1',
    '',
  ])
})

test('the bytes are those of Docker', async () => {
  const text = await show(PULL.slice(0, 4), WIDE)
  assert.equal(
    text,
    'latest: Pulling from library/x\n' +
      '\n\x1b[1A\x1b[2K\raaa: Pulling fs layer \r\x1b[1B' +
      '\n\x1b[1A\x1b[2K\rbbb: Pulling fs layer \r\x1b[1B' +
      `\x1b[1A\x1b[2K\rbbb: Downloading [${'='.repeat(25)}>${' '.repeat(25)}]     500B/1kB\r\x1b[1B`,
  )
})

test('a narrow terminal gets no bar, and no line is broken in two', async () => {
  assert.equal(screen(await show(PULL, { columns: 80, rows: 24 }))[2], 'bbb: Downloading     500B/1kB')
  for (const line of screen(await show(PULL.slice(1, 5), { columns: 20, rows: 24 })))
    assert.ok(line.length <= 20, `${line} is longer than the terminal is wide`)
})

test('a line that has scrolled off the screen is left alone', async () => {
  const ids = ['a', 'b', 'c', 'd', 'e']
  const text = await show(
    [
      ...ids.map(id => ({ status: 'Waiting', id, progressDetail: {} })),
      { status: 'Pull complete', id: 'a', progressDetail: {} },
      { status: 'Pull complete', id: 'c', progressDetail: {} },
    ],
    { columns: 80, rows: 4 },
  )
  assert.doesNotMatch(text, /a: Pull complete/)
  assert.match(text, /\x1b\[3A\x1b\[2K\rc: Pull complete \r\x1b\[3B/)
})

test('the next tag of a repository begins its lines anew', async () => {
  const tag = (name: string): JsonMessage[] => [
    { status: 'Pulling from x', id: name },
    { status: 'Already exists', id: 'aaa', progressDetail: {} },
  ]
  assert.deepEqual(screen(await show([...tag('one'), ...tag('two')], WIDE)), [
    'one: Pulling from x',
    'aaa: Already exists',
    'two: Pulling from x',
    'aaa: Already exists',
    '',
  ])
})

test('an error in the stream ends it; what is out of band is handed over', async () => {
  await assert.rejects(show([{ error: 'no such image', errorDetail: { message: 'no such image' } }]), {
    message: 'no such image',
  })
  const seen: unknown[] = []
  assert.equal(await show([{ aux: { ID: 'x' } }], WIDE, aux => seen.push(aux)), '')
  assert.deepEqual(seen, [{ ID: 'x' }])
})
