import type { Container } from './container.ts'
import type { Context } from './context.ts'
import { isAlive } from './process-alive.ts'

/** Milliseconds between looks. */
const INTERVAL = 1000
/** 128 and SIGKILL. */
const KILLED = 137

/**
 * conmon tells of every end. Should conmon itself have been killed, nobody would, so after SIGKILL the process is looked at: when it
 * has been gone for a whole interval and no exit is on file, it is taken to have ended by that signal.
 */
export const expectEnd = (context: Context, container: Container): void => {
  const { pid } = container.life
  let gone = false
  const timer = setInterval(() => {
    if (!container.running || container.life.pid !== pid || context.exits.read(container.id)) {
      clearInterval(timer)
    } else if (isAlive(context, container)) {
      gone = false
    } else if (gone) {
      clearInterval(timer)
      context.log.warn({ container: container.id }, 'the end of a container was not told by its monitor')
      context.exited(container, { exitCode: KILLED, finishedAt: new Date() })
    } else {
      gone = true
    }
  }, INTERVAL)
  timer.unref()
}
