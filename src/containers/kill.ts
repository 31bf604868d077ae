import { constants } from 'node:os'
import { internal, invalidArgument, messageOf } from '../errdefs.ts'
import { callRuntime } from '../runtime/oci-runtime.ts'
import type { Container } from './container.ts'
import { type Context, publish } from './context.ts'
import { requireAllowed } from './state.ts'

/** Real-time signals reach from 34 to 64. */
const FIRST_REAL_TIME = 34
const LAST_SIGNAL = 64

/** `SIGTERM`, `TERM`, `15` → 15. Throws InvalidArgument in Docker's words. */
export const parseSignal = (text: string): number => {
  if (/^\d+$/.test(text)) {
    const number = Number(text)
    if (number >= 1 && number <= LAST_SIGNAL) return number
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

/** Sends a signal to a container's process. Throws Conflict when there is none. */
export const killContainer = async (context: Context, container: Container, signal: string): Promise<void> => {
  const number = parseSignal(signal || 'SIGKILL')
  requireAllowed('kill', container)
  const stopSignal = parseSignal(container.record.config.StopSignal || 'SIGTERM')
  if (number === constants.signals.SIGKILL || number === stopSignal)
    context.store.update(container, { stoppedByUser: true })
  if (container.life.status === 'restarting') {
    clearTimeout(container.restartTimer)
    context.store.update(container, { status: 'exited' })
    container.tell('exited')
    return
  }
  await killLocked(context, container, String(number))
}

/** Sends the signal; quiet when the process has ended meanwhile. */
export const killLocked = async (context: Context, container: Container, signal: string): Promise<void> => {
  const { settings } = context
  const number = parseSignal(signal)
  const runtime = settings.runtime(container.record.hostConfig.Runtime || settings.defaultRuntime)
  try {
    await callRuntime(runtime, ['kill', container.id, String(number)])
    // A paused process sees SIGKILL only when it runs again.
    if (number === constants.signals.SIGKILL && container.life.status === 'paused')
      await callRuntime(runtime, ['resume', container.id])
  } catch (error) {
    if (/process already finished|no such process|not running|does not exist/i.test(messageOf(error))) return
    throw internal(`cannot kill container: ${container.id}: ${messageOf(error)}`, { cause: error })
  }
  publish(context, container, 'kill', { signal: String(number) })
}
