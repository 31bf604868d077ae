import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeFrame, type Frame, FrameDecoder } from './stdcopy.ts'

const text = (frames: readonly Frame[], stream: string): string =>
  Buffer.concat(frames.filter(frame => frame.stream === stream).map(frame => frame.data)).toString()

test('a frame is the stream number, three zeroes, the length, the bytes', () => {
  const bytes = Buffer.concat(encodeFrame('stderr', Buffer.from('oh')))
  assert.deepEqual([...bytes], [2, 0, 0, 0, 0, 0, 0, 2, 0x6f, 0x68])
})

test('frames survive being cut anywhere', () => {
  const bytes = Buffer.concat([
    ...encodeFrame('stdout', Buffer.from('hello ')),
    ...encodeFrame('stdout', Buffer.alloc(0)),
    ...encodeFrame('stderr', Buffer.from('warning')),
    ...encodeFrame('stdout', Buffer.from('world')),
  ])
  for (let size = 1; size <= bytes.length; size++) {
    const decoder = new FrameDecoder()
    const frames: Frame[] = []
    for (let at = 0; at < bytes.length; at += size) frames.push(...decoder.decode(bytes.subarray(at, at + size)))
    assert.equal(text(frames, 'stdout'), 'hello world')
    assert.equal(text(frames, 'stderr'), 'warning')
    assert.equal(decoder.complete, true)
  }
})

test('a cut stream is not complete, a bad stream number is refused', () => {
  const decoder = new FrameDecoder()
  decoder.decode(Buffer.from([1, 0, 0, 0, 0, 0, 0, 5, 1]))
  assert.equal(decoder.complete, false)
  assert.throws(
    () => new FrameDecoder().decode(Buffer.from([9, 0, 0, 0, 0, 0, 0, 1, 1])),
    /Unrecognized input header: 9/,
  )
})
