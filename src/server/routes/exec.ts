import type { ExecCreateRequest, ExecInspect, ExecStartRequest } from '../../api/container.ts'
import { invalidArgument, messageOf } from '../../errdefs.ts'
import { type AttachSession, closeConnection, hijack, serveSession, writeOutput } from '../hijack.ts'
import { checkShape, EXEC_SHAPE, EXEC_START_SHAPE } from '../json-shape.ts'
import type { RequestContext } from '../request-context.ts'
import type { Route } from '../router.ts'
import { windowSize } from './containers.ts'

/** What the routes ask of processes in running containers. Unknown ids throw NotFound. */
export type ExecBackend = {
  createExec(ref: string, body: ExecCreateRequest): Promise<{ readonly Id: string }> | { readonly Id: string }
  /** The streams of the process; undefined when it runs detached. */
  startExec(
    id: string,
    options: { detach: boolean; consoleSize?: readonly [number, number] },
  ): Promise<AttachSession | undefined>
  inspectExec(id: string): Promise<ExecInspect> | ExecInspect
  resizeExec(id: string, height: number, width: number): Promise<void>
}

export const execRoutes = (execs: ExecBackend): readonly Route[] => [
  { method: 'POST', path: '/containers/{id}/exec', handler: context => create(context, execs) },
  { method: 'POST', path: '/exec/{id}/start', hijacks: true, handler: context => start(context, execs) },
  { method: 'POST', path: '/exec/{id}/resize', handler: context => resize(context, execs) },
  { method: 'GET', path: '/exec/{id}/json', handler: context => inspect(context, execs) },
]

const create = async (context: RequestContext, execs: ExecBackend): Promise<void> => {
  const body = (await context.readJson<ExecCreateRequest | null>({ optional: true })) ?? {}
  checkShape(body, EXEC_SHAPE, 'container.ExecOptions')
  if ((body.Cmd ?? []).length === 0) throw invalidArgument('No exec command specified')
  context.json(await execs.createExec(context.param('id'), body), 201)
}

const start = async (context: RequestContext, execs: ExecBackend): Promise<void> => {
  const id = context.param('id')
  // What fails up to here has a status; what fails later has only the stream.
  const { OpenStdin } = await execs.inspectExec(id)
  const body = (await context.readJson<ExecStartRequest | null>({ optional: true })) ?? {}
  checkShape(body, EXEC_START_SHAPE, 'container.ExecStartOptions')
  const tty = body.Tty ?? false
  const consoleSize = body.ConsoleSize ?? undefined
  if (body.Detach) {
    await execs.startExec(id, { detach: true, consoleSize })
    return context.empty(200)
  }
  const connection = hijack(context, tty)
  let session: AttachSession | undefined
  try {
    session = await execs.startExec(id, { detach: false, consoleSize })
  } catch (error) {
    writeOutput(connection.output, 'stdout', Buffer.from(`${messageOf(error)}\r\n`), tty)
  }
  if (session === undefined) closeConnection(connection)
  else await serveSession(connection, session, OpenStdin)
}

const resize = async (context: RequestContext, execs: ExecBackend): Promise<void> => {
  const { height, width } = windowSize(context)
  await execs.resizeExec(context.param('id'), height, width)
  context.empty(200)
}

const inspect = async (context: RequestContext, execs: ExecBackend): Promise<void> => {
  context.json(await execs.inspectExec(context.param('id')))
}
