import assert from 'node:assert/strict'
import { test } from 'node:test'
import { callRuntime, type OciRuntime, RuntimeError, runtimeArgs, runtimeMessage } from './oci-runtime.ts'

test("the message inside runc's log line", () => {
  const line =
    'time="2026-01-01T00:00:00Z" level=error msg="runc run failed: exec: \\"nope\\": executable file not found in $PATH"'
  assert.equal(runtimeMessage(line), 'runc run failed: exec: "nope": executable file not found in $PATH')
})

test('the last line that has one counts', () => {
  const lines = 'time="1" level=warning msg="first"\ntime="2" level=error msg="second"\nnoise at the end\n'
  assert.equal(runtimeMessage(lines), 'second')
})

test('text without a log line is the message; a quoted one that is no JSON is kept as it is', () => {
  assert.equal(runtimeMessage('  plain words \n'), 'plain words')
  assert.equal(runtimeMessage(''), '')
  assert.equal(runtimeMessage('level=error msg="odd \\x escape"'), 'odd \\x escape')
})

const sh = (script: string): OciRuntime => ({ name: 'sh', path: '/bin/sh', args: ['-c', script], root: '/r' })

test('a runtime gets its own arguments, then its root, then the verb', async () => {
  assert.deepEqual(runtimeArgs(sh('x')), ['-c', 'x', '--root', '/r'])
  assert.equal(await callRuntime(sh('echo "$0 $*"'), ['state', 'id']), '--root /r state id\n')
})

test('what it says when it fails is the error', async () => {
  const runtime = sh('echo \'level=error msg="container does not exist"\' >&2; exit 1')
  await assert.rejects(
    callRuntime(runtime, ['delete']),
    error => error instanceof RuntimeError && error.message === 'container does not exist',
  )
})

test('a runtime that is not there', async () => {
  const runtime = { ...sh(''), path: '/nowhere/runc' }
  await assert.rejects(
    callRuntime(runtime, ['list']),
    error => error instanceof RuntimeError && error.message === 'fork/exec /nowhere/runc: no such file or directory',
  )
})
