import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Exit, Exits } from './exits.ts'

const directory = (): { path: string } & Disposable => {
  const path = mkdtempSync(join(tmpdir(), 'exits-test.'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) }
}

const nextExit = (exits: Exits, id: string): Promise<Exit> => new Promise(resolve => exits.onExit(id, resolve))

test('an exit that comes later is told once', async () => {
  using made = directory()
  using exits = new Exits(made.path)
  let told = 0
  const exit = new Promise<Exit>(resolve => {
    exits.onExit('a', got => {
      told++
      resolve(got)
    })
  })
  writeFileSync(join(made.path, 'a'), '42')
  const { exitCode, finishedAt } = await exit
  assert.equal(exitCode, 42)
  assert.ok(Math.abs(Date.now() - finishedAt.getTime()) < 10_000)
  const other = nextExit(exits, 'b')
  writeFileSync(join(made.path, 'a'), '43')
  writeFileSync(join(made.path, 'b'), '0')
  assert.equal((await other).exitCode, 0)
  assert.equal(told, 1)
})

test('an exit that was on file before anybody asked is told in the same turn', () => {
  using made = directory()
  writeFileSync(join(made.path, 'a'), '137')
  using exits = new Exits(made.path)
  let code = -1
  exits.onExit('a', exit => {
    code = exit.exitCode
  })
  assert.equal(code, 137)
})

test('an empty file is a monitor that has not written yet', () => {
  using made = directory()
  using exits = new Exits(made.path)
  writeFileSync(join(made.path, 'a'), '')
  assert.equal(exits.read('a'), undefined)
  assert.equal(exits.read('never'), undefined)
})

test('a forgotten exit is no longer on file, and its listener is not called', async () => {
  using made = directory()
  using exits = new Exits(made.path)
  exits.onExit('a', () => assert.fail('it was forgotten'))
  exits.forget('a')
  writeFileSync(join(made.path, 'a'), '1')
  const other = nextExit(exits, 'b')
  writeFileSync(join(made.path, 'b'), '2')
  await other
  exits.forget('a')
  assert.equal(exits.read('a'), undefined)
})
