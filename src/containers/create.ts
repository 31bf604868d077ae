import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import type {
  ContainerConfig,
  ContainerCreateRequest,
  ContainerCreateResponse,
  HostConfig,
  MountPoint,
  PortMap,
} from '../api/container.ts'
import { invalidArgument, isKind, notFound, notImplemented } from '../errdefs.ts'
import { exec } from '../host/exec.ts'
import { processorVariant } from '../host/processor-variant.ts'
import { portRequests } from '../networks/ports.ts'
import { formatPlatform, hostPlatform, type Platform, parsePlatform, platformDistance } from '../oci/platform.ts'
import { familiarName, parseReference, withDefaultTag } from '../oci/reference.ts'
import { availableCapabilities, capabilitiesFor } from '../runtime/capabilities.ts'
import { resolveInside } from '../runtime/user.ts'
import { mergeConfig } from './configuration.ts'
import { Container, NEW } from './container.ts'
import { bundleDirectory, type ContainerImage, type Context, keptDirectory, publish } from './context.ts'
import { parseSignal } from './kill.ts'
import { anonymousVolumeName, type MountRequest, mountPoint, mountRequests, prepareBindSource } from './mounts.ts'
import { parseNamespaceMode, pinned } from './namespaces.ts'
import { randomName } from './random-name.ts'
import { checkResources } from './resources.ts'
import { checkRestartPolicy } from './restart-policy.ts'
import { securityOptions } from './security.ts'
import type { Forming } from './store.ts'

const LOG_DRIVERS = ['', 'json-file', 'local', 'k8s-file', 'none']

/** Everything about a request that can be wrong without looking at the host. Throws InvalidArgument or NotImplemented. */
const check = (context: Context, config: ContainerConfig, host: HostConfig): void => {
  checkResources(host, context.settings.cpus)
  securityOptions(host.SecurityOpt ?? [], context.settings.config)
  capabilitiesFor({ privileged: host.Privileged, add: host.CapAdd, drop: host.CapDrop }, availableCapabilities())
  portRequests(host.PortBindings, config.ExposedPorts, host.PublishAllPorts ?? false)
  if (host.Runtime && !context.settings.knowsRuntime(host.Runtime))
    throw invalidArgument(`unknown or invalid runtime name: ${host.Runtime}`)
  for (const [kind, mode] of [
    ['pid', host.PidMode],
    ['ipc', host.IpcMode],
    ['uts', host.UTSMode],
  ] as const)
    parseNamespaceMode(kind, mode)
  checkRestartPolicy(host.RestartPolicy)
  if (config.StopSignal) parseSignal(config.StopSignal)
  if (host.AutoRemove && !['', 'no'].includes(host.RestartPolicy?.Name ?? ''))
    throw invalidArgument("can't create 'AutoRemove' container with restart policy")
  if (!LOG_DRIVERS.includes(host.LogConfig?.Type ?? '')) {
    throw invalidArgument(`logger: no log driver named '${host.LogConfig?.Type}' is registered`)
  }
  if (config.WorkingDir && !config.WorkingDir.startsWith('/')) {
    throw invalidArgument(`the working directory '${config.WorkingDir}' is invalid, it needs to be an absolute path`)
  }
  if ((host.DeviceRequests ?? []).length > 0)
    throw notImplemented('could not select device driver "" with capabilities: [[gpu]]')
  if ((host.VolumesFrom ?? []).length > 0) throw notImplemented('--volumes-from is not supported yet')
  if ((host.Links ?? []).length > 0) throw notImplemented('--link is not supported yet')
  if (host.UsernsMode && host.UsernsMode !== 'host') throw invalidArgument('invalid user namespace mode')
}

/** What is not as it may seem: an image of another platform that nobody asked for, a health check that would never run. */
const warningsFor = (image: ContainerImage, platform: Platform | undefined, config: ContainerConfig): string[] => {
  const host = hostPlatform(processorVariant())
  const warnings: string[] = []
  if (platform === undefined && platformDistance(host, image.platform) === undefined) {
    warnings.push(
      `The requested image's platform (${formatPlatform(image.platform)}) does not match the detected host platform (${formatPlatform(host)}) and no specific platform was requested`,
    )
  }
  if (config.Healthcheck?.Test && config.Healthcheck.Test[0] !== 'NONE')
    warnings.push('Health checks are not run yet: the container will have no health status.')
  return warnings
}

