import type { Container } from './container.ts'
import { type Context, publish } from './context.ts'
import { cancelRestart, parseSignal, sendSignal } from './kill.ts'
import { startLocked } from './start.ts'
import { requireAllowed } from './state.ts'
import { nextSignal } from './wait.ts'

export type StopOptions = {
  readonly signal?: string | undefined
  /** Seconds until SIGKILL; negative: never. */
  readonly timeout?: number | undefined
}

const DEFAULT_TIMEOUT = 10

/** Asks a container's process to end, and ends it when it does not. Throws NotModified when nothing runs. */
export const stopContainer = async (context: Context, container: Container, options: StopOptions): Promise<void> => {
  requireAllowed('stop', container)
  const { config } = container.record
  const signal = options.signal || config.StopSignal || 'SIGTERM'
  parseSignal(signal)
  if (await cancelRestart(context, container)) return
  // It has ended meanwhile.
  if (!container.running) return
  context.store.update(container, { stoppedByUser: true })
  const seconds = options.timeout ?? config.StopTimeout ?? DEFAULT_TIMEOUT
  const ended = nextSignal(container, ['exited', 'removed'])
  await sendSignal(context, container, signal, true)
  if (seconds >= 0) {
    const timer = Promise.withResolvers<'late'>()
    const handle = setTimeout(() => timer.resolve('late'), seconds * 1000)
    const first = await Promise.race([ended, timer.promise])
    clearTimeout(handle)
    if (first === 'late') await sendSignal(context, container, 'SIGKILL', true)
  }
  await ended
  publish(context, container, 'stop')
}

/** Stops a container if it runs, and starts it. */
export const restartContainer = async (context: Context, container: Container, options: StopOptions): Promise<void> => {
  if (container.running || container.life.status === 'restarting') {
    container.stays = true
    try {
      await stopContainer(context, container, options)
    } finally {
      container.stays = false
    }
  }
  using _ = await container.lock.acquire()
  await startLocked(context, container)
  context.store.update(container, { restartCount: 0 })
  publish(context, container, 'restart')
}
