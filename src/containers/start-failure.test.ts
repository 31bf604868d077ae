import assert from 'node:assert/strict'
import { test } from 'node:test'
import { conflict, type ErrorKind } from '../errdefs.ts'
import { RuntimeError } from '../runtime/oci-runtime.ts'
import { startFailure } from './start-failure.ts'

const PREFIX = 'failed to create task for container: failed to create shim task: OCI runtime create failed: '

const SAID: readonly (readonly [said: string, kind: ErrorKind, exitCode: number])[] = [
  [
    'runc create failed: unable to start container process: exec: "nope": executable file not found in $PATH',
    'InvalidArgument',
    127,
  ],
  [
    'runc create failed: unable to start container process: exec: "/nope": stat /nope: no such file or directory',
    'InvalidArgument',
    127,
  ],
  [
    'runc create failed: unable to start container process: exec: "/etc/passwd": permission denied',
    'InvalidArgument',
    126,
  ],
  ['runc create failed: unable to start container process: exec: "/": is a directory', 'InvalidArgument', 126],
  ['runc create failed: something of the kernel', 'Internal', 128],
]

for (const [said, kind, exitCode] of SAID) {
  test(`${said.slice(0, 90)} is ${exitCode}`, () => {
    const cause = new RuntimeError(said)
    const { error, ...rest } = startFailure(cause)
    assert.deepEqual(
      { kind: error.kind, message: error.message, ...rest },
      { kind, message: `${PREFIX}${said}`, exitCode },
    )
    assert.equal(error.cause, cause)
  })
}

test('a file mounted where a directory is', () => {
  const { error, exitCode } = startFailure(new RuntimeError('error mounting "/a" to rootfs at "/b": not a directory'))
  assert.equal(exitCode, 127)
  assert.match(
    error.message,
    /Are you trying to mount a directory onto a file \(or vice-versa\)\? Check if the specified host path exists and is the expected type$/,
  )
})

test('what has a kind keeps it; anything else is internal', () => {
  const own = conflict('taken')
  assert.deepEqual(startFailure(own), { error: own, exitCode: 128 })
  const { error, exitCode } = startFailure(new TypeError('odd'))
  assert.deepEqual([error.kind, error.message, exitCode], ['Internal', 'odd', 128])
})
