import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { TareError } from '../errdefs.ts'
import { readInside, resolveInside, resolveUser } from './user.ts'

const FILES: Readonly<Record<string, string>> = {
  '/etc/passwd':
    'root:x:0:0:root:/root:/bin/sh\n# a comment\napp:x:1000:1001:App:/home/app:/bin/sh\nhomeless:x:7:7:::\n',
  '/etc/group': 'root:x:0:\napp:x:1001:\naudio:x:29:app,root\nvideo:x:44:app\nalone:x:99:\n',
}
const read = (_: string, path: string): string | undefined => FILES[path]
const user = (text: string, groups: readonly string[] = []) => resolveUser('/', text, groups, read)

test('nothing said is root, with the groups that have root as a member', () => {
  assert.deepEqual(user(''), { uid: 0, gid: 0, additionalGids: [0, 29], home: '/root' })
})

test('a name brings its group, its other groups and its home', () => {
  assert.deepEqual(user('app'), { uid: 1000, gid: 1001, additionalGids: [1001, 29, 44], home: '/home/app' })
})

test('a number that is known is as good as its name', () => {
  assert.deepEqual(user('1000'), user('app'))
})

test('a number that nobody has is a user in group 0 at /', () => {
  assert.deepEqual(user('4242'), { uid: 4242, gid: 0, additionalGids: [0], home: '/' })
})

test('a group that is named replaces all the others', () => {
  assert.deepEqual(user('app:alone'), { uid: 1000, gid: 99, additionalGids: [99], home: '/home/app' })
  assert.deepEqual(user('app:5'), { uid: 1000, gid: 5, additionalGids: [5], home: '/home/app' })
  assert.deepEqual(user('4242:audio'), { uid: 4242, gid: 29, additionalGids: [29], home: '/' })
  assert.equal(user(':audio').gid, 29)
})

test('--group-add comes on top, once', () => {
  assert.deepEqual(user('app', ['alone', '44', '1234']).additionalGids, [1001, 29, 44, 99, 1234])
})

test('an entry without a home is at /', () => {
  assert.equal(user('homeless').home, '/')
})

const refused = (work: () => unknown, message: string): void => {
  assert.throws(work, error => {
    assert.ok(error instanceof TareError)
    assert.deepEqual({ kind: error.kind, message: error.message }, { kind: 'InvalidArgument', message })
    return true
  })
}

test('names that the container does not know are refused', () => {
  refused(() => user('nobody'), 'unable to find user nobody: no matching entries in passwd file')
  refused(() => user('app:nogroup'), 'unable to find group nogroup: no matching entries in group file')
  refused(() => user('app', ['nogroup']), 'unable to find group nogroup: no matching entries in group file')
})

test('without a passwd file numbers still work', () => {
  const nothing = () => undefined
  assert.deepEqual(resolveUser('/', '5:6', [], nothing), { uid: 5, gid: 6, additionalGids: [6], home: '/' })
  refused(() => resolveUser('/', 'app', [], nothing), 'unable to find user app: no matching entries in passwd file')
})

test('numbers beyond the kernel’s are refused', () => {
  refused(() => user('2147483648'), 'uids and gids must be in range 0-2147483647')
  refused(() => user('0:2147483648'), 'uids and gids must be in range 0-2147483647')
})

/** A root file system whose links try to leave it, and a secret beside it. */
const trap = (): { root: string } & Disposable => {
  const directory = mkdtempSync(join(tmpdir(), 'user-test.'))
  const root = join(directory, 'root')
  mkdirSync(join(root, 'etc'), { recursive: true })
  mkdirSync(join(root, 'real'))
  writeFileSync(join(directory, 'secret'), 'outside')
  writeFileSync(join(root, 'real/file'), 'inside')
  symlinkSync('/real', join(root, 'absolute'))
  symlinkSync('../../../../real', join(root, 'etc/upwards'))
  symlinkSync('../secret', join(root, 'escape'))
  symlinkSync(join(directory, 'secret'), join(root, 'etc/passwd'))
  symlinkSync('/absolute', join(root, 'twice'))
  symlinkSync('loop', join(root, 'loop'))
  return { root, [Symbol.dispose]: () => rmSync(directory, { recursive: true }) }
}

test('links are followed inside the root, never out of it', () => {
  using made = trap()
  const { root } = made
  for (const path of [
    '/real/file',
    '/absolute/file',
    '/etc/upwards/file',
    '/twice/file',
    '/../../real/file',
    'real/./file',
    '/etc/../real/file',
  ]) {
    assert.equal(resolveInside(root, path), join(root, 'real/file'), path)
    assert.equal(readInside(root, path), 'inside', path)
  }
  assert.equal(resolveInside(root, '/escape'), join(root, 'secret'))
  assert.equal(readInside(root, '/escape'), undefined)
  assert.equal(readInside(root, '/etc/passwd'), undefined)
})

test('what is not there keeps its place; what loops has none; what is no file is not read', () => {
  using made = trap()
  const { root } = made
  assert.equal(resolveInside(root, '/new/directory'), join(root, 'new/directory'))
  assert.equal(resolveInside(root, '/'), root)
  assert.equal(resolveInside(root, '/loop/x'), undefined)
  assert.equal(readInside(root, '/real'), undefined)
  assert.equal(readInside(root, '/dev/nothing'), undefined)
})
