import type { Duplex } from 'node:stream'
import type { BuildEvent } from '../../api/build.ts'
import type { BuildResult } from '../../api/build-options.ts'
import {
  type ClientMessage,
  type DaemonMessage,
  NO_SUCH_THING,
  SESSION_PATH,
  type Service,
} from '../../api/build-session.ts'
import type { Client } from '../../api/client.ts'
import { SessionLink } from '../../api/session-link.ts'
import { messageOf } from '../../errdefs.ts'
import { type ContextEvents, serveContext } from './serve-context.ts'
import type { SessionRequest } from './session-options.ts'

export type SessionEnd =
  | { readonly type: 'done'; readonly result: BuildResult }
  | { readonly type: 'failed'; readonly message: string; readonly exitCode: number | undefined }

export type SessionEvents = {
  event(event: BuildEvent): void
  /** A context begins to be read. What it gives is told of what is sent of it. */
  context(name: string): ContextEvents
  /** The user's terminal is wanted for a shell, and free again. */
  suspend(): () => void
}

/**
 * Builds over a session: asks, serves what the daemon wants, and gives how it ended. Throws DaemonError with status 404 when
 * the daemon knows no sessions, ConnectionError when it cannot be reached or goes away.
 */
export const runSession = async (
  client: Client,
  request: SessionRequest,
  headers: Readonly<Record<string, string>>,
  events: SessionEvents,
): Promise<SessionEnd> => {
  const { socket } = await client.hijack(SESSION_PATH, { headers })
  const ended = Promise.withResolvers<SessionEnd>()
  const served = new Set<Promise<void>>()
  using link: SessionLink<ClientMessage, DaemonMessage> = new SessionLink<ClientMessage, DaemonMessage>({
    input: socket,
    output: socket,
    onMessage: message => {
      if (message.type === 'event') events.event(message.event)
      else if (message.type === 'done') ended.resolve(message)
      else if (message.type === 'failed')
        ended.resolve({ type: 'failed', message: message.message, exitCode: message.exitCode })
      else {
        const work = serve(message, link, request, events).finally(() => served.delete(work))
        served.add(work)
      }
    },
  })
  link.closed.addEventListener('abort', () => ended.reject(link.closed.reason), { once: true })
  link.send({ type: 'build', options: request.options })
  const end = await ended.promise
  link[Symbol.dispose]()
  await Promise.all(served)
  return end
}

/** Serves one channel to its end. What goes wrong on it is told to the daemon, whose build then says so. */
const serve = async (
  { channel: number, service }: Extract<DaemonMessage, { type: 'open' }>,
  link: SessionLink<ClientMessage, DaemonMessage>,
  request: SessionRequest,
  events: SessionEvents,
): Promise<void> => {
  const channel = link.channel(number)
  try {
    await provide(service, channel, request, events, (rows, columns) =>
      link.send({ type: 'resize', channel: number, rows, columns }),
    )
  } catch (error) {
    channel.destroy(new Error(messageOf(error)))
  }
}

const provide = async (
  service: Service,
  channel: Duplex,
  request: SessionRequest,
  events: SessionEvents,
  resize: (rows: number, columns: number) => void,
): Promise<void> => {
  switch (service.name) {
    case 'context': {
      const context = known(request.contexts.get(service.context))
      const told = events.context(service.context)
      try {
        return await serveContext(channel, context, told)
      } finally {
        told.settled()
      }
    }
    case 'secret': {
      const { sendSecret } = await import('./serve-secret.ts')
      return sendSecret(channel, known(request.secrets.get(service.id)))
    }
    case 'ssh': {
      const { serveAgent } = await import('./serve-agent.ts')
      return await serveAgent(channel, known(request.agents.get(service.id)))
    }
    case 'output': {
      const { takeOutput } = await import('./take-output.ts')
      return await takeOutput(channel, known(request.destinations[service.index]))
    }
    case 'shell': {
      if (!request.options.shellOnError || !process.stdin.isTTY) throw new Error(NO_SUCH_THING)
      const { serveShell } = await import('./serve-shell.ts')
      return await serveShell(channel, service, resize, events)
    }
  }
}

const known = <Thing>(thing: Thing | undefined): Thing => {
  if (thing === undefined) throw new Error(NO_SUCH_THING)
  return thing
}
