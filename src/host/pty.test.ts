import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { spawnProcess } from './exec.ts'
import { Pty } from './pty.ts'

test('a program has a terminal of the size that was given, and its output comes out', async () => {
  using pty = new Pty()
  pty.resize(33, 101)
  const child = spawnProcess(['sh', '-c', 'test -t 0 && stty size; read line; echo "got $line"'], {
    stdio: [pty.slave, pty.slave, pty.slave],
  })
  pty.releaseSlave()
  let text = ''
  pty.master.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  pty.master.write('hello\n')
  const closed = new Promise(resolve => pty.master.once('close', resolve))
  await Promise.all([once(child, 'exit'), closed])
  assert.match(text, /33 101\r\n/)
  assert.match(text, /got hello\r\n/)
})
