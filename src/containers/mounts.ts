import { randomBytes } from 'node:crypto'
import { lstatSync } from 'node:fs'
import { release } from 'node:os'
import { posix } from 'node:path'
import type { HostConfig, MountPoint } from '../api/container.ts'
import { invalidArgument, notImplemented } from '../errdefs.ts'
import { makeDirectories } from '../host/make-directories.ts'
import type { MountSpec } from '../oci/runtime-spec.ts'

/** A mount as asked for, before its volume exists. */
export type MountRequest = {
  readonly type: 'bind' | 'volume' | 'tmpfs'
  /** Host path, or the volume's name (undefined: one of its own). */
  readonly source: string | undefined
  readonly destination: string
  readonly readOnly: boolean
  /** As in `-v`: `z`, `nocopy`, `rslave` … */
  readonly mode: string
  readonly propagation: string
  /** A missing host directory is made (`-v`), or an error (`--mount`). */
  readonly createSource: boolean
  readonly copy: boolean
  readonly labels?: Readonly<Record<string, string>> | undefined
  readonly driverOptions?: Readonly<Record<string, string>> | undefined
  readonly driver?: string | undefined
  readonly tmpfsOptions?: readonly string[] | undefined
}

const PROPAGATIONS = ['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave']
const MODES = ['ro', 'rw', 'z', 'Z', 'nocopy', 'cached', 'delegated', 'consistent', ...PROPAGATIONS]
const VOLUME_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/

/** Without `.`, `..`, doubled slashes and one at the end. */
const cleanPath = (path: string): string => posix.normalize(path).replace(/(.)\/$/, '$1')

const checkDestination = (destination: string, spec: string): string => {
  if (!destination.startsWith('/'))
    throw invalidArgument(
      `invalid volume specification: '${spec}': invalid mount config for type "bind": invalid mount path: '${destination}' mount path must be absolute`,
    )
  const clean = cleanPath(destination)
  if (clean === '/')
    throw invalidArgument(
      `invalid volume specification: '${spec}': invalid mount config for type "bind": invalid specification: destination can't be '/'`,
    )
  return clean
}

