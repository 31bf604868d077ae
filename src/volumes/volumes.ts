import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Filters } from '../api/filters.ts'
import type { VolumeCreateRequest, VolumeInspect, VolumePruneResponse } from '../api/volume.ts'
import type { Database, Schema } from '../database.ts'
import { conflict, internal, isKind, notFound } from '../errdefs.ts'
import type { Events } from '../events.ts'
import { directorySize } from './directory-size.ts'
import { ANONYMOUS_LABEL, pruneFilter, volumeFilter } from './volume-filter.ts'
import { checkName, checkOptions } from './volume-request.ts'

/** A volume as it is recorded. */
export type Volume = {
  readonly name: string
  readonly labels: Readonly<Record<string, string>> | null
  readonly options: Readonly<Record<string, string>> | null
  /** RFC 3339. */
  readonly createdAt: string
}

export type EnsureOptions = {
  readonly driver?: string | undefined
  readonly driverOptions?: Readonly<Record<string, string>> | undefined
  readonly labels?: Readonly<Record<string, string>> | undefined
  readonly anonymous?: boolean
}

type Row = { name: string; labels: string | null; options: string | null; created_at: string }

const SCHEMA: Schema = {
  room: 'volumes',
  migrations: [
    'CREATE TABLE volumes (name TEXT PRIMARY KEY, labels TEXT, options TEXT, created_at TEXT NOT NULL) STRICT, WITHOUT ROWID',
  ],
}

/** Directories on their way out; a name that no volume can have. */
const REMOVING = '.removing-'

export type VolumesOptions = {
  readonly database: Database
  readonly events: Events
  /** Volumes lie at `<root>/<name>/_data`. */
  readonly root: string
  /** The ids of the containers, running or not, that have the volume. */
  readonly inUse: (name: string) => readonly string[]
}

/** Named directories that outlive the containers that mount them. Docker's `local` driver. */
export class Volumes {
  readonly #database: Database
  readonly #events: Events
  readonly #root: string
  readonly #inUse: (name: string) => readonly string[]

