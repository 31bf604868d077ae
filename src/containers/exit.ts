import { existsSync, rmSync } from 'node:fs'
import type { Exit } from '../runtime/exits.ts'
import { callRuntime } from '../runtime/oci-runtime.ts'
import type { Container } from './container.ts'
import { bundleDirectory, type Context, inBackground, publish, publishNetwork, rootfsOf } from './context.ts'
import { removeLocked } from './remove.ts'
import { restartDelay } from './restart-policy.ts'
import { startLocked } from './start.ts'

/** Milliseconds that attached clients get to take the last output; Docker's figure. */
const PATIENCE = 2000

/** A process has ended: its resources are given back, what came of it is kept and told, and its policy followed. */
export const afterExit = (context: Context, container: Container, exit: Exit): void => {
  inBackground(context, 'after the exit of a container', settle(context, container, exit))
}

const settle = async (context: Context, container: Container, exit: Exit): Promise<void> => {
  using _ = await container.lock.acquire()
  const { id, life } = container
  if (!container.running) return
  const oomKilled = existsSync(`${bundleDirectory(context, id)}/oom`)
  await container.stdio?.drained(PATIENCE)
  container.stdio = undefined
  context.execs.forgetWaiting(container)
  releaseRuntime(context, container)
  const startedAt = life.startedAt === undefined ? exit.finishedAt : new Date(life.startedAt)
  // The time is that of conmon's file, and the kernel's clock for files goes in steps of some milliseconds.
  const finishedAt = exit.finishedAt < startedAt ? startedAt : exit.finishedAt
  const recorded = context.store.record(container, {
    status: 'exited',
    pid: 0,
    exitCode: exit.exitCode,
    oomKilled,
    finishedAt: finishedAt.toISOString(),
    endpoint: undefined,
  })
  // conmon's file is the only other place that knows: it stays until SQLite has it.
  inBackground(
    context,
    'recording an exit',
    recorded.then(() => context.exits.forget(id)),
  )
  if (oomKilled) publish(context, container, 'oom')
  const execDuration = Math.floor((finishedAt.getTime() - startedAt.getTime()) / 1000)
  publish(context, container, 'die', { exitCode: String(exit.exitCode), execDuration: String(execDuration) })
  if (life.endpoint) publishNetwork(context, id, life.endpoint, 'disconnect')
  followPolicy(context, container, exit, startedAt)
  container.tell('exited')
  if (container.record.hostConfig.AutoRemove && !container.stays)
    await removeLocked(context, container, { removeVolumes: true })
}

/**
 * Takes down what a process that has ended left: its network, its root file system, the runtime's record of it. The network is
 * free when this returns; the rest goes on by itself, and whoever needs it done awaits `unmounted` and `forgotten`.
 */
export const releaseRuntime = (context: Context, container: Container): void => {
  const { id } = container
  const { hostConfig } = container.record
  const { settings, networks, snapshotter } = context
  networks.disconnect(id)
  networks.removeSandbox(id)
  container.unmounted = snapshotter
    .unmount(rootfsOf(context, id))
    .then(() => rmSync(bundleDirectory(context, id), { recursive: true, force: true }))
  inBackground(context, 'unmounting a container', container.unmounted)
  const forget = async (): Promise<void> => {
    await callRuntime(settings.runtime(hostConfig.Runtime || settings.config.defaultRuntime), ['delete', '--force', id])
  }
  container.forgotten = forget()
  inBackground(context, 'deleting a container from the runtime', container.forgotten)
}

const followPolicy = (context: Context, container: Container, exit: Exit, startedAt: Date): void => {
  const delay = restartDelay(
    container.record.hostConfig.RestartPolicy,
    container.life,
    exit.exitCode,
    exit.finishedAt.getTime() - startedAt.getTime(),
  )
  if (delay === undefined) return
  planRestart(context, container, delay)
}

/** On a full disk too: those who wait for the exit are told after this. */
const planRestart = (context: Context, container: Container, delay: number): void => {
  const change = { status: 'restarting', restartCount: container.life.restartCount + 1 } as const
  inBackground(context, 'recording a restart', context.store.record(container, change))
  scheduleRestart(context, container, delay)
}

/** Starts a container later, by its policy; a start that fails counts as an exit and is tried again. */
export const scheduleRestart = (context: Context, container: Container, delay: number): void => {
  const again = async (): Promise<void> => {
    using _ = await container.lock.acquire()
    if (container.life.status !== 'restarting') return
    try {
      await startLocked(context, container)
    } catch (error) {
      context.log.warn({ container: container.id, err: error }, 'restart failed')
      const next = restartDelay(container.record.hostConfig.RestartPolicy, container.life, container.life.exitCode, 0)
      if (next !== undefined) planRestart(context, container, next)
    }
  }
  container.restartTimer = setTimeout(() => inBackground(context, 'restart of a container', again()), delay)
}
