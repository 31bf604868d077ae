import { constants } from 'node:os'
import { conflict, internal, invalidArgument, messageOf, prefixed } from '../errdefs.ts'
import { callRuntime } from '../runtime/oci-runtime.ts'
import type { Container } from './container.ts'
import { type Context, publish } from './context.ts'
import { expectEnd } from './expect-end.ts'
import { requireAllowed } from './state.ts'

/** Real-time signals reach from 34 to 64. */
const FIRST_REAL_TIME = 34
const LAST_SIGNAL = 64

/** `SIGTERM`, `TERM`, `15` → 15. Throws InvalidArgument in Docker's words. */
export const parseSignal = (text: string): number => {
  if (/^\d+$/.test(text)) {
    const number = Number(text)
    if (number >= 1 && number <= LAST_SIGNAL) return number
    if (number !== 0) throw invalidArgument(`the linux daemon does not support signal ${number}`)
    throw invalidArgument(`invalid signal: ${text}`)
  }
  const upper = text.toUpperCase()
  const name = upper.startsWith('SIG') ? upper : `SIG${upper}`
  const realTime = /^SIGRTM(IN|AX)(?:([+-])(\d+))?$/.exec(name)
  if (realTime) {
    const number =
      (realTime[1] === 'IN' ? FIRST_REAL_TIME : LAST_SIGNAL) + Number(`${realTime[2] ?? ''}${realTime[3] ?? 0}`)
    if (number >= FIRST_REAL_TIME && number <= LAST_SIGNAL) return number
    throw invalidArgument(`invalid signal: ${text}`)
  }
  const number = (constants.signals as Readonly<Record<string, number>>)[name]
  if (number === undefined) throw invalidArgument(`invalid signal: ${text}`)
  return number
}

/** The runtime's words for a process that is not there any more, or not paused. */
const ENDED = /process already finished|no such process|not running|not paused|does not exist/i

/** Sends a signal to a container's process. Throws InvalidArgument, NotFound; Conflict when there is no process. */
export const killContainer = async (context: Context, reference: string, signal: string): Promise<void> => {
  let number: number
  let container: Container
  try {
    number = parseSignal(signal || 'SIGKILL')
    container = context.store.get(reference)
  } catch (error) {
    throw prefixed(`cannot kill container: ${reference}: `, error)
  }
  const stopSignal = parseSignal(container.record.config.StopSignal || 'SIGTERM')
  const ends = number === constants.signals.SIGKILL || number === stopSignal
  if (ends && abortStart(container)) return
  requireAllowed('kill', container, reference)
  if (ends) context.store.update(container, { stoppedByUser: true })
  if (await cancelRestart(context, container)) return
  await sendSignal(context, container, String(number), ends)
}

/** Ends a start that is under way, which may hang in the runtime. False when there is none, or it is past that. */
export const abortStart = (container: Container): boolean => {
  if (!container.creating) return false
  container.creating.abort(conflict(`container ${container.id} was killed while it was being started`))
  return true
}

/**
 * Takes back the start that a policy has planned. False when there is none: the container runs, or has ended for good. With the
 * lock held, since that start may be under way.
 */
export const cancelRestart = async (context: Context, container: Container): Promise<boolean> => {
  if (container.life.status !== 'restarting') return false
  abortStart(container)
  using _ = await container.lock.acquire()
  if (container.life.status !== 'restarting') return false
  clearTimeout(container.restartTimer)
  context.store.update(container, { status: 'exited', stoppedByUser: true })
  container.tell('exited')
  return true
}

/**
 * Sends the signal, with the container's lock held, so that `kill` is told before the exit that it may bring about. Quiet when the
 * process has ended meanwhile. `wakes`: a paused container goes on, since it would not see the signal before.
 */
export const sendSignal = async (
  context: Context,
  container: Container,
  signal: string,
  wakes: boolean,
): Promise<void> => {
  using _ = await container.lock.acquire()
  if (!container.running) return
  const { settings, store } = context
  const number = parseSignal(signal)
  const runtime = settings.runtime(container.record.hostConfig.Runtime || settings.config.defaultRuntime)
  try {
    await callRuntime(runtime, ['kill', container.id, String(number)])
  } catch (error) {
    if (ENDED.test(messageOf(error))) return
    throw internal(`cannot kill container: ${container.id}: ${messageOf(error)}`, { cause: error })
  }
  publish(context, container, 'kill', { signal: String(number) })
  if (number === constants.signals.SIGKILL) expectEnd(context, container)
  if (!wakes || container.life.status !== 'paused') return
  try {
    await callRuntime(runtime, ['resume', container.id])
  } catch (error) {
    // SIGKILL has thawed it already, and perhaps ended it.
    if (!ENDED.test(messageOf(error))) throw internal(`cannot resume container: ${messageOf(error)}`, { cause: error })
  }
  if (number === constants.signals.SIGKILL) return
  store.update(container, { status: 'running' })
  publish(context, container, 'unpause')
}
