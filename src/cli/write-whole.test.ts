import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import type { Output } from './output.ts'
import { archiveTarget } from './write-whole.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tare-whole-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const terminal = { isTerminal: true } as Output
async function* bytes(...texts: string[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield Buffer.from(text)
}

test('a file has its name only when it is whole', async () => {
  const path = join(folder, 'x.tar')
  writeFileSync(path, 'old')
  const write = await archiveTarget(path, terminal, 'failed to save image')
  const broken = (async function* () {
    yield* bytes('half')
    throw new Error('cut off')
  })()
  await assert.rejects(write(broken), { message: 'cut off' })
  assert.equal(readFileSync(path, 'utf8'), 'old')
  assert.deepEqual(readdirSync(folder), ['x.tar'])
  await write(bytes('new ', 'archive'))
  assert.equal(readFileSync(path, 'utf8'), 'new archive')
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.deepEqual(readdirSync(folder), ['x.tar'])
})

test('a terminal gets no archive', async () => {
  await assert.rejects(archiveTarget('', terminal, 'x'), {
    message: 'cowardly refusing to save to a terminal. Use the -o flag or redirect',
  })
})

test('a place that cannot be written is told before anything is asked for', async () => {
  await assert.rejects(archiveTarget('/nonsense/x', terminal, 'failed to save image'), {
    message: 'failed to save image: invalid output path: stat /nonsense: no such file or directory',
  })
  mkdirSync(join(folder, 'd'))
  await assert.rejects(archiveTarget(join(folder, 'd'), terminal, 'failed to export container'), {
    message: 'failed to export container: cannot write to a directory',
  })
})

test('a device takes what comes', async () => {
  await (await archiveTarget('/dev/null', terminal, 'x'))(bytes('a'))
  assert.ok(statSync('/dev/null').isCharacterDevice())
})