const noSuchImage = (name: string, cause?: unknown): Error =>
  notFound(`No such image: ${familiarName(withDefaultTag(parseReference(name)))}`, { cause })

/** The image, of the asked platform. Clients pull what they get a NotFound for. */
const findImage = (context: Context, name: string, platform: Platform | undefined): ContainerImage => {
  try {
    return context.images.get(name, platform)
  } catch (error) {
    // Here, but for other platforms: that error says so.
    if (!isKind(error, 'NotFound') || (platform && context.images.find(name))) throw error
    throw noSuchImage(name, error)
  }
}

/** InvalidArgument, in dockerd's words. Other architectures can be emulated, other systems cannot. */
const requireSystem = ({ platform: { os } }: ContainerImage): void => {
  if (os !== hostPlatform().os) {
    throw invalidArgument(
      `image operating system ${JSON.stringify(os)} cannot be used on this platform: operating system is not supported`,
    )
  }
}

/** Copies what the image has at a volume's place into a new, empty volume, owners and all. */
const fillVolume = async (rootfs: string, destination: string, volume: string): Promise<void> => {
  const source = resolveInside(rootfs, destination)
  if (source === undefined || !statSync(source, { throwIfNoEntry: false })?.isDirectory()) return
  if (readdirSync(volume).length > 0) return
  await exec(['cp', '-a', '--', `${source}/.`, volume])
}

const resolveMounts = async (
  context: Context,
  requests: readonly MountRequest[],
  { id, volumes }: Forming,
  undo: AsyncDisposableStack,
): Promise<MountPoint[]> => {
  const points: MountPoint[] = []
  const fill: { destination: string; path: string }[] = []
  for (const request of requests) {
    if (request.type !== 'volume') {
      prepareBindSource(request)
      points.push(mountPoint(request, undefined))
      continue
    }
    const name = request.source ?? anonymousVolumeName()
    volumes.add(name)
    const volume = context.volumes.ensure(name, {
      driver: request.driver,
      driverOptions: request.driverOptions,
      labels: request.labels,
      anonymous: request.source === undefined,
    })
    if (volume.created) undo.defer(() => context.volumes.removeUnused(name))
    if (request.copy) fill.push({ destination: request.destination, path: volume.path })
    points.push(mountPoint(request, volume))
  }
  if (fill.length > 0) {
    const rootfs = `${bundleDirectory(context, id)}/rootfs`
    mkdirSync(rootfs, { recursive: true })
    context.snapshotter.mount(id, rootfs)
    try {
      for (const { destination, path } of fill) await fillVolume(rootfs, destination, path)
    } finally {
      await context.snapshotter.unmount(rootfs)
      rmSync(bundleDirectory(context, id), { recursive: true, force: true })
    }
  }
  return points
}

