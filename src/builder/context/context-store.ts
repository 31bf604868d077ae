import { closeSync, mkdirSync, openSync, readdirSync, readSync, rmSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Database, Schema } from '../../database.ts'
import type { Content, ContentSource } from './context-tree.ts'
import { PackWriter } from './pack-writer.ts'

const SCHEMA: Schema = {
  room: 'build contexts',
  migrations: [
    `CREATE TABLE context_packs (
      id INTEGER PRIMARY KEY,
      size INTEGER NOT NULL,
      created INTEGER NOT NULL,
      used INTEGER NOT NULL,
      durable INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE context_files (
      digest TEXT PRIMARY KEY,
      pack INTEGER NOT NULL,
      offset INTEGER NOT NULL,
      size INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX context_files_by_pack ON context_files (pack)`,
  ],
}

/** Bytes of all packs together, and their number: what has been out of use longest goes. */
const SIZE_LIMIT = 4 * 1024 ** 3
const PACK_LIMIT = 256
/** Digests asked for in one statement. */
const BATCH = 2000
/** Milliseconds: a use is not written down again within this time. */
const USED_EXACTNESS = 60_000

export type ContextPack = {
  readonly id: number
  /** Bytes. */
  readonly size: number
  /** Milliseconds since the epoch. */
  readonly created: number
  readonly used: number
  readonly inUse: boolean
}

type Row = { id: number; size: number; created: number; used: number }
type FileRow = { digest: string; pack: number; offset: number; size: number }
type OpenPack = ContentSource & { readonly id: number; readonly fd: number; users: number }

/**
 * The contents of files that clients have sent for builds, by digest, so that they need not send them again. What one
 * build brings lies in one file, a pack, the contents one behind the other. A cache: whatever is lost is sent again, so a
 * pack counts from the moment it is written, and is waited for on the disk only behind the build.
 */
export class ContextStore {
  readonly #directory: string
  readonly #database: Database
  readonly #limits: { readonly bytes: number; readonly packs: number }
  readonly #open = new Map<number, OpenPack>()

  /** `directory`: the store's own; it is made. */
  constructor(directory: string, database: Database, limits = { bytes: SIZE_LIMIT, packs: PACK_LIMIT }) {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    this.#directory = directory
    this.#database = database
    this.#limits = limits
    database.migrate(SCHEMA)
  }

  /** Removes what a daemon that died has left half done, and what is not known. Before the first build. */
  recover(): void {
    const database = this.#database
    for (const { id } of database.all<{ id: number }>('SELECT id FROM context_packs WHERE durable = 0')) this.remove(id)
    const known = new Map(this.#rows().map(({ id, size }) => [String(id), size]))
    for (const name of readdirSync(this.#directory)) {
      const path = join(this.#directory, name)
      if (known.get(name) === statSync(path).size) known.delete(name)
      else rmSync(path, { force: true })
    }
    for (const id of known.keys()) this.remove(Number(id))
  }

  /** All packs, the longest unused first. */
  list(): ContextPack[] {
    return this.#rows().map(row => ({ ...row, inUse: this.#open.has(row.id) }))
  }

  /** Forgets a pack; builds that use it go on with it. Gives the bytes freed. */
  remove(id: number): number {
    return this.#database.transaction(() => {
      const size = this.#database.get<{ size: number }>('SELECT size FROM context_packs WHERE id = ?', id)?.size ?? 0
      this.#database.run('DELETE FROM context_files WHERE pack = ?', id)
      this.#database.run('DELETE FROM context_packs WHERE id = ?', id)
      rmSync(join(this.#directory, String(id)), { force: true })
      return size
    })
  }

  /** What one build takes from the store and brings to it. */
  lease(): ContextLease {
    return new ContextLease({
      find: digests => this.#find(digests),
      use: id => this.#use(id),
      release: id => this.#release(id),
      write: () => this.#write(),
      record: (writer, files) => this.#record(writer, files),
      discard: writer => this.#discard(writer),
      settle: id => void this.#settle(id),
    })
  }

  #rows(): Row[] {
    return this.#database.all<Row>('SELECT id, size, created, used FROM context_packs ORDER BY used, id')
  }

  #find(digests: readonly string[]): Map<string, FileRow> {
    const found = new Map<string, FileRow>()
    for (let at = 0; at < digests.length; at += BATCH) {
      const rows = this.#database.all<FileRow>(
        'SELECT digest, pack, offset, size FROM context_files WHERE digest IN (SELECT value FROM json_each(?))',
        JSON.stringify(digests.slice(at, at + BATCH)),
      )
      for (const row of rows) found.set(row.digest, row)
    }
    return found
  }