/** `-v`'s form: `[source:]destination[:modes]`. Throws InvalidArgument in Docker's words. */
export const parseBind = (spec: string): MountRequest => {
  const parts = spec.split(':')
  if (parts.length > 3 || parts.some(part => part === ''))
    throw invalidArgument(`invalid volume specification: '${spec}'`)
  const [source, destination] = parts.length === 1 ? [undefined, parts[0] as string] : [parts[0], parts[1] as string]
  const modes = (parts[2] ?? '').split(',').filter(Boolean)
  for (const mode of modes) {
    if (!MODES.includes(mode)) throw invalidArgument(`invalid mode: ${parts[2]}`)
  }
  const bind = source?.startsWith('/') ?? false
  if (!bind && source !== undefined && !VOLUME_NAME.test(source)) {
    throw invalidArgument(
      `create ${source}: "${source}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
    )
  }
  return {
    type: bind ? 'bind' : 'volume',
    source: bind ? cleanPath(source as string) : source,
    destination: checkDestination(destination, spec),
    readOnly: modes.includes('ro'),
    mode: parts[2] ?? (bind ? '' : 'z'),
    propagation: modes.find(mode => PROPAGATIONS.includes(mode)) ?? (bind ? 'rprivate' : ''),
    createSource: true,
    copy: !modes.includes('nocopy'),
  }
}

const fromMount = (mount: NonNullable<HostConfig['Mounts']>[number]): MountRequest => {
  const invalid = (reason: string): Error => invalidArgument(`invalid mount config for type "${mount.Type}": ${reason}`)
  if (!mount.Target) throw invalid('field Target must not be empty')
  if (!mount.Target.startsWith('/')) throw invalid(`invalid mount path: '${mount.Target}' mount path must be absolute`)
  const destination = cleanPath(mount.Target)
  if (destination === '/') throw invalid("invalid specification: destination can't be '/'")
  const common = {
    destination,
    readOnly: mount.ReadOnly ?? false,
    mode: '',
    createSource: false,
    copy: true,
  }
  switch (mount.Type) {
    case 'bind': {
      if (!mount.Source) throw invalid('field Source must not be empty')
      if (!mount.Source.startsWith('/'))
        throw invalid(`invalid mount path: '${mount.Source}' mount path must be absolute`)
      const create = mount.BindOptions?.CreateMountpoint ?? false
      if (!create && !exists(mount.Source)) throw invalid(`bind source path does not exist: ${mount.Source}`)
      return {
        ...common,
        type: 'bind',
        source: cleanPath(mount.Source),
        propagation: mount.BindOptions?.Propagation || 'rprivate',
        createSource: create,
      }
    }
    case 'volume':
      if (mount.VolumeOptions?.Subpath) throw notImplemented('volume subpath mounts are not supported')
      return {
        ...common,
        type: 'volume',
        source: mount.Source || undefined,
        mode: 'z',
        propagation: '',
        copy: !mount.VolumeOptions?.NoCopy,
        labels: mount.VolumeOptions?.Labels,
        driver: mount.VolumeOptions?.DriverConfig?.Name,
        driverOptions: mount.VolumeOptions?.DriverConfig?.Options,
      }
    case 'tmpfs': {
      if (mount.Source) throw invalid('field Source must not be specified')
      const { SizeBytes, Mode } = mount.TmpfsOptions ?? {}
      return {
        ...common,
        type: 'tmpfs',
        source: undefined,
        propagation: '',
        tmpfsOptions: [...(SizeBytes ? [`size=${SizeBytes}`] : []), ...(Mode ? [`mode=${Mode.toString(8)}`] : [])],
      }
    }
    default:
      throw invalid('mount type unknown')
  }
}

const exists = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined

/** All mounts that a container asks for, by destination; an image's volumes only where nothing else is mounted. Throws InvalidArgument. */
export const mountRequests = (host: HostConfig, imageVolumes: readonly string[]): MountRequest[] => {
  const requests = new Map<string, MountRequest>()
  const add = (request: MountRequest): void => {
    if (requests.has(request.destination)) throw invalidArgument(`Duplicate mount point: ${request.destination}`)
    requests.set(request.destination, request)
  }
  for (const spec of host.Binds ?? []) add(parseBind(spec))
  for (const mount of host.Mounts ?? []) add(fromMount(mount))
  const tmpfs = Object.keys(host.Tmpfs ?? {}).map(cleanPath)
  for (const path of imageVolumes) {
    const request = parseBind(path)
    if (!requests.has(request.destination) && !tmpfs.includes(request.destination))
      add({ ...request, source: undefined, mode: '' })
  }
  return [...requests.values()]
}

/** The bind's directory on the host, made if it may be. */
export const prepareBindSource = (request: MountRequest): void => {
  if (request.source !== undefined && request.createSource && !exists(request.source)) makeDirectories(request.source)
}

export const anonymousVolumeName = (): string => randomBytes(32).toString('hex')

/** What inspect shows of a mount; `path` is the volume's place on the host. */
export const mountPoint = (request: MountRequest, volume: { name: string; path: string } | undefined): MountPoint =>
  volume
    ? {
        Type: 'volume',
        Name: volume.name,
        Source: volume.path,
        Destination: request.destination,
        Driver: 'local',
        Mode: request.mode,
        RW: !request.readOnly,
        Propagation: request.propagation,
      }
    : {
        Type: request.type,
        Source: request.source ?? '',
        Destination: request.destination,
        Mode: request.mode || (request.tmpfsOptions ?? []).join(','),
        RW: !request.readOnly,
        Propagation: request.propagation,
      }

/** mount_setattr(2) came with Linux 5.12. */
const [MAJOR = 0, MINOR = 0] = release().split('.').map(Number)
const RECURSIVE_READ_ONLY = MAJOR > 5 || (MAJOR === 5 && MINOR >= 12)

/** The runtime's view of the mounts, outer ones first. */
export const mountSpecs = (mounts: readonly MountPoint[], host: Pick<HostConfig, 'Mounts' | 'Tmpfs'>): MountSpec[] => {
  const specs: MountSpec[] = mounts.map(mount => {
    if (mount.Type === 'tmpfs') return tmpfsSpec(mount.Destination, mount.RW ? mount.Mode : `${mount.Mode},ro`)
    const bind = host.Mounts?.find(({ Target }) => cleanPath(Target) === mount.Destination)?.BindOptions
    // What is mounted below a read-only directory is to be read-only as well: the runtime's `rro`.
    const readOnly = mount.Type === 'bind' && RECURSIVE_READ_ONLY && !bind?.ReadOnlyNonRecursive ? 'rro' : 'ro'
    return {
      destination: mount.Destination,
      type: 'bind',
      source: mount.Source,
      options: [bind?.NonRecursive ? 'bind' : 'rbind', mount.Propagation || 'rprivate', mount.RW ? 'rw' : readOnly],
    }
  })
  for (const [path, options] of Object.entries(host.Tmpfs ?? {})) specs.push(tmpfsSpec(cleanPath(path), options))
  const depth = (spec: MountSpec): number => spec.destination.split('/').length
  return specs.sort((a, b) => depth(a) - depth(b))
}

const tmpfsSpec = (destination: string, options: string): MountSpec => ({
  destination,
  type: 'tmpfs',
  source: 'tmpfs',
  options: ['noexec', 'nosuid', 'nodev', ...options.split(',').filter(Boolean)],
})
