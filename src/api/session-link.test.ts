import assert from 'node:assert/strict'
import { once } from 'node:events'
import { duplexPair } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { SessionLink, WINDOW } from './session-link.ts'

type Word = { word: string }
const pair = () => {
  const [left, right] = duplexPair()
  const told: [Word[], Word[]] = [[], []]
  const client = new SessionLink<Word, Word>({ input: left, output: left, onMessage: word => told[0].push(word) })
  const daemon = new SessionLink<Word, Word>({ input: right, output: right, onMessage: word => told[1].push(word) })
  return { client, daemon, told, left, right }
}
const turn = () => new Promise(resolve => setImmediate(resolve))

test('messages pass in order, both ways', async () => {
  const { client, daemon, told } = pair()
  client.send({ word: 'ä' })
  client.send({ word: 'x'.repeat(300_000) })
  daemon.send({ word: 'b' })
  await client.flush()
  await turn()
  assert.deepEqual(
    told[1].map(({ word }) => word.length),
    [1, 300_000],
  )
  assert.deepEqual(told[0], [{ word: 'b' }])
  client[Symbol.dispose]()
})

test('a channel carries bytes both ways, each with its own end', async () => {
  const { client, daemon } = pair()
  const [ours, theirs] = [client.channel(3), daemon.channel(3)]
  const sent = Buffer.alloc(5 * WINDOW, 'abcdefg')
  ours.end(sent)
  assert.ok((await buffer(theirs)).equals(sent))
  theirs.end('back')
  assert.equal((await buffer(ours)).toString(), 'back')
  client[Symbol.dispose]()
})

test('what nobody reads is not sent beyond the window', async () => {
  const { client, daemon, right } = pair()
  const [ours, theirs] = [client.channel(1), daemon.channel(1)]
  let arrived = 0
  right.on('data', (chunk: Buffer) => (arrived += chunk.length))
  ours.write(Buffer.alloc(10 * WINDOW))
  for (let i = 0; i < 100; i++) await turn()
  assert.ok(arrived <= WINDOW + 1000, `${arrived} bytes`)
  assert.ok(theirs.readableLength <= WINDOW)
  // Another channel is not held up by it.
  const [mine, yours] = [client.channel(2), daemon.channel(2)]
  mine.end('through')
  assert.equal((await buffer(yours)).toString(), 'through')
  let length = 0
  for await (const chunk of theirs) {
    length += (chunk as Buffer).length
    if (length === 10 * WINDOW) break
  }
  assert.equal(length, 10 * WINDOW)
  client[Symbol.dispose]()
})

test('a channel given up fails on the other side, with the reason', async () => {
  const { client, daemon } = pair()
  const [ours, theirs] = [client.channel(1), daemon.channel(1)]
  ours.destroy(new Error('no such file'))
  const [error] = (await once(theirs, 'error')) as [Error]
  assert.equal(error.message, 'no such file')
  assert.equal(daemon.closed.aborted, false)
  client[Symbol.dispose]()
})

test('the end of one side is told to the other, and fails its channels', async () => {
  const { client, daemon } = pair()
  const theirs = daemon.channel(1)
  client.channel(1)
  client[Symbol.dispose]()
  await assert.rejects(buffer(theirs), { kind: 'Unavailable' })
  assert.ok(daemon.closed.aborted)
  assert.throws(() => daemon.channel(2), { kind: 'Unavailable' })
})

test('what breaks the rules ends the session', async () => {
  for (const bytes of [
    Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 0]),
    Buffer.concat([Buffer.from([0, 0, 0, 1, 0, 0, 0, 0, 0]), Buffer.from('{')]),
    Buffer.concat([Buffer.from([0, 0, 0, 1, 9, 0, 0, 0, 1]), Buffer.from('x')]),
  ]) {
    const { daemon, left } = pair()
    daemon.channel(1)
    left.write(bytes)
    await turn()
    await turn()
    assert.match(String(daemon.closed.reason), /build session: /)
  }
})

test('one that is sent more than it granted ends the session', async () => {
  const { daemon, left } = pair()
  daemon.channel(1)
  const header = Buffer.alloc(9)
  header.writeUInt32BE(WINDOW)
  header[4] = 1
  header.writeUInt32BE(1, 5)
  for (let i = 0; i < 3; i++) left.write(Buffer.concat([header, Buffer.alloc(WINDOW)]))
  for (let i = 0; i < 20; i++) await turn()
  assert.match(String(daemon.closed.reason), /than granted/)
})