  #use(id: number): OpenPack | undefined {
    const known = this.#open.get(id)
    if (known !== undefined) {
      known.users++
      return known
    }
    let fd: number
    try {
      fd = openSync(join(this.#directory, String(id)), 'r')
    } catch {
      // Taken away by hand: what it held is sent again.
      this.remove(id)
      return undefined
    }
    const pack: OpenPack = { id, fd, users: 1, read: (buffer, at) => readSync(fd, buffer, 0, buffer.length, at) }
    this.#open.set(id, pack)
    const now = Date.now()
    this.#database.note('UPDATE context_packs SET used = ? WHERE id = ? AND used < ?', now, id, now - USED_EXACTNESS)
    return pack
  }

  #release(id: number): void {
    const pack = this.#open.get(id)
    if (pack === undefined || --pack.users > 0) return
    this.#open.delete(id)
    closeSync(pack.fd)
  }

  #write(): PackWriter {
    const now = Date.now()
    const id = this.#database.transaction(() => {
      this.#database.run('INSERT INTO context_packs (size, created, used) VALUES (0, ?, ?)', now, now)
      return (this.#database.get<{ id: number }>('SELECT last_insert_rowid() AS id') as { id: number }).id
    })
    return new PackWriter(id, join(this.#directory, String(id)))
  }

  #record(writer: PackWriter, files: readonly Omit<FileRow, 'pack'>[]): void {
    const { id } = writer
    writer.flush()
    this.#database.transaction(() => {
      for (const { digest, offset, size } of files) {
        this.#database.run(
          'INSERT OR REPLACE INTO context_files (digest, pack, offset, size) VALUES (?, ?, ?, ?)',
          digest,
          id,
          offset,
          size,
        )
      }
      this.#database.run('UPDATE context_packs SET size = ? WHERE id = ?', writer.length, id)
    })
  }

  #discard(writer: PackWriter): void {
    writer.flush()
    this.remove(writer.id)
  }

  /** Makes room for a pack that is in use by now, and notes it as lasting when the disk has it. */
  async #settle(id: number): Promise<void> {
    this.#evict()
    try {
      await using file = await open(join(this.#directory, String(id)), 'r')
      await file.datasync()
      this.#database.note('UPDATE context_packs SET durable = 1 WHERE id = ?', id)
    } catch {
      // Gone already, or the engine has ended: without the note the next one removes it.
    }
  }

  #evict(): void {
    const rows = this.#rows()
    let bytes = rows.reduce((sum, { size }) => sum + size, 0)
    let packs = rows.length
    for (const { id, size } of rows) {
      if (bytes <= this.#limits.bytes && packs <= this.#limits.packs) return
      if (this.#open.has(id)) continue
      this.remove(id)
      bytes -= size
      packs--
    }
  }
}

type LeaseParts = {
  find(digests: readonly string[]): Map<string, FileRow>
  use(id: number): OpenPack | undefined
  release(id: number): void
  write(): PackWriter
  record(writer: PackWriter, files: readonly Omit<FileRow, 'pack'>[]): void
  discard(writer: PackWriter): void
  settle(id: number): void
}

/** What one build has of the store, until it is disposed. */
export class ContextLease implements Disposable {
  readonly #store: LeaseParts
  readonly #packs = new Map<number, OpenPack>()

  constructor(store: LeaseParts) {
    this.#store = store
  }

  /** Fills in those that are here; gives the others. */
  fill(contents: readonly Content[]): Content[] {
    const found = this.#store.find([...new Set(contents.flatMap(({ digest }) => (digest === '' ? [] : [digest])))])
    return contents.filter(content => {
      const file = found.get(content.digest)
      const source = file && this.#pack(file.pack)
      if (file === undefined || source === undefined) return true
      content.source = source
      content.offset = file.offset
      content.size = file.size
      return false
    })
  }

  /**
   * Takes contents as they arrive: `receive` gets a writer, and tells of each what it was. They are found by others, and
   * their sources are filled in, when it has ended well; else nothing stays.
   */
  async bring(receive: (writer: PackWriter) => Promise<readonly Content[]>): Promise<void> {
    const writer = this.#store.write()
    let contents: readonly Content[]
    try {
      contents = await receive(writer)
      this.#store.record(writer, contents)
    } catch (error) {
      this.#store.discard(writer)
      throw error
    } finally {
      writer[Symbol.dispose]()
    }
    const source = this.#pack(writer.id)
    for (const content of contents) content.source = source
    this.#store.settle(writer.id)
  }

  #pack(id: number): OpenPack | undefined {
    const known = this.#packs.get(id)
    if (known !== undefined) return known
    const pack = this.#store.use(id)
    if (pack !== undefined) this.#packs.set(id, pack)
    return pack
  }

  [Symbol.dispose](): void {
    for (const id of this.#packs.keys()) this.#store.release(id)
    this.#packs.clear()
  }
}
