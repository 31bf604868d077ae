import { chmodSync, closeSync, existsSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'

/**
 * One room's tables. Statements run once per database, in order; a statement that has landed in a release is
 * never changed, only followed by another.
 */
export type Schema = {
  /** The room's name, the key under which its version is kept. */
  readonly room: string
  readonly migrations: readonly string[]
}

const SQLITE_FULL = 13
/** Whether SQLite found no room on the disk. */
export const isFull = (error: unknown): boolean => (error as { errcode?: number }).errcode === SQLITE_FULL

/** Milliseconds until what was only noted is on the disk. */
const SYNC_WITHIN = 500

/**
 * Bytes kept back on the disk, so that an exit can be recorded and a container removed when containers have filled all the rest.
 * Given up when SQLite finds no room, and taken back when there is room again.
 */
class DiskReserve {
  static readonly #BYTES = 1024 * 1024
  /** Milliseconds between attempts to take it back. */
  static readonly #PAUSE = 200
  readonly #path: string
  #held = false
  #tried = 0

  constructor(path: string) {
    this.#path = path
    this.#held = existsSync(path)
  }

  /** Takes the room, if it is not held and can be had. */
  keep(): void {
    if (this.#held || Date.now() - this.#tried < DiskReserve.#PAUSE) return
    this.#tried = Date.now()
    try {
      writeFileSync(this.#path, Buffer.alloc(DiskReserve.#BYTES), { mode: 0o600 })
      this.#held = true
    } catch {
      rmSync(this.#path, { force: true })
    }
  }

  /** False when there was none to give. */
  release(): boolean {
    if (!this.#held) return false
    this.#held = false
    this.#tried = Date.now()
    rmSync(this.#path, { force: true })
    return true
  }
}

const syncFile = async (path: string): Promise<void> => {
  const file = await open(path, 'r+')
  try {
    await file.datasync()
  } finally {
    await file.close()
  }
}

/**
 * The SQLite file that alone knows names, references and states. Synchronous on purpose: a statement takes about
 * 0.1 ms, `synchronous=full` included, which is less than a turn of the event loop through a thread pool.
 */
export class Database implements Disposable {
  readonly #path: string
  readonly #db: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  readonly #reserve: DiskReserve | undefined
  #syncing: NodeJS.Timeout | undefined
  #depth = 0
  #relaxed = 0

  constructor(path: string) {
    this.#path = path
    this.#reserve = path === ':memory:' ? undefined : new DiskReserve(`${path}-reserve`)
    // For root alone, as are the files that SQLite puts beside it: what containers were created with may hold secrets.
    if (path !== ':memory:') {
      closeSync(openSync(path, 'a', 0o600))
      chmodSync(path, 0o600)
    }
    this.#db = new DatabaseSync(path)
    this.#withRoom(() => {
      this.#db.exec(
        'PRAGMA journal_mode=WAL; PRAGMA synchronous=full; PRAGMA foreign_keys=on; PRAGMA busy_timeout=5000; PRAGMA cache_size=-1024;',
      )
      this.#db.exec(
        'CREATE TABLE IF NOT EXISTS schema_versions (room TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT',
      )
    })
  }

  /** Brings one room's tables up to date; all of its new migrations in one transaction. */
  migrate(schema: Schema): void {
    this.transaction(() => {
      const row = this.get<{ version: number }>('SELECT version FROM schema_versions WHERE room = ?', schema.room)
      const from = row?.version ?? 0
      if (from > schema.migrations.length) {
        throw new Error(
          `the database was written by a newer Tare (${schema.room} is at version ${from}, this one knows ${schema.migrations.length})`,
        )
      }
      for (const migration of schema.migrations.slice(from)) this.#db.exec(migration)
      if (from < schema.migrations.length) {
        this.run(
          'INSERT OR REPLACE INTO schema_versions (room, version) VALUES (?, ?)',
          schema.room,
          schema.migrations.length,
        )
      }
    })
  }

  run(sql: string, ...values: SQLInputValue[]): { changes: number } {
    return this.#withRoom(() => ({ changes: Number(this.#prepare(sql).run(...values).changes) }))
  }

  /**
   * The same without waiting for the disk (0.3 ms at rest, more when it is busy): kept when this process is killed, and on the disk
   * within half a second or with the next `run`, whichever comes first. For what a crash of the host makes untrue anyway, and for what
   * is worth nothing without a `run` that follows.
   */
  note(sql: string, ...values: SQLInputValue[]): { changes: number } {
    using _ = this.relax()
    return this.run(sql, ...values)
  }

  /** Until it is disposed of, everything is only noted (see `note`). For synchronous work; inside a transaction it does nothing. */
  relax(): Disposable {
    if (this.#depth > 0) return { [Symbol.dispose]: () => {} }
    if (this.#relaxed++ === 0) this.#db.exec('PRAGMA synchronous=normal')
    return {
      [Symbol.dispose]: () => {
        if (--this.#relaxed === 0) this.#db.exec('PRAGMA synchronous=full')
        this.#syncSoon()
      },
    }
  }

  #syncSoon(): void {
    if (this.#syncing || this.#path === ':memory:') return
    this.#syncing = setTimeout(() => {
      this.#syncing = undefined
      // The log file holds all that was noted. On another thread: a busy disk may take a second for it.
      // A full or broken disk: the next attempt may go well.
      syncFile(`${this.#path}-wal`).catch(() => this.#syncSoon())
    }, SYNC_WITHIN)
    this.#syncing.unref()
  }

  /** The first row, or undefined. The row's shape is the caller's word: it stands beside the SQL. */
  get<Row>(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#prepare(sql).get(...values) as Row | undefined
  }

  all<Row>(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#prepare(sql).all(...values) as Row[]
  }

  /**
   * Runs `work` in one transaction; what it throws rolls everything back. Nested calls join the outer one. When the disk is full it
   * may be run a second time, so it touches nothing but the database.
   */
  transaction<Result>(work: () => Result): Result {
    return this.#depth > 0 ? work() : this.#withRoom(() => this.#transact(work))
  }

  #transact<Result>(work: () => Result): Result {
    this.#db.exec('BEGIN IMMEDIATE')
    this.#depth++
    try {
      const result = work()
      this.#db.exec('COMMIT')
      return result
    } catch (error) {
      // SQLite ends some transactions by itself, that of a full disk among them.
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      throw error
    } finally {
      this.#depth--
    }
  }

  /** Runs something that writes; on a full disk once more, with the reserve given up for it. */
  #withRoom<Result>(write: () => Result): Result {
    if (this.#depth > 0) return write()
    try {
      const result = write()
      this.#reserve?.keep()
      return result
    } catch (error) {
      if (!isFull(error) || !this.#reserve?.release()) throw error
      return write()
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#syncing)
    this.#db.close()
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known) return known
    const statement = this.#db.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }
}
