import { existsSync, readdirSync, rmSync } from 'node:fs'
import { messageOf } from '../errdefs.ts'
import { MNT, mountsBelow, umount } from '../host/mount.ts'
import type { Endpoint } from '../networks/networks.ts'
import { Stdio } from '../runtime/stdio.ts'
import type { Container } from './container.ts'
import { bundleDirectory, type Context } from './context.ts'
import { afterExit, releaseRuntime, scheduleRestart } from './exit.ts'
import { isAlive } from './process-alive.ts'
import { removeLocked } from './remove.ts'
import { restartDelay } from './restart-policy.ts'

/** Docker's exit code for a container whose end nobody saw. */
const LOST = 255

/**
 * At start, the state in SQLite is held against what the host shows: a process that runs is gone on with, one that ended
 * meanwhile has its exit taken from conmon's file, one that vanished (a reboot) is recorded as lost, and what no container owns
 * is swept away.
 */
export const adoptContainers = async (context: Context): Promise<void> => {
  const { store, exits, log } = context
  const endpoints = new Map<string, Endpoint>()
  for (const container of store.all()) {
    if (container.running && container.life.endpoint) endpoints.set(container.id, container.life.endpoint)
  }
  context.networks.adopt(endpoints)
  // Before anything is started again: what is under way would look like rubbish.
  await sweep(context)
  for (const container of store.all()) {
    const { id, life } = container
    const autoRemove = container.record.hostConfig.AutoRemove ?? false
    // One that removes itself and has ended was about to go.
    if (life.status === 'removing' || (autoRemove && life.status === 'exited')) {
      await finishRemoval(context, container, autoRemove)
    } else if (container.running) {
      const exit = exits.read(id)
      if (!exit && isAlive(context, container)) {
        container.stdio = new Stdio(bundleDirectory(context, id))
        exits.onExit(id, later => afterExit(context, container, later))
        log.info({ container: id, pid: life.pid }, 'container runs on')
      } else {
        afterExit(context, container, exit ?? { exitCode: LOST, finishedAt: new Date() })
      }
    } else if (life.status === 'restarting') {
      scheduleRestart(
        context,
        container,
        restartDelay(container.record.hostConfig.RestartPolicy, life, life.exitCode, 0) ?? 0,
      )
    } else {
      await finishHalfStarted(context, container)
      if (wantsStart(container)) {
        store.update(container, { status: 'restarting', stoppedByUser: false })
        scheduleRestart(context, container, 0)
      }
    }
  }
}

/** One container that cannot go must not keep the daemon from serving the others. */
const finishRemoval = async (context: Context, container: Container, removeVolumes: boolean): Promise<void> => {
  try {
    await removeLocked(context, container, { removeVolumes })
  } catch (error) {
    context.log.error({ container: container.id, err: error }, 'cannot finish a removal')
  }
}

/** What the policies say of a daemon that starts: `always` also means what the user stopped, `unless-stopped` does not. */
const wantsStart = ({ life, record }: Container): boolean => {
  if (life.startedAt === undefined || life.status !== 'exited') return false
  const policy = record.hostConfig.RestartPolicy?.Name
  return policy === 'always' || (policy === 'unless-stopped' && !life.stoppedByUser)
}

/** A daemon that died in the middle of a start leaves a bundle, perhaps with a process that was never let go. */
const finishHalfStarted = async (context: Context, container: Container): Promise<void> => {
  if (!existsSync(bundleDirectory(context, container.id))) return
  try {
    releaseRuntime(context, container)
    await Promise.all([container.unmounted, container.forgotten])
  } catch (error) {
    context.log.warn({ container: container.id, err: messageOf(error) }, 'cannot clear away a start that was cut short')
  }
}

/** Directories, mounts, namespaces and exit codes of containers that nobody knows. */
const sweep = async (context: Context): Promise<void> => {
  const { settings, store, networks, exits, snapshotter } = context
  for (const directory of [settings.directory, settings.runDirectory]) {
    if (!existsSync(directory)) continue
    for (const name of readdirSync(directory)) {
      if (store.find(name)?.id === name) continue
      for (const point of mountsBelow(`${directory}/${name}`)) umount(point, MNT.DETACH)
      rmSync(`${directory}/${name}`, { recursive: true, force: true })
    }
  }
  for (const name of readdirSync(exits.directory)) {
    if (store.find(name)?.id !== name) exits.forget(name)
  }
  for (const key of snapshotter.keys()) {
    // A container's snapshot bears the container's id; what else there is has owners of its own.
    if (/^[0-9a-f]{64}$/.test(key) && store.find(key)?.id !== key) await snapshotter.remove(key)
  }
  rmSync(settings.execDirectory, { recursive: true, force: true })
  networks.sweep(id => store.find(id)?.running ?? false)
}
