import type { Readable } from 'node:stream'
import type { Config } from '../config.ts'
import type { Event, Events } from '../events.ts'
import type { ImageLayer } from '../images/image.ts'
import type { Logger } from '../log.ts'
import type { Endpoint, Networks } from '../networks/networks.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { ExecutionConfig, ImageConfig } from '../oci/image-config.ts'
import type { Platform } from '../oci/platform.ts'
import type { Reference } from '../oci/reference.ts'
import type { Exit, Exits } from '../runtime/exits.ts'
import type { OciRuntime } from '../runtime/oci-runtime.ts'
import type { Snapshotter } from '../storage/snapshots/snapshotter.ts'
import type { Container } from './container.ts'
import type { ExecTable } from './exec-table.ts'
import type { ContainerStore } from './store.ts'

/** What containers ask of images. */
export type ImageSource = {
  /** Throws NotFound. */
  get(reference: string, platform?: Platform): ContainerImage
  find(reference: string): ContainerImage | undefined
  /** What an image's own manifest is known by. */
  manifest(id: Digest): Descriptor
  /** What Dockerfile instructions make of a configuration. Throws InvalidArgument. */
  change(config: ExecutionConfig, changes: readonly string[]): ExecutionConfig
  /** Makes a layer of its tar. It stays until an image has it, or it is given up. */
  ingestLayer(tar: Readable, signal?: AbortSignal): Promise<ImageLayer>
  releaseLayers(diffIds: readonly Digest[]): Promise<void>
  create(image: { readonly config: ImageConfig; readonly layers: readonly ImageLayer[] }): { readonly id: Digest }
  tag(id: Digest, name: Reference): void
}
export type ContainerImage = {
  readonly id: Digest
  readonly config: ImageConfig
  readonly platform: Platform
  readonly layers: readonly ImageLayer[]
}

/** What containers ask of volumes. */
export type VolumeSource = {
  /** Makes the volume unless it is there. */
  ensure(
    name: string,
    options?: VolumeOptions,
  ): { readonly name: string; readonly path: string; readonly created: boolean }
  /** Takes away one that nobody uses; quiet when it is gone or still in use. */
  removeUnused(name: string): Promise<void>
}
export type VolumeOptions = {
  readonly driver?: string | undefined
  readonly driverOptions?: Readonly<Record<string, string>> | undefined
  readonly labels?: Readonly<Record<string, string>> | undefined
  readonly anonymous?: boolean
}

/** What containers are told of the daemon that they run in. */
export type ContainerSettings = {
  /** Read where it is used, since a reload changes it. */
  readonly config: Config
  readonly instance: string
  /** Kept across reboots: one directory a container, with its log. */
  readonly directory: string
  /** Gone after a reboot: one directory a container, with its bundle. */
  readonly runDirectory: string
  /** Likewise: one directory a running exec. */
  readonly execDirectory: string
  readonly cgroupParent: string
  readonly cgroupVersion: 1 | 2
  readonly cpus: number
  /** Its program's path. Throws RuntimeError when it is not installed. */
  conmon(): string
  /** Likewise, of what can be a container's process 1. */
  initProgram(): string
  /** Whether a runtime of this name is configured, installed or not. */
  knowsRuntime(name: string): boolean
  /** Throws InvalidArgument for a name that is not configured, RuntimeError when the program is not installed. */
  runtime(name: string): OciRuntime
}

/** What every verb works with. */
export type Context = {
  readonly store: ContainerStore
  readonly execs: ExecTable
  readonly images: ImageSource
  readonly snapshotter: Snapshotter
  readonly networks: Networks
  readonly volumes: VolumeSource
  readonly exits: Exits
  readonly events: Events
  readonly log: Logger
  readonly settings: ContainerSettings
  /** What follows the end of a container's process. */
  readonly exited: (container: Container, exit: Exit) => void
  /** Work that goes on after the answer; the engine waits for it before it ends. */
  readonly background: Set<Promise<void>>
}

/** Where a container keeps what survives a reboot. */
export const keptDirectory = (context: Context, id: string): string => `${context.settings.directory}/${id}`
export const bundleDirectory = (context: Context, id: string): string => `${context.settings.runDirectory}/${id}`
export const rootfsOf = (context: Context, id: string): string => `${bundleDirectory(context, id)}/rootfs`
export const logPathOf = (context: Context, id: string): string => `${keptDirectory(context, id)}/${id}.log`

/** Tells the world what happened to a container, with the attributes that Docker gives. */
export const publish = (
  context: Context,
  container: Container,
  action: string,
  more: Readonly<Record<string, string>> = {},
): Event =>
  context.events.publish('container', action, container.id, {
    ...container.record.config.Labels,
    image: container.record.imageName,
    name: container.name,
    ...more,
  })

/** Tells that a container came to a network, or left it. */
export const publishNetwork = (
  context: Context,
  id: string,
  endpoint: Endpoint,
  action: 'connect' | 'disconnect',
): void => {
  const { networkId, networkName } = endpoint
  context.events.publish('network', action, networkId, { container: id, name: networkName, type: 'bridge' })
}

/** Lets work go on by itself; a failure is logged. */
export const inBackground = (context: Context, what: string, work: Promise<void>): void => {
  const task = work
    .catch(error => context.log.error({ err: error }, what))
    .finally(() => context.background.delete(task))
  context.background.add(task)
}
