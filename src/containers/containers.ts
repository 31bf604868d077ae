import type { Readable } from 'node:stream'
import type {
  ContainerCreateRequest,
  ContainerCreateResponse,
  ContainerInspect,
  ContainerPruneResponse,
  ContainerSummary,
  ContainerTop,
  ContainerWaitResponse,
  ExecCreateRequest,
  ExecInspect,
  WaitCondition,
} from '../api/container.ts'
import type { Output } from '../runtime/stdio.ts'
import { resizeTerminal } from '../runtime/stdio.ts'
import { adoptContainers } from './adopt.ts'
import { type AttachOptions, attachContainer } from './attach.ts'
import type { AttachSession } from './attach-session.ts'
import type { CommitOptions } from './commit.ts'
import { bundleDirectory, type Context } from './context.ts'
import { createContainer } from './create.ts'
import { createExec, type ExecOptions, inspectExec, resizeExec, startExec } from './exec.ts'
import { afterExit } from './exit.ts'
import { inspectContainer } from './inspect.ts'
import { killContainer } from './kill.ts'
import { type Filters, type ListOptions, listContainers } from './list.ts'
import { type LogOptions, readLogs } from './logs.ts'
import { pauseContainer, unpauseContainer } from './pause.ts'
import { pruneContainers } from './prune.ts'
import { type RemoveOptions, removeContainer } from './remove.ts'
import { renameContainer } from './rename.ts'
import { startContainer } from './start.ts'
import { requireAllowed } from './state.ts'
import { restartContainer, type StopOptions, stopContainer } from './stop.ts'
import { topContainer } from './top.ts'
import { waitContainer } from './wait.ts'

export type { AttachOptions } from './attach.ts'
export type { AttachSession } from './attach-session.ts'

/** The containers of one engine: every verb by the container's name or id. Each verb's own file tells what it throws. */
export class Containers implements AsyncDisposable {
  readonly #context: Context

  constructor(parts: Omit<Context, 'exited'>) {
    this.#context = { ...parts, exited: (container, exit) => afterExit(this.#context, container, exit) }
  }

