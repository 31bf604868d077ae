import type { Socket } from 'node:net'
import { FrameDecoder } from '../../api/stdcopy.ts'
import type { Output } from '../output.ts'
import { DetachWatcher } from './detach-keys.ts'

export type SessionOptions = {
  readonly socket: Socket
  /** A TTY's stream is plain; others come in frames. */
  readonly tty: boolean
  readonly stdin: boolean
  readonly stdout: Output
  readonly stderr: Output
  /** The keys to detach by; undefined: none are watched for. */
  readonly detachKeys?: Buffer | undefined
}

/**
 * Carries a hijacked connection: input to the process, its output to ours. Resolves when the output has ended, or when
 * the user has typed the detach keys. The end of our input is told to the process and leaves the output open.
 */
export const streamSession = async (options: SessionOptions): Promise<'ended' | 'detached'> => {
  const { socket } = options
  const { promise, resolve, reject } = Promise.withResolvers<'ended' | 'detached'>()
  socket.on('data', writerFor(options, reject))
  socket.once('end', () => resolve('ended'))
  socket.once('close', () => resolve('ended'))
  // The daemon going away ends the output; what became of the process is for the wait request to say.
  socket.on('error', () => resolve('ended'))
  socket.resume()
  const stopInput = options.stdin ? sendInput(options, () => resolve('detached')) : undefined
  try {
    return await promise
  } finally {
    stopInput?.()
    socket.destroy()
  }
}

const writerFor = (
  { tty, stdout, stderr }: SessionOptions,
  fail: (error: unknown) => void,
): ((chunk: Buffer) => void) => {
  if (tty) return chunk => stdout.write(chunk)
  const decoder = new FrameDecoder()
  return chunk => {
    try {
      for (const { stream, data } of decoder.decode(chunk)) {
        if (stream === 'systemerr') throw new Error(`error from daemon in stream: ${data.toString()}`)
        ;(stream === 'stderr' ? stderr : stdout).write(data)
      }
    } catch (error) {
      fail(error)
    }
  }
}

const sendInput = ({ socket, detachKeys }: SessionOptions, detached: () => void): (() => void) => {
  const { stdin } = process
  const watcher = detachKeys ? new DetachWatcher(detachKeys) : undefined
  const onData = (chunk: Buffer): void => {
    const passed = watcher?.pass(chunk) ?? { data: chunk, detached: false }
    if (passed.detached) return detached()
    if (passed.data.length > 0 && !socket.write(passed.data)) {
      stdin.pause()
      socket.once('drain', () => stdin.resume())
    }
  }
  const onEnd = (): void => void socket.end()
  stdin.on('data', onData)
  stdin.once('end', onEnd)
  return () => {
    stdin.off('data', onData)
    stdin.off('end', onEnd)
    stdin.pause()
  }
}
