import type { BuildEvent } from '../../api/build.ts'
import { type BuildOptions, PLAIN_BUILD } from '../../api/build-options.ts'
import { type ClientMessage, type DaemonMessage, SESSION_PATH } from '../../api/build-session.ts'
import { SessionLink } from '../../api/session-link.ts'
import { StepFailed } from '../../builder/solver/step-failed.ts'
import { invalidArgument, messageOf, TareError } from '../../errdefs.ts'
import { BUILD_OPTIONS_SHAPE } from '../build-session/options-shape.ts'
import { SessionClient } from '../build-session/session-client.ts'
import { hijack } from '../hijack.ts'
import { checkShape } from '../json-shape.ts'
import type { RequestContext } from '../request-context.ts'
import type { Route } from '../router.ts'
import { type BuildBackend, buildCredentials } from './build.ts'

/** Bytes of events that a client may leave untaken before a step's output is cut short for it. */
const BACKLOG = 4 * 1024 * 1024

/** Tare's own way to build: see api/build-session.ts. */
export const buildSessionRoutes = (builder: BuildBackend): readonly Route[] => [
  { method: 'POST', path: SESSION_PATH, hijacks: true, handler: context => serve(context, builder) },
]

const serve = async (context: RequestContext, builder: BuildBackend): Promise<void> => {
  const credentials = buildCredentials(context)
  if (!context.upgrade) throw invalidArgument('a build session needs a connection that can be upgraded')
  const asked = Promise.withResolvers<Partial<BuildOptions>>()
  asked.promise.catch(() => undefined)
  using link: SessionLink<DaemonMessage, ClientMessage> = new SessionLink<DaemonMessage, ClientMessage>({
    ...hijack(context, true),
    onMessage: message => {
      if (message.type === 'build') asked.resolve(message.options)
      else client.handle(message)
    },
  })
  const client = new SessionClient(link)
  const { closed } = link
  closed.addEventListener('abort', () => asked.reject(closed.reason), { once: true })
  try {
    const options = await asked.promise
    checkShape(options, BUILD_OPTIONS_SHAPE, 'BuildOptions')
    client.agents = options.sshAgents ?? []
    const result = await builder.build({ ...PLAIN_BUILD, ...options, client, credentials }, teller(link), closed)
    link.send({ type: 'done', result })
  } catch (error) {
    // Nobody is left to be told.
    if (closed.aborted) return
    const kind = error instanceof TareError ? error.kind : 'Internal'
    const exitCode = error instanceof StepFailed ? error.exitCode : undefined
    link.send({ type: 'failed', message: messageOf(error), kind, exitCode })
  }
  await link.flush()
}

/** Tells events; output that a slow client does not take is left out rather than kept, and that is told. */
const teller = (link: SessionLink<DaemonMessage, ClientMessage>): ((event: BuildEvent) => void) => {
  const clipped = new Set<number>()
  return event => {
    if (event.type === 'log') {
      if (link.pending > BACKLOG) {
        clipped.add(event.vertex)
        return
      }
      if (clipped.delete(event.vertex))
        link.send({ type: 'event', event: { ...event, data: '\n[output clipped: the client is too slow]\n' } })
    }
    link.send({ type: 'event', event })
  }
}
