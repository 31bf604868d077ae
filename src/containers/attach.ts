import { statSync } from 'node:fs'
import { Stdio } from '../runtime/stdio.ts'
import { type AttachSession, openSession } from './attach-session.ts'
import type { Container } from './container.ts'
import { bundleDirectory, type Context, logPathOf, publish } from './context.ts'
import { parseDetachKeys } from './detach-keys.ts'
import { readLogs } from './logs.ts'
import { requireAllowed } from './state.ts'

export type AttachOptions = {
  readonly stream: boolean
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly logs: boolean
  readonly detachKeys?: string | undefined
}

/** Attaches a client to a container's process: to the one that runs, or to the next one, none of whose output is missed. */
export const attachContainer = (
  context: Context,
  container: Container,
  options: AttachOptions,
  reference: string,
): AttachSession => {
  requireAllowed('attach', container, reference)
  const { config } = container.record
  const tty = config.Tty ?? false
  const detachKeys = parseDetachKeys(options.detachKeys ?? '')
  // The log up to now: what comes later is the session's to show.
  const end = options.logs ? (statSync(logPathOf(context, container.id), { throwIfNoEntry: false })?.size ?? 0) : 0
  const earlier = options.logs
    ? readLogs(context, container, { stdout: options.stdout, stderr: options.stderr, end })
    : undefined
  const stdio = container.stdio ?? new Stdio(bundleDirectory(context, container.id))
  const session = openSession(stdio, {
    tty,
    stdin: options.stdin && options.stream && (config.OpenStdin ?? false),
    stdout: options.stdout && options.stream,
    stderr: options.stderr && options.stream,
    closesInput: (config.StdinOnce ?? false) && !tty,
    detachKeys,
    earlier,
    onDetach: () => publish(context, container, 'detach'),
  })
  if (options.stream) {
    container.stdio = stdio
    if (container.running) stdio.connect()
  } else {
    session.detach()
  }
  publish(context, container, 'attach')
  return session
}
