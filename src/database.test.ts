import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Database } from './database.ts'

const PETS = { room: 'pets', migrations: ['CREATE TABLE pets (name TEXT PRIMARY KEY, legs INTEGER NOT NULL) STRICT'] }

const pets = (): Database => {
  const database = new Database(':memory:')
  database.migrate(PETS)
  return database
}
const add = (database: Database, name: string) => database.run('INSERT INTO pets (name, legs) VALUES (?, ?)', name, 4)
const names = (database: Database) =>
  database.all<{ name: string }>('SELECT name FROM pets ORDER BY name').map(({ name }) => name)

test('rows come back as they went in', () => {
  using database = pets()
  assert.deepEqual(add(database, 'rex'), { changes: 1 })
  assert.deepEqual({ ...database.get<object>('SELECT * FROM pets WHERE name = ?', 'rex') }, { name: 'rex', legs: 4 })
  assert.equal(database.get('SELECT * FROM pets WHERE name = ?', 'nobody'), undefined)
  assert.deepEqual(database.run('DELETE FROM pets WHERE name = ?', 'nobody'), { changes: 0 })
})

test('a transaction that fails changes nothing, its nested ones included', () => {
  using database = pets()
  const work = () =>
    database.transaction(() => {
      add(database, 'one')
      database.transaction(() => add(database, 'two'))
      throw new Error('halfway')
    })
  assert.throws(work, /halfway/)
  assert.deepEqual(names(database), [])
  assert.equal(
    database.transaction(() => add(database, 'three').changes),
    1,
  )
  assert.deepEqual(names(database), ['three'])
})

test('after a failure the next transaction is a new one', () => {
  using database = pets()
  assert.throws(() => database.transaction(() => add(database, 'a') && add(database, 'a')), /UNIQUE/)
  database.transaction(() => add(database, 'b'))
  assert.deepEqual(names(database), ['b'])
})

test('migrations run once, and the new ones of a later version after them', () => {
  const directory = mkdtempSync(join(tmpdir(), 'database-test.'))
  const path = join(directory, 'x.db')
  try {
    {
      using database = new Database(path)
      database.migrate(PETS)
      add(database, 'old')
    }
    using database = new Database(path)
    const later = {
      ...PETS,
      migrations: [...PETS.migrations, "ALTER TABLE pets ADD COLUMN colour TEXT NOT NULL DEFAULT 'grey'"],
    }
    database.migrate(later)
    database.migrate(later)
    assert.deepEqual({ ...database.get<object>('SELECT * FROM pets') }, { name: 'old', legs: 4, colour: 'grey' })
    assert.throws(() => database.migrate(PETS), /written by a newer Tare \(pets is at version 2, this one knows 1\)/)
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('a migration that fails leaves the room at its old version', () => {
  using database = pets()
  const broken = { ...PETS, migrations: [...PETS.migrations, 'CREATE TABLE more (x TEXT) STRICT', 'nonsense'] }
  assert.throws(() => database.migrate(broken))
  assert.equal(database.get("SELECT 1 FROM sqlite_master WHERE name = 'more'"), undefined)
  database.migrate(PETS)
})

test('what is only noted is there for the next one who opens the file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'database'))
  try {
    const path = join(directory, 'pets.db')
    {
      using database = new Database(path)
      database.migrate(PETS)
      assert.deepEqual(database.note('INSERT INTO pets (name, legs) VALUES (?, ?)', 'rex', 4), { changes: 1 })
      using other = new Database(path)
      assert.deepEqual(names(other), ['rex'])
    }
    using again = new Database(path)
    assert.deepEqual(names(again), ['rex'])
  } finally {
    rmSync(directory, { recursive: true })
  }
})
