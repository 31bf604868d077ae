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

/**
 * The SQLite file that alone knows names, references and states. Synchronous on purpose: a statement takes about
 * 0.1 ms, `synchronous=full` included, which is less than a turn of the event loop through a thread pool.
 */
export class Database implements Disposable {
  readonly #db: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  #depth = 0

  constructor(path: string) {
    this.#db = new DatabaseSync(path)
    this.#db.exec(
      'PRAGMA journal_mode=WAL; PRAGMA synchronous=full; PRAGMA foreign_keys=on; PRAGMA busy_timeout=5000; PRAGMA cache_size=-1024;',
    )
    this.#db.exec('CREATE TABLE IF NOT EXISTS schema_versions (room TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT')
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
    return { changes: Number(this.#prepare(sql).run(...values).changes) }
  }

  /** The first row, or undefined. The row's shape is the caller's word: it stands beside the SQL. */
  get<Row>(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#prepare(sql).get(...values) as Row | undefined
  }

  all<Row>(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#prepare(sql).all(...values) as Row[]
  }

  /** Runs `work` in one transaction; what it throws rolls everything back. Nested calls join the outer one. */
  transaction<Result>(work: () => Result): Result {
    if (this.#depth > 0) return work()
    this.#db.exec('BEGIN IMMEDIATE')
    this.#depth++
    try {
      const result = work()
      this.#db.exec('COMMIT')
      return result
    } catch (error) {
      this.#db.exec('ROLLBACK')
      throw error
    } finally {
      this.#depth--
    }
  }

  [Symbol.dispose](): void {
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
