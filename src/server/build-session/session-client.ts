import type { Duplex } from 'node:stream'
import { type ClientMessage, type DaemonMessage, NO_SUCH_THING, type Service } from '../../api/build-session.ts'
import { PieceReader } from '../../api/context-stream.ts'
import type { SessionLink } from '../../api/session-link.ts'
import type { BuildClient, ClientOutput, ContextPlace, ShellInvitation } from '../../builder/build-client.ts'
import type { ContextTree } from '../../builder/context/context-tree.ts'
import type { ShellTerminal, WindowSize } from '../../builder/shell-terminal.ts'
import { invalidArgument, messageOf } from '../../errdefs.ts'
import { receiveListedContext } from './listed-context.ts'

/** Bytes; as in BuildKit. */
const SECRET_LIMIT = 500 * 1024

/** The client at the other end of a build session. */
export class SessionClient implements BuildClient {
  readonly #link: SessionLink<DaemonMessage, ClientMessage>
  readonly #terminals = new Map<number, (size: WindowSize) => void>()
  #channels = 0
  /** Ids of the agents that the client forwards. */
  agents: readonly string[] = []

  constructor(link: SessionLink<DaemonMessage, ClientMessage>) {
    this.#link = link
  }

  async context(name: string, place: ContextPlace, signal: AbortSignal): Promise<ContextTree | undefined> {
    const { channel, stop } = this.#open({ name: 'context', context: name }, signal)
    try {
      return await receiveListedContext(channel, place, signal)
    } catch (error) {
      channel.destroy()
      return absent(error, signal)
    } finally {
      stop()
    }
  }

  async secret(id: string, signal: AbortSignal): Promise<Buffer | undefined> {
    const { channel, stop } = this.#open({ name: 'secret', id }, signal)
    channel.end()
    const chunks: Buffer[] = []
    let size = 0
    try {
      for await (const chunk of channel) {
        size += (chunk as Buffer).length
        if (size > SECRET_LIMIT) throw invalidArgument(`secret ${id} is too big, max size is ${SECRET_LIMIT} bytes`)
        chunks.push(chunk as Buffer)
      }
      return Buffer.concat(chunks)
    } catch (error) {
      return absent(error, signal)
    } finally {
      stop()
    }
  }

  ssh(id: string, signal: AbortSignal): Promise<Duplex | undefined> {
    if (!this.agents.includes(id)) return Promise.resolve(undefined)
    const { channel, stop } = this.#open({ name: 'ssh', id }, signal)
    channel.once('close', stop)
    return Promise.resolve(channel)
  }

  output(index: number, signal: AbortSignal): Promise<ClientOutput> {
    const { channel, stop } = this.#open({ name: 'output', index }, signal)
    // The client's end says that all is in its place.
    const placed = new Promise<void>((resolve, reject) => {
      channel.once('end', resolve)
      channel.once('error', reject)
      channel.once('close', () => reject(channel.errored ?? new Error('the output was given up')))
    })
    placed.catch(() => undefined)
    channel.once('close', stop)
    channel.resume()
    const finish = async (): Promise<void> => {
      channel.end()
      try {
        await placed
      } catch (error) {
        throw invalidArgument(`failed to write the output: ${messageOf(error)}`, { cause: error })
      }
    }
    return Promise.resolve({ stream: channel, finish })
  }

  async shell({ step, message }: ShellInvitation, signal: AbortSignal): Promise<ShellTerminal | undefined> {
    const { channel, number, stop } = this.#open({ name: 'shell', step, message }, signal)
    let later: ((size: WindowSize) => void) | undefined
    let size: WindowSize = { rows: 24, columns: 80 }
    this.#terminals.set(number, next => {
      size = next
      later?.(next)
    })
    channel.once('close', () => {
      this.#terminals.delete(number)
      stop()
    })
    const reader = new PieceReader(channel)
    try {
      const first = await reader.message<WindowSize>()
      if (first !== undefined) size = first
    } catch (error) {
      channel.destroy()
      return absent(error, signal)
    }
    const { Readable } = await import('node:stream')
    return {
      input: Readable.from(reader.remainder(), { objectMode: false }),
      output: channel,
      get size() {
        return size
      },
      onResize: listener => {
        later = listener
      },
      close: () => channel.end(() => channel.destroy()),
    }
  }

  /** What the client tells while the build goes on. */
  handle(message: ClientMessage): void {
    if (message.type === 'resize') this.#terminals.get(message.channel)?.(message)
  }

  #open(service: Service, signal: AbortSignal): { channel: Duplex; number: number; stop: () => void } {
    signal.throwIfAborted()
    const number = ++this.#channels
    const channel = this.#link.channel(number)
    this.#link.send({ type: 'open', channel: number, service })
    const abort = () => channel.destroy(signal.reason instanceof Error ? signal.reason : undefined)
    signal.addEventListener('abort', abort, { once: true })
    return { channel, number, stop: () => signal.removeEventListener('abort', abort) }
  }
}

/** Undefined when the client has said that it has no such thing; any other failure is thrown on. */
const absent = (error: unknown, signal: AbortSignal): undefined => {
  signal.throwIfAborted()
  if (messageOf(error) === NO_SUCH_THING) return undefined
  throw error
}
