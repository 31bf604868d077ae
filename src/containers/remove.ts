import { rmSync } from 'node:fs'
import { conflict } from '../errdefs.ts'
import type { Container } from './container.ts'
import { bundleDirectory, type Context, inBackground, keptDirectory, publish, rootfsOf } from './context.ts'
import { abortStart, cancelRestart, sendSignal } from './kill.ts'
import { requireAllowed } from './state.ts'
import { nextSignal } from './wait.ts'

export type RemoveOptions = { readonly force: boolean; readonly removeVolumes: boolean }

/** Removes a container; a running one only with `force`, which kills it. Throws Conflict. */
export const removeContainer = async (
  context: Context,
  container: Container,
  { force, removeVolumes }: RemoveOptions,
  reference: string,
): Promise<void> => {
  if (container.life.status === 'removing')
    throw conflict(`removal of container ${container.id} is already in progress`)
  for (;;) {
    if (force) await end(context, container)
    using _ = await container.lock.acquire()
    // One that removes itself may have gone while this call waited.
    if (context.store.find(container.id) !== container) return
    // And one that was being started when this call came may run by now.
    if (force && (container.running || container.life.status === 'restarting')) continue
    requireAllowed('remove', container, reference)
    await removeLocked(context, container, { removeVolumes })
    return
  }
}

/** Kills what runs, and takes back what its policy would start again. */
const end = async (context: Context, container: Container): Promise<void> => {
  abortStart(container)
  if (await cancelRestart(context, container)) return
  if (!container.running) return
  context.store.update(container, { stoppedByUser: true })
  const ended = nextSignal(container, ['exited', 'removed'])
  await sendSignal(context, container, 'SIGKILL', true)
  await ended
}

/** Takes away a container that does not run. The caller holds its lock. */
export const removeLocked = async (
  context: Context,
  container: Container,
  options: { readonly removeVolumes: boolean },
): Promise<void> => {
  const { id } = container
  inBackground(context, 'recording a removal', context.store.record(container, { status: 'removing' }))
  container.stdio?.end()
  try {
    await container.unmounted.catch(() => context.snapshotter.unmount(rootfsOf(context, id)))
    await context.snapshotter.remove(id)
    rmSync(keptDirectory(context, id), { recursive: true, force: true })
    rmSync(bundleDirectory(context, id), { recursive: true, force: true })
    context.store.delete(container)
  } catch (error) {
    // It cannot be used any more, but its removal can be asked for again.
    inBackground(context, 'recording a failed removal', context.store.record(container, { status: 'dead' }))
    throw error
  }
  context.execs.forget(container)
  if (options.removeVolumes) {
    for (const mount of container.record.mounts) {
      if (mount.Type === 'volume' && isAnonymous(mount.Name)) await context.volumes.removeUnused(mount.Name)
    }
  }
  publish(context, container, 'destroy')
  container.tell('removed')
}

/** Volumes that the engine named go with their container; those that users named stay. */
const isAnonymous = (name: string | undefined): name is string => name !== undefined && /^[0-9a-f]{64}$/.test(name)
