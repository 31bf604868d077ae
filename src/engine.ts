import { createHash, randomUUID } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { applyChanges } from './builder/apply-changes.ts'
import { Builder } from './builder/builder.ts'
import { createRunStep } from './builder/run-step.ts'
import type { Config } from './config.ts'
import { Containers } from './containers/containers.ts'
import type { ContainerSettings } from './containers/context.ts'
import { ExecTable } from './containers/exec-table.ts'
import { ContainerStore } from './containers/store.ts'
import { Database } from './database.ts'
import { invalidArgument } from './errdefs.ts'
import { Events } from './events.ts'
import { cgroupVersion, removeEmptyCgroups } from './host/cgroup.ts'
import { findProgram } from './host/find-program.ts'
import { makeDirectories } from './host/make-directories.ts'
import { mountsBelow } from './host/mount.ts'
import { MNT, umount } from './host/syscalls.ts'
import type { DistributionSettings } from './images/distribution.ts'
import { GarbageCollector } from './images/garbage-collector.ts'
import { Images } from './images/images.ts'
import type { Logger } from './log.ts'
import { Networks } from './networks/networks.ts'
import { parseCidr } from './networks/subnet.ts'
import { Exits } from './runtime/exits.ts'
import { callRuntime, type OciRuntime, RuntimeError } from './runtime/oci-runtime.ts'
import { ContentStore } from './storage/content/content-store.ts'
import { OverlaySnapshotter } from './storage/snapshots/overlay-snapshotter.ts'
import { Volumes } from './volumes/volumes.ts'

const DEFAULT_ROOTS = '/var/lib/tare\0/run/tare'
/** Docker's, in Docker's order. */
const DEFAULT_POOLS: Config['defaultAddressPools'] = [
  { base: '172.17.0.0/16', size: 16 },
  { base: '172.18.0.0/15', size: 16 },
  { base: '172.20.0.0/14', size: 16 },
  { base: '172.24.0.0/13', size: 16 },
  { base: '192.168.0.0/16', size: 20 },
]
/** Programs that can be a container's process 1: they stand alone, without the libraries of a distribution. */
const INIT_PROGRAMS = ['docker-init', 'tini-static', 'catatonit']
const RUNC_NAMES = ['runc', 'io.containerd.runc.v2', 'linux']

/** What every host-wide name of an engine begins with: at most 11 characters, and another one for other roots. */
export const instanceName = (dataRoot: string, execRoot: string): string => {
  const roots = `${dataRoot}\0${execRoot}`
  return roots === DEFAULT_ROOTS ? 'tare' : `tare-${createHash('sha256').update(roots).digest('hex').slice(0, 6)}`
}

/** The nouns of one data root, composed: what the daemon serves, and what a program embeds. */
export class Engine implements AsyncDisposable {
  readonly config: Config
  readonly log: Logger
  readonly instance: string
  /** Stays the same for the life of the data root. */
  readonly id: string
  readonly database: Database
  readonly events: Events
  readonly content: ContentStore
  readonly snapshotter: OverlaySnapshotter
  readonly images: Images
  readonly networks: Networks
  readonly volumes: Volumes
  readonly containers: Containers
  readonly builder: Builder
  readonly #exits: Exits
  #collector: GarbageCollector | undefined

  /** Boots an engine: state from SQLite, held against what the host shows, adopted or swept. The caller owns the data root. */
  static async boot(config: Config, log: Logger): Promise<Engine> {
    const engine = new Engine(config, log)
    try {
      await engine.#adopt()
      const { images, events } = engine
      engine.#collector = new GarbageCollector({ upkeep: images.upkeep, events, policy: () => config.imageGc, log })
      return engine
    } catch (error) {
      await engine[Symbol.asyncDispose]()
      throw error
    }
  }

  private constructor(config: Config, log: Logger) {
    const { dataRoot, execRoot } = config
    this.config = config
    this.log = log
    this.instance = instanceName(dataRoot, execRoot)
    makeDirectories(dataRoot, 0o711)
    makeDirectories(execRoot, 0o711)
    this.id = engineId(dataRoot)
    this.database = new Database(join(dataRoot, 'tare.db'))
    this.events = new Events()
    const { database, events } = this
    this.content = new ContentStore(dataRoot)
    const mounts = [config.execRoot, dataRoot]
    this.snapshotter = new OverlaySnapshotter({ root: dataRoot, mounts, database, maxLayerSize: config.maxLayerSize })
    this.images = new Images({
      database,
      events,
      content: this.content,
      snapshotter: this.snapshotter,
      inUse: id => this.containers.usersOfImage(id),
      applyChanges,
      distribution: () => distributionSettings(config),
    })
    this.networks = new Networks(
      {
        instance: this.instance,
        directory: join(execRoot, 'netns'),
        bip: config.bip,
        fixedCidr: config.fixedCidr,
        pools: (config.defaultAddressPools.length > 0 ? config.defaultAddressPools : DEFAULT_POOLS).map(
          ({ base, size }) => ({ base: parseCidr(base).subnet, size }),
        ),
        mtu: config.mtu,
        icc: config.icc,
        ipForward: config.ipForward,
        ipMasq: config.ipMasq,
        filter: config.firewall,
      },
      database,
      log,
    )
    this.volumes = new Volumes({
      database,
      events,
      root: join(dataRoot, 'volumes'),
      inUse: name => this.containers.usersOfVolume(name),
    })
    this.#exits = new Exits(join(execRoot, 'exits'))
    this.containers = new Containers({
      store: new ContainerStore(database),
      execs: new ExecTable(),
      images: this.images,
      snapshotter: this.snapshotter,
      networks: this.networks,
      volumes: this.volumes,
      exits: this.#exits,
      events,
      log,
      settings: containerSettings(config, this.instance),
      background: new Set(),
    })
    this.builder = new Builder({
      database,
      events,
      images: this.images,
      snapshotter: this.snapshotter,
      runStep: createRunStep(this.networks, {
        directory: join(execRoot, 'steps'),
        defaults: () => ({
          cgroupParent: cgroupParent(config, this.instance),
          shmSize: config.defaultShmSize,
          ulimits: Object.values(config.defaultUlimits),
        }),
        dns: () => ({ servers: config.dns, search: config.dnsSearch, options: config.dnsOptions }),
        runtime: () => ociRuntime(config, config.defaultRuntime),
      }),
      allowed: () => config.buildEntitlements,
      root: join(dataRoot, 'builder'),
    })
  }

