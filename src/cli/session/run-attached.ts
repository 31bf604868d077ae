import type { Context } from '../command.ts'
import { parseDetachKeys } from './detach-keys.ts'
import { followSize } from './follow-size.ts'
import { forwardSignals } from './forward-signals.ts'
import { streamSession } from './stream-session.ts'
import { waitExit } from './wait-exit.ts'

export type AttachedOptions = {
  readonly tty: boolean
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  /** The container goes when it ends (`--rm`): wait until it has gone. */
  readonly removed: boolean
  readonly signalProxy: boolean
  readonly detachKeys: string | undefined
}

/**
 * Starts a created container with our terminal or streams attached to it, and gives the exit code of its process; 0 when the user detached.
 * Attached and waited for before the start, so that nothing of its output or end can be missed.
 */
export const runAttached = async (
  { client, stdout, stderr }: Context,
  id: string,
  options: AttachedOptions,
): Promise<number> => {
  const path = `/containers/${id}`
  const [{ socket }, { exitCode }] = await Promise.all([
    client.hijack(`${path}/attach`, {
      query: {
        stream: true,
        stdin: options.stdin || undefined,
        stdout: options.stdout || undefined,
        stderr: options.stderr || undefined,
        detachKeys: options.detachKeys || undefined,
      },
    }),
    waitExit(client, id, options.removed),
  ])
  await using cleanup = new AsyncDisposableStack()
  // Raw before the first byte of a prompt arrives; only a terminal that we also read from.
  if (options.tty && options.stdin) {
    const { rawTerminal } = await import('./raw-terminal.ts')
    cleanup.use(await rawTerminal())
  }
  if (options.signalProxy) cleanup.use(forwardSignals(signal => client.post(`${path}/kill`, { query: { signal } })))
  const streaming = streamSession({
    socket,
    tty: options.tty,
    stdin: options.stdin,
    stdout,
    stderr,
    detachKeys: options.tty && options.stdin ? parseDetachKeys(options.detachKeys ?? '') : undefined,
  })
  try {
    await client.post(`${path}/start`)
  } catch (error) {
    socket.destroy()
    await streaming
    // The daemon removes a container with --rm that did not start; be gone only when it is.
    if (options.removed) await exitCode
    throw error
  }
  if (options.tty && stdout.isTerminal) cleanup.use(followSize(client, path, stdout))
  const outcome = await streaming
  return outcome === 'detached' ? 0 : await exitCode
}