const reserveName = (
  context: Context,
  wanted: string | undefined,
  id: string,
): { name: string; reservation: Disposable } => {
  if (wanted !== undefined) {
    return { name: wanted.replace(/^\//, ''), reservation: context.store.reserve(wanted, id) }
  }
  for (let attempt = 0; ; attempt++) {
    const name = randomName(attempt)
    if (context.store.isFree(name)) return { name, reservation: context.store.reserve(name, id) }
  }
}

/** Makes a container: all of it, or nothing. Throws InvalidArgument, NotFound (image), Conflict (name). */
export const createContainer = async (
  context: Context,
  name: string | undefined,
  body: ContainerCreateRequest,
  platform?: string,
): Promise<ContainerCreateResponse> => {
  const { HostConfig: host, NetworkingConfig: networking, ...own } = body
  if (!own.Image) throw invalidArgument('Config cannot be empty in order to create a container')
  const id = randomBytes(32).toString('hex')
  await using undo = new AsyncDisposableStack()
  const { name: chosen, reservation } = reserveName(context, name || undefined, id)
  using _ = reservation
  const wanted = platform === undefined ? undefined : parsePlatform(platform)
  const image = findImage(context, own.Image, wanted)
  requireSystem(image)
  // From here on neither the image nor a volume can be pruned away from below.
  using forming = context.store.form(id, image.id)
  const hostConfig = completeHostConfig(context, host ?? {}, networking)
  // In the host's network a container bears the host's name, unless it is given one.
  const named = own.Hostname || hostConfig.NetworkMode !== 'host' ? own : { ...own, Hostname: hostname() }
  const config = mergeConfig(named, image.config.config ?? {}, id)
  check(context, config, hostConfig)
  const requests = mountRequests(hostConfig, Object.keys(config.Volumes ?? {}))

  context.snapshotter.prepare(
    id,
    image.layers.map(layer => layer.diffId),
  )
  undo.defer(() => context.snapshotter.remove(id))
  const directory = keptDirectory(context, id)
  mkdirSync(directory, { recursive: true, mode: 0o710 })
  undo.defer(() => rmSync(directory, { recursive: true, force: true }))
  const mounts = await resolveMounts(context, requests, forming, undo)
  // What is removed by force goes all the same.
  if (!context.images.find(image.id)) throw noSuchImage(own.Image)

  const container = new Container(
    {
      id,
      name: chosen,
      created: new Date().toISOString(),
      image: image.id,
      imageName: own.Image,
      os: image.platform.os,
      platform: image.platform,
      manifest: context.images.manifest(image.id),
      config: { ...config, Image: own.Image },
      hostConfig,
      mounts,
    },
    NEW,
  )
  context.store.insert(container)
  undo.move()
  publish(context, container, 'create')
  return { Id: id, Warnings: warningsFor(image, wanted, config) }
}

/** Bindings with both of their fields, as inspect shows them. */
const withAddresses = (bindings: PortMap): PortMap =>
  Object.fromEntries(
    Object.entries(bindings).map(([key, hosts]) => [
      key,
      hosts?.map(({ HostIp = '', HostPort = '' }) => ({ HostIp, HostPort })) ?? null,
    ]),
  )

/** What inspect shows for what the client left out. */
const completeHostConfig = (
  context: Context,
  host: HostConfig,
  networking: ContainerCreateRequest['NetworkingConfig'],
): HostConfig => {
  const { settings } = context
  const named = Object.keys(networking?.EndpointsConfig ?? {})[0]
  const asked = host.NetworkMode && host.NetworkMode !== 'default' ? host.NetworkMode : named
  const mode = asked === undefined || asked === 'default' ? 'bridge' : asked
  const ulimits = [
    ...(host.Ulimits ?? []),
    ...Object.values(settings.config.defaultUlimits).filter(
      ({ Name }) => !host.Ulimits?.some(own => own.Name === Name),
    ),
  ]
  return {
    ...host,
    NetworkMode: pinned(context.store, 'network', mode),
    ...(host.PidMode ? { PidMode: pinned(context.store, 'pid', host.PidMode) } : {}),
    RestartPolicy: {
      Name: host.RestartPolicy?.Name || 'no',
      MaximumRetryCount: host.RestartPolicy?.MaximumRetryCount ?? 0,
    },
    LogConfig: { Type: host.LogConfig?.Type || settings.config.logDriver, Config: host.LogConfig?.Config ?? {} },
    Runtime: host.Runtime || settings.config.defaultRuntime,
    ShmSize: host.ShmSize || settings.config.defaultShmSize,
    IpcMode: pinned(context.store, 'ipc', host.IpcMode || 'private'),
    CgroupnsMode: host.CgroupnsMode || (settings.cgroupVersion === 2 ? 'private' : 'host'),
    PortBindings: withAddresses(host.PortBindings ?? {}),
    // As much swap again as memory, unless told otherwise.
    MemorySwap: host.MemorySwap || (host.Memory ?? 0) * 2,
    ...(ulimits.length > 0 ? { Ulimits: ulimits } : {}),
  }
}
