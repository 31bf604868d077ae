import type { ContainerConfig, ContainerState, HostConfig, MountPoint } from '../api/container.ts'
import type { Endpoint } from '../networks/networks.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { Platform } from '../oci/platform.ts'
import type { Stdio } from '../runtime/stdio.ts'
import { Lock } from './lock.ts'

/** What a container was created as. Only its name ever changes. */
export type ContainerRecord = {
  /** 64 hexadecimal digits. */
  readonly id: string
  readonly name: string
  /** RFC 3339 */
  readonly created: string
  readonly image: Digest
  /** As the user named it. */
  readonly imageName: string
  readonly os: string
  /** The image's; containers of early versions, which have none, are for this host. */
  readonly platform?: Platform | undefined
  /** What a registry knows the image by. */
  readonly manifest?: Descriptor | undefined
  readonly config: ContainerConfig
  readonly hostConfig: HostConfig
  /** Volumes and binds, resolved. */
  readonly mounts: readonly MountPoint[]
}

/** What changes in a container's life. Times are ISO 8601, undefined when it never was. */
export type Lifecycle = {
  readonly status: ContainerState['Status']
  /** Host's view; 0 when nothing runs. */
  readonly pid: number
  readonly exitCode: number
  readonly error: string
  readonly oomKilled: boolean
  readonly startedAt: string | undefined
  readonly finishedAt: string | undefined
  readonly endpoint: Endpoint | undefined
  readonly restartCount: number
  /** The user stopped it: restart policies leave it alone until it is started again. */
  readonly stoppedByUser: boolean
}

export const NEW: Lifecycle = {
  status: 'created',
  pid: 0,
  exitCode: 0,
  error: '',
  oomKilled: false,
  startedAt: undefined,
  finishedAt: undefined,
  endpoint: undefined,
  restartCount: 0,
  stoppedByUser: false,
}

export type ContainerSignal = 'exited' | 'removed'

/** One container as the daemon holds it: its record, its life cycle and those who watch it. */
export class Container {
  record: ContainerRecord
  life: Lifecycle
  /** One verb that changes the container at a time. */
  readonly lock = new Lock()
  /** The connection to the process's stdio; made before the start when a client attaches first. */
  stdio: Stdio | undefined
  /** Resolves when the last process's root file system is unmounted. */
  unmounted: Promise<void> = Promise.resolve()
  /** Resolves when the runtime has forgotten the last process. */
  forgotten: Promise<void> = Promise.resolve()
  /** It is stopped only to be started again, so one that removes itself at its end is kept. */
  stays = false
  /** While the runtime creates the process: what ends that, should it hang. */
  creating: AbortController | undefined
  /** Waits for the next restart by policy. */
  restartTimer: NodeJS.Timeout | undefined
  readonly #watchers = new Set<(signal: ContainerSignal) => void>()

  constructor(record: ContainerRecord, life: Lifecycle) {
    this.record = record
    this.life = life
  }

  get id(): string {
    return this.record.id
  }

  get name(): string {
    return this.record.name
  }

  /** Has a process, paused or not. */
  get running(): boolean {
    return this.life.status === 'running' || this.life.status === 'paused'
  }

  watch(watcher: (signal: ContainerSignal) => void): Disposable {
    this.#watchers.add(watcher)
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) }
  }

  tell(signal: ContainerSignal): void {
    for (const watcher of [...this.#watchers]) watcher(signal)
  }
}
