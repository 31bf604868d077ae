import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Database } from '../database.ts'
import { Container, type ContainerRecord, NEW } from './container.ts'
import { ContainerStore } from './store.ts'

const container = (id: string, name: string): Container => {
  const record: ContainerRecord = {
    id: id.padEnd(64, '0'),
    name,
    created: '2026-01-01T00:00:00.000Z',
    image: `sha256:${'f'.repeat(64)}`,
    imageName: 'busybox',
    os: 'linux',
    config: {},
    hostConfig: {},
    mounts: [],
  }
  return new Container(record, NEW)
}

const withStore = (work: (store: ContainerStore, database: Database) => void): void => {
  using database = new Database(':memory:')
  work(new ContainerStore(database), database)
}

test('a container is found by id, name, and the beginning of its id', () => {
  withStore(store => {
    const a = container('abc1', 'one')
    store.insert(a)
    store.insert(container('abd2', 'two'))
    for (const reference of [a.id, 'one', '/one', 'abc', 'abc1']) assert.equal(store.get(reference), a, reference)
    assert.throws(() => store.get('nobody'), { kind: 'NotFound', message: 'No such container: nobody' })
    assert.throws(() => store.get(''), { kind: 'NotFound' })
    assert.throws(() => store.get('ab'), {
      kind: 'InvalidArgument',
      message: 'multiple IDs found with provided prefix: ab',
    })
  })
})

test('a name goes before the beginning of an id', () => {
  withStore(store => {
    const named = container('1111', 'abc')
    store.insert(container('abc9', 'other'))
    store.insert(named)
    assert.equal(store.get('abc'), named)
  })
})

test('what is stored is there after a restart, with its last state', () => {
  withStore((store, database) => {
    const a = container('abc1', 'one')
    store.insert(a)
    store.update(a, { status: 'running', pid: 42 })
    store.rename(a, 'uno')
    const again = new ContainerStore(database)
    const found = again.get('uno')
    assert.deepEqual(found.record, a.record)
    assert.deepEqual({ ...NEW, ...found.life }, { ...NEW, status: 'running', pid: 42 })
    assert.equal(again.find('one'), undefined)
    again.delete(found)
    assert.deepEqual([again.all(), new ContainerStore(database).all()], [[], []])
  })
})

test('a name is taken by one at a time, also while its container is still being made', () => {
  withStore(store => {
    const message = (holder: string) =>
      `Conflict. The container name "/one" is already in use by container "${holder}". You have to remove (or rename) that container to be able to reuse that name.`
    {
      using _ = store.reserve('one', 'first')
      assert.equal(store.isFree('one'), false)
      assert.throws(() => store.reserve('one', 'second'), { kind: 'Conflict', message: message('first') })
    }
    assert.ok(store.isFree('one'))
    const a = container('abc1', 'one')
    store.insert(a)
    assert.throws(() => store.reserve('one', 'second'), { kind: 'Conflict', message: message(a.id) })
  })
})

test('names that are none', () => {
  withStore(store => {
    for (const name of ['', 'a', '-ab', '.ab', 'a b', 'ä', 'a/b', '../x', 'ab\n']) {
      assert.throws(
        () => store.reserve(name, 'x'),
        {
          kind: 'InvalidArgument',
          message: `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
        },
        JSON.stringify(name),
      )
    }
    for (const name of ['ab', '0_.-', 'A1']) store.reserve(name, 'x')
  })
})

test('a change that cannot be kept is not seen either', () => {
  withStore((store, database) => {
    const a = container('abc1', 'one')
    store.insert(a)
    database.run('DROP TABLE containers')
    assert.throws(() => store.update(a, { status: 'running' }))
    assert.equal(a.life.status, 'created')
  })
})
