import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Database, Schema } from '../../database.ts'
import { removeTree } from '../../storage/archive/remove-tree.ts'
import { treeSize } from './tree-size.ts'

const SCHEMA: Schema = {
  room: 'cache mounts',
  migrations: [
    `CREATE TABLE cache_mounts (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      key TEXT NOT NULL,
      description TEXT NOT NULL,
      created INTEGER NOT NULL,
      used INTEGER NOT NULL,
      uses INTEGER NOT NULL DEFAULT 0,
      size INTEGER
    ) STRICT;
    CREATE INDEX cache_mounts_by_key ON cache_mounts (key)`,
  ],
}

type Row = {
  id: number
  key: string
  description: string
  created: number
  used: number
  uses: number
  /** Null: it may have changed since it was measured. */
  size: number | null
}

export type CacheMount = Omit<Row, 'size'> & { readonly size: number; readonly inUse: boolean }

export type Sharing = 'shared' | 'private' | 'locked'

export type CacheMountRequest = {
  /** Who asks for the same key gets the same directory. */
  readonly key: string
  readonly description: string
  readonly sharing: Sharing
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Puts into a new directory what it begins with. */
  readonly fill: ((directory: string) => Promise<void>) | undefined
}

/** A directory that is held until it is disposed. */
export type HeldCache = Disposable & { readonly directory: string }

type Holder = { readonly exclusive: boolean; users: number; readonly fills?: true }

/** The directories of `RUN --mount=type=cache`, kept over builds and restarts: below `root`, one each, by number. */
export class CacheMounts {
  readonly #root: string
  readonly #database: Database
  readonly #held = new Map<number, Holder>()
  /** What waits for a directory to be let go. */
  readonly #waiting = new Set<() => void>()

  /** `root`: a directory of its own; it is made. */
  constructor(root: string, database: Database) {
    mkdirSync(root, { recursive: true, mode: 0o700 })
    this.#root = root
    this.#database = database
    database.migrate(SCHEMA)
  }

  /** Removes what a daemon that died has left half made or half removed. Before the first build. */
  async recover(): Promise<void> {
    const known = new Set(this.#rows().map(({ id }) => String(id)))
    for (const name of readdirSync(this.#root)) if (!known.delete(name)) await removeTree(join(this.#root, name))
    for (const id of known) this.#forget(Number(id))
    // Whoever used it may have been in the middle of it.
    this.#database.run(
      'UPDATE cache_mounts SET size = NULL WHERE size IS NOT NULL AND used > ?',
      Date.now() - 86400_000,
    )
  }

  /**
   * Takes a directory: `shared` with others who share, `private` one that nobody has, made where all are taken, `locked`
   * the one there is, when nobody else has it. Rejects with the signal's reason.
   */
  async acquire(request: CacheMountRequest, signal: AbortSignal): Promise<HeldCache> {
    for (;;) {
      signal.throwIfAborted()
      const rows = this.#database.all<Row>('SELECT * FROM cache_mounts WHERE key = ? ORDER BY id', request.key)
      const found = rows.find(({ id }) => this.#isFree(id, request.sharing))
      if (found !== undefined) return this.#hold(found.id, request.sharing !== 'shared')
      // One that is being made for others who share will be there soon.
      const comes = request.sharing === 'shared' && rows.some(({ id }) => this.#held.get(id)?.fills)
      if (rows.length === 0 || (request.sharing !== 'locked' && !comes)) return await this.#make(request)
      await this.#letGo(signal)
    }
  }

  /** A directory that is there, held alone so that nobody changes it meanwhile; undefined: there is none. Rejects as `acquire` does. */
  async existing(key: string, signal: AbortSignal): Promise<HeldCache | undefined> {
    for (;;) {
      signal.throwIfAborted()
      const rows = this.#database.all<Row>('SELECT * FROM cache_mounts WHERE key = ? ORDER BY id', key)
      if (rows.length === 0) return undefined
      const free = rows.find(({ id }) => this.#isFree(id, 'locked'))
      if (free !== undefined) return this.#hold(free.id, true)
      await this.#letGo(signal)
    }
  }

  /** All directories, the longest unused first. */
  async list(): Promise<CacheMount[]> {
    const mounts: CacheMount[] = []
    for (const row of this.#rows()) {
      const inUse = this.#held.has(row.id)
      const size = row.size ?? (await treeSize(join(this.#root, String(row.id))))
      if (row.size === null && !inUse && !this.#held.has(row.id))
        this.#database.run('UPDATE cache_mounts SET size = ? WHERE id = ? AND used = ?', size, row.id, row.used)
      mounts.push({ ...row, size, inUse })
    }
    return mounts
  }

  /** Removes a directory that nobody uses; false: somebody does. */
  async remove(id: number): Promise<boolean> {
    if (this.#held.has(id)) return false
    this.#forget(id)
    await removeTree(join(this.#root, String(id)))
    return true
  }

  #rows(): Row[] {
    return this.#database.all<Row>('SELECT * FROM cache_mounts ORDER BY used, id')
  }

  #forget(id: number): void {
    this.#database.run('DELETE FROM cache_mounts WHERE id = ?', id)
  }

  #isFree(id: number, sharing: Sharing): boolean {
    const holder = this.#held.get(id)
    return holder === undefined || (sharing === 'shared' && !holder.exclusive)
  }

  async #make({ key, description, sharing, mode, uid, gid, fill }: CacheMountRequest): Promise<HeldCache> {
    const now = Date.now()
    this.#database.run(
      'INSERT INTO cache_mounts (key, description, created, used) VALUES (?, ?, ?, ?)',
      ...[key, description, now, now],
    )
    const row = this.#database.get<{ id: number }>('SELECT max(id) AS id FROM cache_mounts')
    const id = row?.id as number
    const directory = join(this.#root, String(id))
    // Until it is filled it is nobody else's.
    this.#held.set(id, { exclusive: true, users: 1, ...(sharing === 'shared' ? { fills: true } : {}) })
    try {
      mkdirSync(directory)
      chmodSync(directory, mode)
      chownSync(directory, uid, gid)
      await fill?.(directory)
    } catch (error) {
      this.#held.delete(id)
      await this.remove(id)
      this.#wake()
      throw error
    }
    this.#held.delete(id)
    const held = this.#hold(id, sharing !== 'shared')
    if (sharing === 'shared') this.#wake()
    return held
  }

  #hold(id: number, exclusive: boolean): HeldCache {
    const directory = join(this.#root, String(id))
    // Taken away by hand: it begins anew.
    if (!existsSync(directory)) mkdirSync(directory)
    const holder = this.#held.get(id) ?? { exclusive, users: 0 }
    holder.users++
    this.#held.set(id, holder)
    this.#database.run('UPDATE cache_mounts SET used = ?, uses = uses + 1, size = NULL WHERE id = ?', Date.now(), id)
    let released = false
    return {
      directory,
      [Symbol.dispose]: () => {
        if (released) return
        released = true
        if (--holder.users === 0) this.#held.delete(id)
        this.#wake()
      },
    }
  }

  #letGo(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const wake = (): void => {
        signal.removeEventListener('abort', abort)
        this.#waiting.delete(wake)
        resolve()
      }
      const abort = (): void => {
        this.#waiting.delete(wake)
        reject(signal.reason)
      }
      this.#waiting.add(wake)
      signal.addEventListener('abort', abort, { once: true })
    })
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake()
  }
}
