import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findCommand, GROUPS, listGroup, listRoot } from './commands.ts'
import { parseFlagTable } from './flags/flag-table.ts'

const found = (line: string) => {
  const { path, rest, command } = findCommand(line.split(' '))
  return [path, rest.join(' '), command?.paths[0]]
}

test('commands are found by all their names, and in groups of groups', () => {
  assert.deepEqual(found('ps -a'), ['ps', '-a', 'container ls'])
  assert.deepEqual(found('image ls x'), ['image ls', 'x', 'image ls'])
  assert.deepEqual(found('buildx imagetools inspect x --raw'), [
    'buildx imagetools inspect',
    'x --raw',
    'buildx imagetools inspect',
  ])
  assert.deepEqual(found('buildx imagetools'), ['buildx imagetools', '', undefined])
  assert.deepEqual(found('buildx nonsense'), ['buildx', 'nonsense', undefined])
  assert.deepEqual(found('nonsense'), ['', 'nonsense', undefined])
  assert.deepEqual(found('image'), ['image', '', undefined])
})

test('groups list what is right below them', () => {
  assert.deepEqual(listGroup('buildx'), ['imagetools'])
  assert.deepEqual(listGroup('buildx imagetools'), ['create', 'inspect'])
  assert.ok(listGroup('image').includes('history'))
  for (const group of Object.keys(GROUPS)) assert.ok(listGroup(group).length > 0, group)
})

test('every command loads, and what its help shows can be read', async () => {
  const paths = [
    ...listRoot().plain,
    ...Object.keys(GROUPS).flatMap(group => listGroup(group).map(name => `${group} ${name}`)),
  ]
  for (const path of paths) {
    const entry = findCommand(path.split(' ')).command
    if (entry === undefined) continue
    const { command } = await entry.load()
    if ('raw' in command) continue
    const flags = parseFlagTable(command.flags ?? '')
    const written = (command.flags ?? '').split('\n').filter(line => /^ {1,6}(-\w, )? *--/.test(line)).length
    assert.equal(flags.length, written, path)
    for (const flag of flags) assert.ok(flag.usage !== '', `${path} --${flag.name}`)
  }
})
