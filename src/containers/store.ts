import { setTimeout } from 'node:timers/promises'
import { type Database, isFull, type Schema } from '../database.ts'
import { conflict, invalidArgument, notFound } from '../errdefs.ts'
import type { Digest } from '../oci/digest.ts'
import { Container, type ContainerRecord, type Lifecycle } from './container.ts'

const SCHEMA: Schema = {
  room: 'containers',
  migrations: [
    `CREATE TABLE containers (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, record TEXT NOT NULL, life TEXT NOT NULL) STRICT`,
  ],
}

/** Milliseconds between attempts to write to a disk that is full. */
const RETRY = 1000

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/

/** A container that is being made. */
export type Forming = { readonly id: string; readonly image: Digest; readonly volumes: Set<string> }

/** All containers: in memory for reading, in SQLite for keeping. */
export class ContainerStore {
  readonly #database: Database
  readonly #byId = new Map<string, Container>()
  readonly #byName = new Map<string, Container>()
  /** Names of containers that are being created. */
  readonly #reserved = new Map<string, string>()
  readonly #forming = new Set<Forming>()

  constructor(database: Database) {
    this.#database = database
    database.migrate(SCHEMA)
    for (const row of database.all<{ record: string; life: string }>('SELECT record, life FROM containers')) {
      this.#index(new Container(JSON.parse(row.record) as ContainerRecord, JSON.parse(row.life) as Lifecycle))
    }
  }

  all(): Container[] {
    return [...this.#byId.values()]
  }

  find(reference: string): Container | undefined {
    const name = reference.startsWith('/') ? reference.slice(1) : reference
    const exact = this.#byId.get(name) ?? this.#byName.get(name)
    if (exact || !/^[0-9a-f]{1,64}$/.test(name)) return exact
    const matches = [...this.#byId.values()].filter(({ id }) => id.startsWith(name))
    if (matches.length > 1) throw invalidArgument(`multiple IDs found with provided prefix: ${name}`)
    return matches[0]
  }

  /** By id, name, or the beginning of an id. Throws NotFound. */
  get(reference: string): Container {
    const container = this.find(reference)
    if (!container) throw notFound(`No such container: ${reference}`)
    return container
  }

  /**
   * Takes a name, with a slash before it or without, for a container that is being made. Throws InvalidArgument or Conflict;
   * dispose to give it back if nothing came of it.
   */
  reserve(given: string, id: string): Disposable {
    const name = given.replace(/^\//, '')
    if (!NAME.test(name)) {
      throw invalidArgument(`Invalid container name (${given}), only ${'[a-zA-Z0-9][a-zA-Z0-9_.-]'} are allowed`)
    }
    const holder = this.#byName.get(name)?.id ?? this.#reserved.get(name)
    if (holder !== undefined) {
      throw conflict(
        `Conflict. The container name "/${name}" is already in use by container "${holder}". You have to remove (or rename) that container to be able to reuse that name.`,
      )
    }
    this.#reserved.set(name, id)
    return { [Symbol.dispose]: () => void this.#reserved.delete(name) }
  }

  /** Holds what a container that is being made stands on, before it is recorded. Dispose when it is, or came to nothing. */
  form(id: string, image: Digest): Forming & Disposable {
    const forming = { id, image, volumes: new Set<string>() }
    this.#forming.add(forming)
    return { ...forming, [Symbol.dispose]: () => void this.#forming.delete(forming) }
  }

  /** What containers that are being made stand on. */
  forming(): Iterable<Forming> {
    return this.#forming
  }

  isFree(name: string): boolean {
    return !this.#byName.has(name) && !this.#reserved.has(name)
  }

  insert(container: Container): void {
    this.#database.run(
      'INSERT INTO containers (id, name, record, life) VALUES (?, ?, ?, ?)',
      container.id,
      container.name,
      JSON.stringify(container.record),
      JSON.stringify(container.life),
    )
    this.#index(container)
  }

  /** Changes a container's life, kept before anybody sees it. */
  update(container: Container, change: Partial<Lifecycle>): void {
    const life = { ...container.life, ...change }
    // After a crash of the host no process is what this says it is; that of the daemon it survives.
    this.#database.note('UPDATE containers SET life = ? WHERE id = ?', JSON.stringify(life), container.id)
    container.life = life
  }

  /**
   * Takes down what has happened, whether or not the disk has room for it: seen at once, and kept as soon as it can be. Resolves then.
   */
  record(container: Container, change: Partial<Lifecycle>): Promise<void> {
    container.life = { ...container.life, ...change }
    return this.#keep(container)
  }

  async #keep(container: Container): Promise<void> {
    for (;;) {
      if (this.#byId.get(container.id) !== container) return
      try {
        this.update(container, {})
        return
      } catch (error) {
        if (!isFull(error)) throw error
        await setTimeout(RETRY, undefined, { ref: false })
      }
    }
  }

  rename(container: Container, name: string): void {
    const record = { ...container.record, name }
    this.#database.run(
      'UPDATE containers SET name = ?, record = ? WHERE id = ?',
      name,
      JSON.stringify(record),
      container.id,
    )
    this.#byName.delete(container.name)
    container.record = record
    this.#byName.set(name, container)
  }

  delete(container: Container): void {
    this.#database.run('DELETE FROM containers WHERE id = ?', container.id)
    this.#byId.delete(container.id)
    this.#byName.delete(container.name)
  }

  #index(container: Container): void {
    this.#byId.set(container.id, container)
    this.#byName.set(container.name, container)
  }
}