  /** At start: finds out what became of those that ran, and goes on with them. */
  adopt(): Promise<void> {
    return adoptContainers(this.#context)
  }

  create(name: string | undefined, body: ContainerCreateRequest, platform?: string): Promise<ContainerCreateResponse> {
    return createContainer(this.#context, name, body, platform)
  }

  start(reference: string): Promise<void> {
    return startContainer(this.#context, this.#get(reference))
  }

  stop(reference: string, options: StopOptions = {}): Promise<void> {
    return stopContainer(this.#context, this.#get(reference), options)
  }

  restart(reference: string, options: StopOptions = {}): Promise<void> {
    return restartContainer(this.#context, this.#get(reference), options)
  }

  kill(reference: string, signal = ''): Promise<void> {
    return killContainer(this.#context, reference, signal)
  }

  pause(reference: string): Promise<void> {
    return pauseContainer(this.#context, this.#get(reference))
  }

  unpause(reference: string): Promise<void> {
    return unpauseContainer(this.#context, this.#get(reference))
  }

  rename(reference: string, name: string): Promise<void> {
    return renameContainer(this.#context, this.#get(reference), name)
  }

  /** Throws NotFound at once, not by rejection: the caller may answer with its first bytes when this returns. */
  wait(
    reference: string,
    condition: WaitCondition = 'not-running',
    signal?: AbortSignal,
  ): Promise<ContainerWaitResponse> {
    return waitContainer(this.#get(reference), condition, signal)
  }

  remove(reference: string, options: RemoveOptions = { force: false, removeVolumes: false }): Promise<void> {
    return removeContainer(this.#context, this.#get(reference), options, reference)
  }

  prune(filters: Filters = {}): Promise<ContainerPruneResponse> {
    return pruneContainers(this.#context, filters)
  }

  list(options: ListOptions = {}): Promise<ContainerSummary[]> {
    return listContainers(this.#context, options)
  }

  inspect(reference: string, options: { readonly size?: boolean } = {}): Promise<ContainerInspect> {
    return inspectContainer(this.#context, this.#get(reference), options.size ?? false)
  }

  top(reference: string, psArgs = ''): Promise<ContainerTop> {
    return topContainer(this.#context, this.#get(reference), psArgs)
  }

  logs(
    reference: string,
    options: LogOptions,
    signal?: AbortSignal,
  ): { readonly tty: boolean; readonly frames: AsyncIterable<Output> } {
    const container = this.#get(reference)
    return { tty: container.record.config.Tty ?? false, frames: readLogs(this.#context, container, options, signal) }
  }

  /** An image of the container's changes. */
  async commit(reference: string, options: CommitOptions, signal?: AbortSignal): Promise<{ Id: string }> {
    const { commitContainer } = await import('./commit.ts')
    return { Id: await commitContainer(this.#context, reference, options, signal) }
  }

  /** All of the container's files as a tar, to be read to its end or destroyed. */
  async export(reference: string): Promise<Readable> {
    const { exportContainer } = await import('./export.ts')
    return exportContainer(this.#context, this.#get(reference))
  }

  async attach(reference: string, options: AttachOptions): Promise<AttachSession> {
    return attachContainer(this.#context, this.#get(reference), options, reference)
  }

  async resize(reference: string, height: number, width: number): Promise<void> {
    const container = this.#get(reference)
    requireAllowed('resize', container)
    await resizeTerminal(bundleDirectory(this.#context, container.id), height, width)
  }

  async createExec(reference: string, request: ExecCreateRequest): Promise<{ Id: string }> {
    return createExec(this.#context, this.#get(reference), request)
  }

  /** Undefined for a detached one. */
  startExec(id: string, options: ExecOptions): Promise<AttachSession | undefined> {
    return startExec(this.#context, this.#context.execs.get(id), options)
  }

  inspectExec(id: string): ExecInspect {
    return inspectExec(this.#context.execs.get(id))
  }

  resizeExec(id: string, height: number, width: number): Promise<void> {
    return resizeExec(this.#context, this.#context.execs.get(id), height, width)
  }

  /** Which containers use an image, and whether they run: what keeps it from being removed. */
  usersOfImage(imageId: string): { readonly containerId: string; readonly running: boolean }[] {
    const { store } = this.#context
    const users = store.all().filter(({ record }) => record.image === imageId)
    const coming = [...store.forming()].filter(({ image }) => image === imageId)
    return [
      ...users.map(container => ({ containerId: container.id, running: container.running })),
      ...coming.map(({ id }) => ({ containerId: id, running: false })),
    ]
  }

  /** Which containers mount a volume. */
  usersOfVolume(name: string): string[] {
    const { store } = this.#context
    const users = store
      .all()
      .filter(({ record }) => record.mounts.some(mount => mount.Type === 'volume' && mount.Name === name))
    const coming = [...store.forming()].filter(({ volumes }) => volumes.has(name))
    return [...users, ...coming].map(({ id }) => id)
  }

  /** The name of a container, or its id when there is none of that id. */
  nameOf(id: string): string {
    return this.#context.store.find(id)?.name ?? id
  }

  counts(): { readonly total: number; readonly running: number; readonly paused: number; readonly stopped: number } {
    const all = this.#context.store.all()
    const running = all.filter(container => container.life.status === 'running').length
    const paused = all.filter(container => container.life.status === 'paused').length
    return { total: all.length, running, paused, stopped: all.length - running - paused }
  }

  /** Ends what goes on in the background. Containers run on. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { background, store } = this.#context
    // What ends while this waits may have begun something new.
    do {
      for (const container of store.all()) {
        clearTimeout(container.restartTimer)
        container.stdio?.end()
      }
      await Promise.allSettled(background)
    } while (background.size > 0)
  }

  #get(reference: string) {
    return this.#context.store.get(reference)
  }
}
