import { mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { posix } from 'node:path'
import { codeOf, conflict, messageOf, notFound } from '../errdefs.ts'
import { hostsFile } from '../networks/hosts-file.ts'
import type { Endpoint, Sandbox } from '../networks/networks.ts'
import { portRequests } from '../networks/ports.ts'
import { hostResolvConf, resolvConf } from '../networks/resolv-conf.ts'
import type { MountSpec, NamespaceType } from '../oci/runtime-spec.ts'
import { availableCapabilities } from '../runtime/capabilities.ts'
import type { Exit } from '../runtime/exits.ts'
import { createMonitored } from '../runtime/monitor.ts'
import { callRuntime } from '../runtime/oci-runtime.ts'
import { startCreated } from '../runtime/start-created.ts'
import { Stdio } from '../runtime/stdio.ts'
import { resolveInside, resolveUser } from '../runtime/user.ts'
import type { Container } from './container.ts'
import {
  bundleDirectory,
  type Context,
  inBackground,
  keptDirectory,
  logPathOf,
  publish,
  publishNetwork,
  rootfsOf,
} from './context.ts'
import { mountSpecs } from './mounts.ts'
import { namespaceOf, parseNamespaceMode } from './namespaces.ts'
import { requireProcessor } from './processor.ts'
import { removeLocked } from './remove.ts'
import { deviceSpecs } from './resources.ts'
import { containerSpec } from './spec.ts'
import { startFailure } from './start-failure.ts'
import { requireAllowed } from './state.ts'

type Joined = Partial<Record<NamespaceType, string | undefined>>

/** Starts a container that does not run. Throws NotModified when it does, and Docker's words for what the runtime refuses. */
export const startContainer = async (context: Context, container: Container): Promise<void> => {
  using _ = await container.lock.acquire()
  await startLocked(context, container)
  // Started by hand, it has all of its policy's tries again.
  if (container.life.restartCount > 0) context.store.update(container, { restartCount: 0 })
}

/** The same for a caller that holds the container's lock. */
export const startLocked = async (context: Context, container: Container): Promise<void> => {
  requireAllowed('start', container)
  clearTimeout(container.restartTimer)
  try {
    await launch(context, container)
  } catch (cause) {
    const { error, exitCode } = startFailure(cause)
    container.stdio?.end()
    container.stdio = undefined
    const kept = context.store.record(container, {
      status: container.life.startedAt ? 'exited' : 'created',
      pid: 0,
      exitCode,
      error: error.message,
      endpoint: undefined,
    })
    inBackground(context, 'recording a failed start', kept)
    container.tell('exited')
    // A client of `run --rm` waits for the removal, whatever came before it.
    if (container.record.hostConfig.AutoRemove) await removeLocked(context, container, { removeVolumes: true })
    throw error
  }
}

/** Everything between "not running" and "running"; what was acquired is given back in reverse when a step fails. */
const launch = async (context: Context, container: Container): Promise<void> => {
  const { settings, snapshotter, networks, store } = context
  const { id } = container
  const { config, hostConfig: host } = container.record
  const runtime = settings.runtime(host.Runtime || settings.config.defaultRuntime)
  const bundle = bundleDirectory(context, id)
  const rootfs = rootfsOf(context, id)
  await using undo = new AsyncDisposableStack()

  // What failed after the last exit is tried once more.
  await container.unmounted.catch(() => snapshotter.unmount(rootfs))
  await container.forgotten.catch(() => callRuntime(runtime, ['delete', '--force', id]))
  rmSync(bundle, { recursive: true, force: true })
  mkdirSync(rootfs, { recursive: true, mode: 0o711 })
  undo.defer(() => rmSync(bundle, { recursive: true, force: true }))
  snapshotter.mount(id, rootfs, { volatile: host.AutoRemove ?? false })
  undo.defer(() => snapshotter.unmount(rootfs))
  await requireProcessor(container, rootfs)

  const { joined, sandbox } = enterNetwork(context, container, undo)
  joinNamespaces(context, container, joined)
  const tty = config.Tty ?? false
  writeFileSync(
    `${bundle}/config.json`,
    JSON.stringify(
      containerSpec({
        id,
        config,
        host,
        rootfs,
        user: resolveUser(rootfs, config.User ?? '', host.GroupAdd ?? []),
        mounts: [...ownFiles(context, container, sandbox !== undefined), ...mountSpecs(container.record.mounts, host)],
        devices: deviceSpecs(host),
        cgroupsPath: posix.join('/', host.CgroupParent || settings.cgroupParent, id),
        cgroupVersion: settings.cgroupVersion,
        capabilities: availableCapabilities(),
        joined,
        init: (host.Init ?? settings.config.init) ? settings.initProgram() : undefined,
        defaultShmSize: settings.config.defaultShmSize,
        noNewPrivileges: settings.config.noNewPrivileges,
      }),
    ),
    // The environment may hold secrets.
    { mode: 0o600 },
  )
  markDockerContainer(rootfs)
  linkMountTable(rootfs)

  context.exits.forget(id)
  const aborting = new AbortController()
  container.creating = aborting
  const creating = createMonitored(
    {
      conmon: settings.conmon(),
      runtime,
      id,
      bundle,
      exitDir: context.exits.directory,
      logPath: host.LogConfig?.Type === 'none' ? undefined : logPathOf(context, id),
      terminal: tty,
      stdin: config.OpenStdin ?? false,
      keepStdin: tty || !(config.StdinOnce ?? false),
    },
    aborting.signal,
  ).finally(() => {
    container.creating = undefined
  })
  undo.defer(async () => {
    if (
      await creating.then(
        () => true,
        () => aborting.signal.aborted,
      )
    )
      await callRuntime(runtime, ['delete', '--force', id])
    context.exits.forget(id)
  })
  // The runtime is busy for some 10 ms: time enough to set up the network beside it.
  let endpoint: Endpoint | undefined
  if (sandbox && host.NetworkMode === 'bridge') {
    const requests = portRequests(host.PortBindings, config.ExposedPorts, host.PublishAllPorts ?? false)
    endpoint = networks.connect(id, container.name, sandbox, requests)
    undo.defer(() => networks.disconnect(id))
    publishNetwork(context, id, endpoint, 'connect')
  }
  sandbox?.inside[Symbol.dispose]()
  writeHosts(context, container, endpoint)
  const pid = await creating

  const stdio = container.stdio ?? new Stdio(bundle)
  container.stdio = stdio
  if (stdio.sessions > 0) stdio.connect()
  const exited = new Promise<Exit>(resolve => context.exits.onExit(id, resolve))
  await startCreated(runtime, id, exited)
  store.update(container, {
    status: 'running',
    pid,
    exitCode: 0,
    error: '',
    oomKilled: false,
    startedAt: new Date().toISOString(),
    endpoint,
    stoppedByUser: false,
  })
  undo.move()
  publish(context, container, 'start')
  void exited.then(exit => context.exited(container, exit))
}

/** The network namespace: one of its own (made here), the host's, or another container's. */
const enterNetwork = (
  context: Context,
  container: Container,
  undo: AsyncDisposableStack,
): { joined: Joined; sandbox: Sandbox | undefined } => {
  const mode = container.record.config.NetworkDisabled ? 'none' : (container.record.hostConfig.NetworkMode ?? 'bridge')
  if (mode === 'host') return { joined: { network: undefined }, sandbox: undefined }
  if (mode.startsWith('container:')) {
    return {
      joined: { network: namespaceOf(context.store, mode.slice('container:'.length), 'network') },
      sandbox: undefined,
    }
  }
  if (mode !== 'bridge' && mode !== 'none') {
    const { name } = requireNetwork(context, mode)
    if (name !== 'bridge' && name !== 'none') throw conflict(`network ${mode} cannot be joined`)
  }
  const sandbox = context.networks.createSandbox(container.id)
  undo.defer(() => context.networks.removeSandbox(container.id))
  undo.defer(() => sandbox.inside[Symbol.dispose]())
  return { joined: { network: sandbox.path }, sandbox }
}

const requireNetwork = (context: Context, mode: string): { readonly name: string } => {
  try {
    return context.networks.require(mode)
  } catch (cause) {
    throw notFound(`failed to set up container networking: ${messageOf(cause)}`, { cause })
  }
}

const joinNamespaces = (context: Context, container: Container, joined: Joined): void => {
  const { PidMode, IpcMode, UTSMode } = container.record.hostConfig
  for (const [type, text] of [
    ['pid', PidMode],
    ['ipc', IpcMode],
    ['uts', UTSMode],
  ] as const) {
    const mode = parseNamespaceMode(type, text)
    if (mode.kind === 'host') joined[type] = undefined
    if (mode.kind === 'container') joined[type] = namespaceOf(context.store, mode.reference, type)
  }
}

/** The daemon's own files in the container, unless the user mounts something there. */
const ownFiles = (context: Context, container: Container, isolated: boolean): MountSpec[] => {
  const { hostConfig: host, config, mounts } = container.record
  const { settings } = context
  const directory = keptDirectory(context, container.id)
  const files: Readonly<Record<string, string>> = {
    'resolv.conf': resolvConf(
      hostResolvConf(),
      {
        servers: host.Dns?.length ? host.Dns : settings.config.dns,
        search: host.DnsSearch?.length ? host.DnsSearch : settings.config.dnsSearch,
        options: host.DnsOptions?.length ? host.DnsOptions : settings.config.dnsOptions,
      },
      isolated,
    ),
    hostname: `${config.Hostname ?? ''}\n`,
    hosts: '',
  }
  const access = host.ReadonlyRootfs ? 'ro' : 'rw'
  return Object.entries(files).flatMap(([name, text]) => {
    writeFileSync(`${directory}/${name}`, text, { mode: 0o644 })
    const destination = `/etc/${name}`
    if (mounts.some(mount => mount.Destination === destination)) return []
    return [{ destination, type: 'bind', source: `${directory}/${name}`, options: ['rbind', 'rprivate', access] }]
  })
}

const writeHosts = (context: Context, container: Container, endpoint: Endpoint | undefined): void => {
  const { config, hostConfig: host, id } = container.record
  const { Hostname = '', Domainname = '' } = config
  const names = [...(Domainname ? [`${Hostname}.${Domainname}`] : []), Hostname]
  writeFileSync(
    `${keptDirectory(context, id)}/hosts`,
    hostsFile({ address: endpoint?.address, names, extra: host.ExtraHosts ?? [], gateway: endpoint?.gateway }),
  )
}

/**
 * Programs look for this file to learn that they are in a container. Whatever has its name is left alone: opening what a container
 * put there, a FIFO or a device, is not for the daemon.
 */
const markDockerContainer = (rootfs: string): void => {
  try {
    writeFileSync(`${rootfs}/.dockerenv`, '', { flag: 'wx', mode: 0o755 })
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  }
}

/** The table of mounts where programs have always looked for it, unless the image has something there. */
const linkMountTable = (rootfs: string): void => {
  const etc = resolveInside(rootfs, '/etc')
  if (etc === undefined || !statSync(etc, { throwIfNoEntry: false })?.isDirectory()) return
  try {
    symlinkSync('/proc/mounts', `${etc}/mtab`)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  }
}
