import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { Database } from '../database.ts'
import { Events } from '../events.ts'
import { Volumes } from './volumes.ts'

let folder: string
let database: Database
let events: Events
let volumes: Volumes
let users: Record<string, string[]>

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tare-volumes-'))
  database = new Database(join(folder, 'db'))
  events = new Events()
  users = {}
  volumes = new Volumes({ database, events, root: join(folder, 'v'), inUse: name => users[name] ?? [] })
})
afterEach(() => {
  database[Symbol.dispose]()
  rmSync(folder, { recursive: true })
})

const told = () => events.history().map(({ Action, Actor }) => `${Action} ${Actor.ID}`)

test('a volume is made once, and is a directory', () => {
  const made = volumes.create({ Name: 'data', Labels: { a: 'b' } })
  assert.deepEqual([made.Name, made.Driver, made.Labels, made.Options], ['data', 'local', { a: 'b' }, null])
  assert.match(made.CreatedAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  assert.ok(existsSync(made.Mountpoint))
  assert.deepEqual(volumes.create({ Name: 'data', Labels: { c: 'd' } }), made)
  assert.deepEqual(volumes.ensure('data'), { name: 'data', path: made.Mountpoint, created: false })
  assert.deepEqual(told(), ['create data'])
})

test('without a name it gets one of 64 digits, and the mark of the anonymous', () => {
  const made = volumes.create({})
  assert.match(made.Name, /^[0-9a-f]{64}$/)
  assert.deepEqual(made.Labels, { 'com.docker.volume.anonymous': '' })
})

test('names and options in the words of Docker', () => {
  const refused = (request: Parameters<Volumes['create']>[0], message: string | RegExp) =>
    assert.throws(() => volumes.create(request), { message })
  refused({ Name: 'a' }, 'create a: volume name is too short, names should be at least two alphanumeric characters')
  refused({ Name: '../x' }, /^create \.\.\/x: "\.\.\/x" includes invalid characters for a local volume name/)
  refused({ Name: 'vv', DriverOpts: { c: 'd' } }, 'create vv: invalid option: "c"')
  refused({ Name: 'vv', DriverOpts: { type: 'tmpfs' } }, 'create vv: missing required option: "device"')
  refused({ Name: 'vv', Driver: 'nfs' }, 'create vv: error looking up volume plugin nfs: plugin "nfs" not found')
  refused({ Name: 'vv', DriverOpts: { type: 'tmpfs', device: 'tmpfs' } }, /not supported by Tare/)
  assert.deepEqual(volumes.list(), [])
  assert.deepEqual(readdirSync(join(folder, 'v')), [])
})

test('a bound volume is its device, while that is there', () => {
  const device = join(folder, 'elsewhere')
  volumes.create({ Name: 'bound', DriverOpts: { type: 'none', o: 'bind', device } })
  assert.throws(() => volumes.path('bound'), /failed to mount local volume: mount .*: no such file or directory/)
  mkdirSync(device)
  assert.equal(volumes.path('bound'), device)
})

test('removal asks who has it, and takes everything', async () => {
  const { Mountpoint } = volumes.create({ Name: 'data' })
  writeFileSync(join(Mountpoint, 'file'), 'x')
  users.data = ['c1', 'c2']
  await assert.rejects(volumes.remove('data', { force: true }), {
    kind: 'Conflict',
    message: 'remove data: volume is in use - [c1, c2]',
  })
  users = {}
  await volumes.remove('data')
  assert.deepEqual(readdirSync(join(folder, 'v')), [])
  assert.throws(() => volumes.inspect('data'), { kind: 'NotFound', message: 'get data: no such volume' })
  await assert.rejects(volumes.remove('data'), { kind: 'NotFound' })
  await volumes.remove('data', { force: true })
  assert.deepEqual(told(), ['create data', 'destroy data'])
})

test('a removal of a bound volume leaves what it was bound to', async () => {
  const device = join(folder, 'elsewhere')
  mkdirSync(device)
  volumes.create({ Name: 'bound', DriverOpts: { type: 'none', o: 'bind', device } })
  await volumes.remove('bound')
  assert.ok(existsSync(device))
})

test('a prune takes unused anonymous volumes, and named ones when asked', async () => {
  const anonymous = volumes.create({}).Name
  const used = volumes.create({}).Name
  users[used] = ['c']
  const { Mountpoint } = volumes.create({ Name: 'named', Labels: { keep: '1' } })
  writeFileSync(join(Mountpoint, 'file'), '12345')
  assert.deepEqual(await volumes.prune(), { VolumesDeleted: [anonymous], SpaceReclaimed: 0 })
  assert.deepEqual((await volumes.prune({ all: ['true'], 'label!': ['keep'] })).VolumesDeleted, [])
  assert.deepEqual(await volumes.prune({ all: ['true'] }), { VolumesDeleted: ['named'], SpaceReclaimed: 5 })
  await assert.rejects(volumes.prune({ dangling: ['true'] }), { message: "invalid filter 'dangling'" })
})

test('lists are filtered', () => {
  for (const Name of ['alpha', 'beta']) volumes.create({ Name, Labels: { [Name]: '1' } })
  users.beta = ['c']
  const names = (filters: Parameters<Volumes['list']>[0]) => volumes.list(filters).map(({ Name }) => Name)
  assert.deepEqual(names({}), ['alpha', 'beta'])
  assert.deepEqual(names({ name: ['lph'] }), ['alpha'])
  assert.deepEqual(names({ label: ['beta=1'] }), ['beta'])
  assert.deepEqual(names({ dangling: ['true'] }), ['alpha'])
  assert.deepEqual(names({ dangling: ['false'] }), ['beta'])
  assert.deepEqual(names({ driver: ['loc'] }), [])
  assert.throws(() => volumes.list({ dangling: ['x'] }), { message: "invalid filter 'dangling=[x]'" })
  assert.throws(() => volumes.list({ x: ['y'] }), { message: "invalid filter 'x'" })
})

test('what a crash left of a removal is swept; what nobody recorded is left', async () => {
  mkdirSync(join(folder, 'v', '.removing-1', '_data'), { recursive: true })
  mkdirSync(join(folder, 'v', 'unknown', '_data'), { recursive: true })
  await volumes.sweep()
  assert.deepEqual(readdirSync(join(folder, 'v')), ['unknown'])
})

test('a volume made for a container that came to nothing is taken back, unless somebody has it', async () => {
  volumes.ensure('mine')
  users.mine = ['c']
  await volumes.removeUnused('mine')
  assert.ok(volumes.has('mine'))
  users = {}
  await volumes.removeUnused('mine')
  await volumes.removeUnused('mine')
  assert.equal(volumes.has('mine'), false)
})
