import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseMode } from './file-mode.ts'

for (const [text, mode, isDirectory, expected] of [
  ['755', 0o600, false, 0o755],
  ['4711', 0o600, false, 0o4711],
  ['0', 0o777, true, 0],
  ['u+x', 0o644, false, 0o744],
  ['+x', 0o644, false, 0o755],
  ['go-rw', 0o666, false, 0o600],
  ['a=rX', 0o755, false, 0o555],
  ['a=rX', 0o644, false, 0o444],
  ['a=rX', 0o644, true, 0o555],
  ['u=rw,go=r', 0o777, false, 0o644],
  ['u+s,+t', 0o755, false, 0o5755],
  ['u=,g=', 0o775, false, 0o005],
] as const) {
  test(`${text} makes ${mode.toString(8)} ${expected.toString(8)}`, () =>
    assert.equal(parseMode(text)(mode, isDirectory), expected))
}

test('what is no mode is refused', () => {
  for (const text of ['', 'x', '9', '77777', 'u+q', 'u', 'u+x,']) {
    assert.throws(() => parseMode(text), {
      message: `invalid chmod parameter: '${text}'. it should be octal string and between 0 and 07777`,
    })
  }
})
