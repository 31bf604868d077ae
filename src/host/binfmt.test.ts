import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { handledArchitectures, handlersOf, handles, parseHandler, readHandlers } from './binfmt.ts'
import { elfArchitectures, elfHeader } from './elf-header.ts'

/** As the kernel prints them, of what Debian's qemu-user-static registers. */
const registered = (magic: string, mask: string, flags = 'OCF'): string =>
  `enabled\ninterpreter /usr/bin/qemu\nflags: ${flags}\noffset 0\nmagic ${magic}\nmask ${mask}\n`
const MASK = 'ffffffffffffff00fffffffffffffffffeffffff'
const ARM64 = registered('7f454c460201010000000000000000000200b700', MASK)
const ARM = registered('7f454c4601010100000000000000000002002800', MASK)
const S390X = registered('7f454c4602020100000000000000000000020016', 'ffffffffffffff00fffffffffffffffffffeffff')

test('a handler is read as the kernel prints it', () => {
  const { magic, mask, ...plain } = parseHandler('qemu-aarch64', ARM64)
  assert.deepEqual(plain, {
    name: 'qemu-aarch64',
    enabled: true,
    interpreter: '/usr/bin/qemu',
    flags: 'OCF',
    offset: 0,
  })
  assert.equal(magic?.length, 20)
  assert.equal(mask?.length, 20)
  const byExtension = parseHandler('py', 'disabled\ninterpreter /usr/bin/python\nflags: \nextension .py\n')
  assert.deepEqual([byExtension.enabled, byExtension.magic, byExtension.flags], [false, undefined, ''])
})

test('a handler takes the programs of its own architecture and of no other', () => {
  for (const [text, own] of [
    [ARM64, 'arm64'],
    [ARM, 'arm'],
    [S390X, 's390x'],
  ] as const) {
    const handler = parseHandler('qemu', text)
    const taken = elfArchitectures().filter(name => handles(handler, elfHeader(name) as Buffer))
    assert.deepEqual(taken, [own])
    assert.ok(!handles({ ...handler, enabled: false }, elfHeader(own) as Buffer))
  }
})

test('an offset counts, and a magic past the end matches nothing', () => {
  const handler = parseHandler('at', 'enabled\ninterpreter /i\nflags: F\noffset 18\nmagic b700\n')
  assert.ok(handles(handler, elfHeader('arm64') as Buffer))
  assert.ok(!handles(handler, elfHeader('arm') as Buffer))
  assert.ok(!handles({ ...handler, offset: 63 }, elfHeader('arm64') as Buffer))
})

test('a directory of binfmt_misc tells which architectures have a handler; the one with F is preferred', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tare-binfmt-'))
  try {
    assert.deepEqual(await readHandlers(directory), [])
    writeFileSync(join(directory, 'status'), 'enabled\n')
    writeFileSync(join(directory, 'register'), '')
    writeFileSync(join(directory, 'a'), ARM64.replace('OCF', 'OC'))
    writeFileSync(join(directory, 'b'), ARM64)
    writeFileSync(join(directory, 'c'), ARM.replace('enabled', 'disabled'))
    const handlers = await readHandlers(directory)
    assert.deepEqual(
      handlersOf('arm64', handlers).map(({ name }) => name),
      ['b', 'a'],
    )
    assert.deepEqual([...handledArchitectures(handlers).keys()], ['arm64'])
    assert.deepEqual(handlersOf('unheard-of', handlers), [])
    writeFileSync(join(directory, 'status'), 'disabled\n')
    assert.deepEqual(await readHandlers(directory), [])
  } finally {
    rmSync(directory, { recursive: true })
  }
})