  /** Lets go of everything but the containers, which run on. */
  async [Symbol.asyncDispose](): Promise<void> {
    using _database = this.database
    using _networks = this.networks
    // No more exits are taken up: the next engine finds them on file.
    this.#exits[Symbol.dispose]()
    await this.#collector?.[Symbol.asyncDispose]()
    await this.containers[Symbol.asyncDispose]()
    await this.images[Symbol.asyncDispose]()
    // A group of the user's own stays: others may count on it.
    if (this.config.cgroupParent === '') removeEmptyCgroups(`/${this.instance}`)
  }

  async #adopt(): Promise<void> {
    await this.#sweepSteps()
    await this.builder.recover()
    await this.containers.adopt()
    await this.images.adoptOrSweep()
    await this.snapshotter.sweep()
    await this.volumes.sweep()
  }

  /** Build steps do not outlive their daemon: what one that died left of them is taken down. */
  async #sweepSteps(): Promise<void> {
    const { dataRoot, execRoot } = this.config
    const directory = join(execRoot, 'steps')
    const runtime = ociRuntimeOrUndefined(this.config)
    for (const id of existsSync(directory) ? readdirSync(directory) : []) {
      if (runtime)
        await callRuntime(runtime, ['delete', '--force', id]).catch(error =>
          this.log.debug({ err: error }, 'step is gone'),
        )
      rmSync(join(directory, id), { recursive: true, force: true })
    }
    for (const point of mountsBelow(join(dataRoot, 'builder'))) umount(point, MNT.DETACH)
  }
}

/** Where certificates for registries lie, as Docker has them, and our own. */
const CERTS_DIRECTORIES = ['/etc/docker/certs.d', '/etc/tare/certs.d']

const distributionSettings = (config: Config): DistributionSettings => ({
  registry: {
    mirrors: config.registryMirrors,
    insecure: config.insecureRegistries,
    certsDirectories: CERTS_DIRECTORIES,
    httpProxy: config.httpProxy || fromEnvironment('HTTP_PROXY'),
    httpsProxy: config.httpsProxy || fromEnvironment('HTTPS_PROXY'),
    noProxy: config.noProxy || fromEnvironment('NO_PROXY'),
    maxAttempts: config.maxDownloadAttempts,
    timeout: config.registryTimeout,
  },
  // 0 is no limit.
  maxConcurrentDownloads: config.maxConcurrentDownloads || Number.POSITIVE_INFINITY,
  maxConcurrentUploads: config.maxConcurrentUploads || Number.POSITIVE_INFINITY,
})

const fromEnvironment = (name: string): string => process.env[name] ?? process.env[name.toLowerCase()] ?? ''

/** A name for the data root, made once. */
const engineId = (dataRoot: string): string => {
  const path = join(dataRoot, 'engine-id')
  if (!existsSync(path)) {
    writeFileSync(`${path}.new`, randomUUID(), { mode: 0o600, flush: true })
    renameSync(`${path}.new`, path)
  }
  return readFileSync(path, 'utf8').trim()
}

const cgroupParent = (config: Config, instance: string): string => config.cgroupParent || `/${instance}`

/** The runtime of this name. Throws InvalidArgument for one that is not configured, RuntimeError for one that is not installed. */
const ociRuntime = (config: Config, name: string): OciRuntime => {
  const configured = config.runtimes[name]
  if (!configured && !RUNC_NAMES.includes(name)) throw invalidArgument(`unknown or invalid runtime name: ${name}`)
  const path = installed([configured?.path ?? 'runc'], 'install it, or ask `tare doctor`')
  return { name, path, args: configured?.runtimeArgs ?? [], root: join(config.execRoot, 'runtime') }
}

const ociRuntimeOrUndefined = (config: Config): OciRuntime | undefined => {
  try {
    return ociRuntime(config, config.defaultRuntime)
  } catch {
    return undefined
  }
}

const containerSettings = (config: Config, instance: string): ContainerSettings => ({
  config,
  instance,
  directory: join(config.dataRoot, 'containers'),
  runDirectory: join(config.execRoot, 'containers'),
  execDirectory: join(config.execRoot, 'exec'),
  cgroupParent: cgroupParent(config, instance),
  cgroupVersion: cgroupVersion(),
  cpus: cpus().length,
  conmon: () => installed(['conmon'], 'install it, or ask `tare doctor`'),
  initProgram: () => installed(config.initPath ? [config.initPath] : INIT_PROGRAMS, 'install tini, or set --init-path'),
  knowsRuntime: name => name in config.runtimes || RUNC_NAMES.includes(name),
  runtime: name => ociRuntime(config, name),
})

/** The path of the first of these programs that is there. Throws RuntimeError in Docker's words, with what to do about it. */
const installed = (names: readonly string[], advice: string): string => {
  const path = names.map(findProgram).find(found => found !== undefined)
  if (path === undefined)
    throw new RuntimeError(`exec: ${JSON.stringify(names[0])}: executable file not found in $PATH (${advice})`)
  return path
}