  constructor(options: VolumesOptions) {
    this.#database = options.database
    this.#events = options.events
    this.#root = options.root
    this.#inUse = options.inUse
    this.#database.migrate(SCHEMA)
    mkdirSync(this.#root, { recursive: true, mode: 0o701 })
  }

  /** Makes a volume, or gives the one of that name. Without a name it is anonymous. Throws InvalidArgument, NotFound (driver). */
  create(request: VolumeCreateRequest): VolumeInspect {
    const name = request.Name || randomBytes(32).toString('hex')
    return this.#inspect(this.#find(name) ?? this.#make(name, request, !request.Name))
  }

  /** The volume that a container asks for by `-v name:/path`, made now when there is none. Throws as `create` and `path` do. */
  ensure(
    name: string,
    options: EnsureOptions = {},
  ): { readonly name: string; readonly path: string; readonly created: boolean } {
    const created = !this.has(name)
    if (created) {
      const { driver, driverOptions, labels, anonymous } = options
      this.#make(name, { Driver: driver, DriverOpts: driverOptions, Labels: labels }, anonymous ?? false)
    }
    return { name, path: this.path(name), created }
  }

  /** The directory to mount into a container. Throws NotFound; Internal when a bound directory is not there. */
  path(name: string): string {
    const { options } = this.#get(name)
    if (options?.device === undefined) return this.#data(name)
    // A volume of `type=none,o=bind` is its device: mounting that again at `_data` would only add a mount.
    if (!existsSync(options.device)) {
      const data = this.#data(name)
      throw internal(
        `error while mounting volume '${data}': failed to mount local volume: mount ${options.device}:${data}, flags: 0x1000: no such file or directory`,
      )
    }
    return options.device
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined
  }

  /** Throws NotFound. */
  inspect(name: string): VolumeInspect {
    return this.#inspect(this.#get(name))
  }

  /** In the order of their names. Throws InvalidArgument for a filter that is none. */
  list(filters: Filters = {}): VolumeInspect[] {
    const matches = volumeFilter(filters, name => this.#inUse(name).length > 0)
    return this.#all()
      .filter(matches)
      .map(volume => this.#inspect(volume))
  }

  /** As `list`, with what each takes on disk (bytes) and how many containers have it. */
  async usage(): Promise<VolumeInspect[]> {
    const found: VolumeInspect[] = []
    for (const volume of this.#all()) {
      const UsageData = { RefCount: this.#inUse(volume.name).length, Size: await this.#size(volume) }
      found.push({ ...this.#inspect(volume), UsageData })
    }
    return found
  }

  /** Removes the volume and what is in it. Throws Conflict while a container has it, NotFound unless `force`. */
  async remove(name: string, options: { force?: boolean } = {}): Promise<void> {
    try {
      this.#get(name)
    } catch (error) {
      if (options.force && isKind(error, 'NotFound')) return
      throw error
    }
    const users = this.#inUse(name)
    if (users.length > 0) throw conflict(`remove ${name}: volume is in use - [${users.join(', ')}]`)
    await this.#destroy(name)
  }

  /** Takes back a volume that was made for a container which came to nothing. Quiet when it is gone or in use. */
  async removeUnused(name: string): Promise<void> {
    if (this.has(name) && this.#inUse(name).length === 0) await this.#destroy(name)
  }

  /** Removes what no container has: anonymous volumes, all of them with the filter `all`. Throws InvalidArgument. */
  async prune(filters: Filters = {}, signal?: AbortSignal): Promise<VolumePruneResponse> {
    const matches = pruneFilter(filters)
    const deleted: string[] = []
    let reclaimed = 0
    for (const volume of this.#all().filter(matches)) {
      if (signal?.aborted) break
      if (this.#inUse(volume.name).length > 0) continue
      const size = await this.#size(volume)
      // Measuring took a while: a container may have come, or the volume gone.
      if (this.#inUse(volume.name).length > 0 || !this.has(volume.name)) continue
      await this.#destroy(volume.name)
      deleted.push(volume.name)
      reclaimed += size
    }
    this.#events.publish('volume', 'prune', '', { reclaimed: String(reclaimed) })
    return { VolumesDeleted: deleted, SpaceReclaimed: reclaimed }
  }

  /** Finishes removals that a crash cut short. Directories without a record are left: they may be all that is left of data. */
  async sweep(): Promise<void> {
    for (const entry of readdirSync(this.#root)) {
      if (entry.startsWith(REMOVING)) await rm(join(this.#root, entry), { recursive: true, force: true })
    }
  }

  #make(name: string, request: Omit<VolumeCreateRequest, 'Name'>, anonymous: boolean): Volume {
    const driver = request.Driver || 'local'
    if (driver !== 'local') {
      throw notFound(
        `create ${name}: error looking up volume plugin ${driver}: plugin ${JSON.stringify(driver)} not found`,
      )
    }
    checkName(name)
    const options = emptyToNull(request.DriverOpts)
    if (options !== null) checkOptions(name, options)
    // dockerd answers null where nothing was sent, and what was sent otherwise; anonymous volumes are marked as such.
    const labels = anonymous ? { ...request.Labels, [ANONYMOUS_LABEL]: '' } : (request.Labels ?? null)
    const createdAt = `${new Date().toISOString().slice(0, 19)}Z`
    mkdirSync(this.#data(name), { recursive: true, mode: 0o755 })
    const asText = (map: object | null) => (map === null ? null : JSON.stringify(map))
    this.#database.run(
      'INSERT INTO volumes (name, labels, options, created_at) VALUES (?, ?, ?, ?)',
      name,
      asText(labels),
      asText(options),
      createdAt,
    )
    this.#events.publish('volume', 'create', name, { driver: 'local' })
    return { name, labels, options, createdAt }
  }

  async #destroy(name: string): Promise<void> {
    const aside = join(this.#root, `${REMOVING}${randomBytes(8).toString('hex')}`)
    const directory = join(this.#root, name)
    // First out of the way, then out of the record: a crash between leaves an empty volume, never half of one.
    if (existsSync(directory)) renameSync(directory, aside)
    this.#database.run('DELETE FROM volumes WHERE name = ?', name)
    this.#events.publish('volume', 'destroy', name, { driver: 'local' })
    await rm(aside, { recursive: true, force: true })
  }

  #find(name: string): Volume | undefined {
    const row = this.#database.get<Row>('SELECT name, labels, options, created_at FROM volumes WHERE name = ?', name)
    return row && fromRow(row)
  }

  #get(name: string): Volume {
    const volume = this.#find(name)
    if (volume === undefined) throw notFound(`get ${name}: no such volume`)
    return volume
  }

  #all(): Volume[] {
    return this.#database.all<Row>('SELECT name, labels, options, created_at FROM volumes ORDER BY name').map(fromRow)
  }

  #data(name: string): string {
    return join(this.#root, name, '_data')
  }

  #size(volume: Volume): Promise<number> {
    // What a bound directory holds is not the volume's.
    return volume.options === null ? directorySize(this.#data(volume.name)) : Promise.resolve(0)
  }

  #inspect({ name, labels, options, createdAt }: Volume): VolumeInspect {
    return {
      CreatedAt: createdAt,
      Driver: 'local',
      Labels: labels,
      Mountpoint: this.#data(name),
      Name: name,
      Options: options,
      Scope: 'local',
    }
  }
}

const fromRow = (row: Row): Volume => ({
  name: row.name,
  labels: row.labels === null ? null : JSON.parse(row.labels),
  options: row.options === null ? null : JSON.parse(row.options),
  createdAt: row.created_at,
})

const emptyToNull = (
  map: Readonly<Record<string, string>> | null | undefined,
): Readonly<Record<string, string>> | null =>
  map === null || map === undefined || Object.keys(map).length === 0 ? null : map
