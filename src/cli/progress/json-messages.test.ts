import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonMessage } from '../../api/image.ts'
import type { Output } from '../output.ts'
import { showMessages } from './json-messages.ts'

const show = async (messages: JsonMessage[], isTerminal: boolean): Promise<string> => {
  let text = ''
  const output = {
    isTerminal,
    size: () => ({ columns: 120, rows: 24 }),
    write: (data: string) => void (text += data),
    line: (data: string) => void (text += `${data}\n`),
  } as unknown as Output
  const stream = async function* () {
    yield* messages
  }
  await showMessages(stream(), output)
  return text
}

test('where nobody watches, only the states are shown', async () => {
  const text = await show(
    [
      { status: 'Pulling from library/x', id: 'latest' },
      { status: 'Downloading', id: 'abc', progressDetail: { current: 5, total: 10 } },
      { status: 'Pull complete', id: 'abc', progressDetail: {} },
      { stream: 'Loaded image: x\n' },
    ],
    false,
  )
  assert.equal(text, 'latest: Pulling from library/x\nabc: Pull complete\nLoaded image: x\n')
})

test('in a terminal each ID keeps its line', async () => {
  const text = await show(
    [
      { status: 'Waiting', id: 'a', progressDetail: {} },
      { status: 'Waiting', id: 'b', progressDetail: {} },
      { status: 'Downloading', id: 'a', progressDetail: { current: 500, total: 1000 } },
    ],
    true,
  )
  assert.match(text, /\x1b\[2A\r\x1b\[2Ka: Downloading \[={25}> {25}\] {6}500B\/1kB\r\x1b\[2B$/)
})

test('an error in the stream ends it', async () => {
  await assert.rejects(show([{ error: 'no such image', errorDetail: { message: 'no such image' } }], false), {
    message: 'no such image',
  })
})
