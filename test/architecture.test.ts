import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { findCycle, type Import, importsOf, sourceFiles } from './source-imports.ts'

const repository = join(import.meta.dirname, '..')
const src = join(repository, 'src')

/** Which rooms each room may import. The table of docs/architecture.md. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  oci: [],
  api: ['oci'],
  host: [],
  storage: ['oci', 'host'],
  registry: ['oci'],
  runtime: ['oci', 'host'],
  images: ['oci', 'storage', 'registry', 'host'],
  containers: ['oci', 'storage', 'images', 'runtime', 'networks', 'volumes', 'host'],
  networks: ['host'],
  volumes: ['host'],
  builder: ['oci', 'storage', 'images', 'runtime', 'networks', 'host'],
  server: ['api', 'host', 'oci', 'registry', 'images', 'containers', 'networks', 'volumes', 'builder'],
  compose: ['api'],
  cli: ['api', 'oci', 'compose', 'host', 'registry'],
}

/** Rooms whose words are Docker's: they take `Config`, `HostConfig` and the like from api/, as types. */
const NOUNS = ['images', 'containers', 'networks', 'volumes', 'builder']

/** Lone files that every room may import. */
const SHARED_FLOOR = ['errdefs.ts', 'log.ts', 'config.ts', 'database.ts', 'events.ts']

/** Inside storage/, what the parts may know of each other. */
const STORAGE: Readonly<Record<string, readonly string[]>> = {
  content: ['content'],
  archive: ['archive'],
  snapshots: ['snapshots', 'archive'],
}

const isTest = (file: string) => /\.(test|suite)\.ts$/.test(file)
const roomOf = (file: string): string | undefined => (file.includes('/') ? file.slice(0, file.indexOf('/')) : undefined)

const files = sourceFiles(src).filter(file => !isTest(file))
const imports = files.flatMap(file => importsOf(src, file))
const inside = imports.filter(({ isPackage }) => !isPackage)

const show = ({ from, to, isType }: Import) => `${from} imports ${to}${isType ? ' (type)' : ''}`
const none = (wrong: readonly Import[], rule: string) =>
  assert.deepEqual(wrong.map(show), [], `${rule}\n${wrong.map(show).join('\n')}`)

const mayImport = ({ from, to, isType, isLazy }: Import): boolean => {
  const [room, target] = [roomOf(from), roomOf(to)]
  if (room === undefined || to === '../package.json') return true
  if (target === undefined) {
    if (SHARED_FLOOR.includes(to)) return true
    // The server is handed the engine; it knows what it looks like, and makes none.
    if (to === 'engine.ts') return room === 'server' && isType
    // `tare daemon` becomes the daemon; no other command pays for reading it.
    return to === 'daemon.ts' && room === 'cli' && isLazy
  }
  if (room === target || MAY_IMPORT[room]?.includes(target)) return true
  return target === 'api' && isType && NOUNS.includes(room)
}

test('a room imports only the rooms that it may know', () => {
  for (const file of files) {
    const room = roomOf(file)
    if (room !== undefined) assert.ok(MAY_IMPORT[room], `${file}: the room ${room} is not in the table`)
  }
  none(
    inside.filter(found => !mayImport(found)),
    'imports that the table of rooms forbids',
  )
})

test('the shared floor knows no room but the words of oci/ and api/', () => {
  const wrong = inside.filter(
    ({ from, to, isType }) =>
      SHARED_FLOOR.includes(from) &&
      roomOf(to) !== undefined &&
      !(isType && ['oci', 'api'].includes(roomOf(to) ?? '')) &&
      !(from === 'config.ts' && to.startsWith('host/')),
  )
  none(wrong, 'the shared floor carries the rooms, not the other way round')
})

test('the engine composes the nouns and knows no front door', () => {
  const wrong = inside.filter(
    ({ from, to }) =>
      from === 'engine.ts' &&
      ['server', 'cli', 'compose', undefined].includes(roomOf(to)) &&
      !SHARED_FLOOR.includes(to),
  )
  none(wrong, 'engine.ts is what the library embeds')
})

test('only `tare daemon` imports daemon.ts', () => {
  none(
    inside.filter(({ from, to }) => to === 'daemon.ts' && from !== 'cli/commands/daemon.ts'),
    'daemon.ts is the top of everything',
  )
})

test('content, archive and snapshots keep to themselves inside storage/', () => {
  const partOf = (file: string) => file.match(/^storage\/([^/]+)\//)?.[1]
  const wrong = inside.filter(({ from, to }) => {
    const [part, target] = [partOf(from), partOf(to)]
    return part !== undefined && target !== undefined && !STORAGE[part]?.includes(target)
  })
  none(wrong, 'parts of storage/')
})

test('only host/ starts programs and calls into libc', () => {
  const guarded = ['koffi', 'node:child_process', 'child_process']
  none(
    imports.filter(({ from, to, isType }) => !isType && guarded.includes(to) && roomOf(from) !== 'host'),
    'koffi and node:child_process belong to host/',
  )
})

test('packages that are imported are dependencies', () => {
  type Manifest = { dependencies: Record<string, string> }
  const { dependencies } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as Manifest
  const packageOf = (name: string) => name.split('/', name.startsWith('@') ? 2 : 1).join('/')
  none(
    imports.filter(({ to, isPackage }) => isPackage && !to.startsWith('node:') && !(packageOf(to) in dependencies)),
    'not in the dependencies of package.json',
  )
})

test('each dependency has its line in docs/dependencies.md', () => {
  type Manifest = { dependencies: Record<string, string>; devDependencies: Record<string, string> }
  const manifest = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as Manifest
  const text = readFileSync(join(repository, 'docs/dependencies.md'), 'utf8')
  const names = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies })
  assert.deepEqual(
    names.filter(name => !text.includes(`\`${name}\``)),
    [],
  )
})

test('no two files import each other, directly or through others', () => {
  assert.equal(findCycle(inside)?.join(' → '), undefined)
})

test('a room opens with a README of at most 40 lines', () => {
  for (const room of readdirSync(src, { withFileTypes: true })) {
    if (!room.isDirectory() || !files.some(file => roomOf(file) === room.name)) continue
    const path = join(src, room.name, 'README.md')
    assert.ok(existsSync(path), `src/${room.name}/README.md is missing`)
    const count = readFileSync(path, 'utf8').trimEnd().split('\n').length
    assert.ok(count <= 40, `src/${room.name}/README.md has ${count} lines`)
  }
})

test('no file is longer than 500 lines', () => {
  const long = ['src', 'test', 'bench', 'scripts'].flatMap(folder =>
    sourceFiles(join(repository, folder)).flatMap(file => {
      const count = readFileSync(join(repository, folder, file), 'utf8').split('\n').length - 1
      return count > 500 ? [`${folder}/${file}: ${count}`] : []
    }),
  )
  assert.deepEqual(long, [])
})
