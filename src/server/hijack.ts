import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { encodeFrame } from '../api/stdcopy.ts'
import type { RequestContext } from './request-context.ts'

export const RAW_STREAM = 'application/vnd.docker.raw-stream'
export const MULTIPLEXED_STREAM = 'application/vnd.docker.multiplexed-stream'

export type OutputChunk = { readonly stream: 'stdout' | 'stderr'; readonly data: Buffer }

/** The streams of a process that a client holds. */
export type AttachSession = {
  readonly tty: boolean
  /** Ends with the process's output. */
  readonly output: AsyncIterable<OutputChunk>
  write(chunk: Buffer): Promise<void>
  closeInput(): void
  detach(): void
}

/** The content type of a process's output: one raw stream, or frames where there are two to tell apart. */
export const streamType = (context: RequestContext, tty: boolean): string =>
  !tty && context.speaks('1.42') ? MULTIPLEXED_STREAM : RAW_STREAM

/** A connection that left HTTP: what the client sends, and what it gets. */
export type Connection = { readonly input: Readable; readonly output: Writable }

/**
 * Takes the connection over: `101 UPGRADED` for clients that ask (their half-close ends the input and leaves the
 * output open), else `200` and a body without length, whose input is the request's body.
 */
export const hijack = (context: RequestContext, tty: boolean): Connection => {
  const { request, response, upgrade } = context
  context.hijacked = true
  if (!upgrade) {
    response.useChunkedEncodingByDefault = false
    response.shouldKeepAlive = false
    response.writeHead(200, { 'Content-Type': RAW_STREAM })
    response.flushHeaders()
    return { input: request, output: response }
  }
  const { socket } = request
  response.detachSocket(socket)
  socket.write(
    `HTTP/1.1 101 UPGRADED\r\nContent-Type: ${streamType(context, tty)}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`,
  )
  return { input: socket, output: socket }
}

/** Runs a session over a connection until the output ends or the client is gone; then closes it. */
export const serveSession = async (
  connection: Connection,
  session: AttachSession,
  wantsInput: boolean,
): Promise<void> => {
  const { input, output } = connection
  const gone = () => session.detach()
  if (output.destroyed) gone()
  output.once('close', gone)
  output.on('error', () => {})
  if (wantsInput) void feed(input, session)
  else input.resume()
  try {
    await copyOutput(session.output, output, session.tty)
  } finally {
    output.off('close', gone)
    closeConnection(connection)
  }
}

/** Sends what is written, then closes both directions, whatever the client would still say. */
export const closeConnection = ({ input, output }: Connection): void => {
  // Input that lies unread at the close would reach the client as a reset instead of an end.
  input.resume()
  output.end(() => input.destroy())
}

/** Writes output as the client is able to take it: as it is, or in frames. Stops when the client is gone. */
export const copyOutput = async (chunks: AsyncIterable<OutputChunk>, output: Writable, raw: boolean): Promise<void> => {
  for await (const { stream, data } of chunks) {
    if (output.destroyed || output.writableEnded) return
    if (writeOutput(output, stream, data, raw)) continue
    await drained(output)
  }
}

/** False when the client should take what it has before it gets more. */
export const writeOutput = (output: Writable, stream: 'stdout' | 'stderr', data: Buffer, raw: boolean): boolean => {
  if (raw) return output.write(data)
  output.cork()
  let more = true
  for (const part of encodeFrame(stream, data)) more = output.write(part)
  output.uncork()
  return more
}

/** Resolves when what was written has left, or the client is gone. */
const drained = async (output: Writable): Promise<void> => {
  if (!output.writableNeedDrain || output.destroyed) return
  const settled = new AbortController()
  const { signal } = settled
  try {
    await Promise.race([once(output, 'drain', { signal }), once(output, 'close', { signal })])
  } finally {
    settled.abort()
  }
}

/** Hands the client's bytes to the process, no faster than it takes them, then closes its input. */
const feed = async (input: Readable, session: AttachSession): Promise<void> => {
  try {
    for await (const chunk of input.iterator({ destroyOnReturn: false })) await session.write(chunk as Buffer)
    session.closeInput()
  } catch {
    // The process has closed its input, or the client its connection: either end is told by the output's side.
    input.resume()
  }
}
