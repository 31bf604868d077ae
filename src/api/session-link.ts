/**
 * The framed stream of a build session: `[length (uint32), type (uint8), channel (uint32)]`, big endian, and that many bytes.
 * Channel 0 carries JSON messages both ways; the others, which only the daemon opens, carry bytes. Each side may send as much
 * on a channel as the other has granted, so that nobody has to hold more than a window of what nobody reads.
 */
import { Duplex, type Readable, type Writable } from 'node:stream'
import { invalidArgument, type TareError, unavailable } from '../errdefs.ts'

const MESSAGE = 0
const DATA = 1
const END = 2
const CREDIT = 3
const RESET = 4

const HEADER = 9
/** Bytes that may be under way on a channel. */
export const WINDOW = 1024 * 1024
/** Bytes of one message: a Dockerfile, a build's options, or a piece of output at most. */
const MESSAGE_LIMIT = 32 * 1024 * 1024
/** What a channel's end with a failure may say. */
const REASON_LIMIT = 64 * 1024

export type LinkOptions<Received> = {
  readonly input: Readable
  readonly output: Writable
  /** What it throws ends the session. */
  readonly onMessage: (message: Received) => void
}

/** One side of a session. Disposing it closes the connection; open channels then fail. */
export class SessionLink<Sent, Received> implements Disposable {
  readonly #input: Readable
  readonly #output: Writable
  readonly #onMessage: (message: Received) => void
  readonly #channels = new Map<number, Channel>()
  readonly #decoder = new Decoder()
  readonly #closed = new AbortController()

  constructor({ input, output, onMessage }: LinkOptions<Received>) {
    this.#input = input
    this.#output = output
    this.#onMessage = onMessage
    const gone = () => this.#close(unavailable('the other side of the build session is gone'))
    input.on('data', (chunk: Buffer) => this.#receive(chunk))
    input.once('end', gone).once('close', gone)
    output.once('close', gone)
    input.on('error', gone)
    output.on('error', gone)
  }

  /** Aborts when the session is over, with the reason. */
  get closed(): AbortSignal {
    return this.#closed.signal
  }

  /** Bytes that wait for the other side to take them. */
  get pending(): number {
    return this.#output.writableLength
  }

  send(message: Sent): void {
    if (this.#closed.signal.aborted) return
    this.#frame(MESSAGE, 0, Buffer.from(JSON.stringify(message)))
  }

  /** Resolves when what was sent has left, or the session is over. */
  async flush(): Promise<void> {
    if (this.#closed.signal.aborted) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.closed.addEventListener('abort', () => resolve(), { once: true })
    this.#output.write(Buffer.alloc(0), () => resolve())
    await promise
  }

  /** Bytes both ways under a number that both sides know; each side opens it once. Ending it leaves the other way open. */
  channel(id: number): Duplex {
    if (this.#closed.signal.aborted) throw this.#closed.signal.reason
    if (this.#channels.has(id)) throw invalidArgument(`build session: channel ${id} is open already`)
    const channel = new Channel({
      data: bytes => this.#frame(DATA, id, bytes),
      end: () => this.#frame(END, id, EMPTY),
      credit: bytes => this.#frame(CREDIT, id, uint32(bytes)),
      reset: reason => this.#frame(RESET, id, Buffer.from(reason).subarray(0, REASON_LIMIT)),
      closed: () => this.#channels.delete(id),
    })
    // A channel that fails is told by whoever uses it; one that nobody uses any more is nobody's failure.
    channel.on('error', () => undefined)
    this.#channels.set(id, channel)
    return channel
  }

  [Symbol.dispose](): void {
    this.#close(unavailable('the build session is over'))
  }

  #close(reason: TareError): void {
    if (this.#closed.signal.aborted) return
    this.#closed.abort(reason)
    for (const channel of [...this.#channels.values()]) channel.fail(reason)
    this.#channels.clear()
    this.#input.resume()
    this.#output.end(() => this.#input.destroy())
  }

  #frame(type: number, channel: number, payload: Buffer): void {
    if (this.#closed.signal.aborted) return
    const header = Buffer.allocUnsafe(HEADER)
    header.writeUInt32BE(payload.length, 0)
    header[4] = type
    header.writeUInt32BE(channel, 5)
    this.#output.cork()
    this.#output.write(header)
    if (payload.length > 0) this.#output.write(payload)
    this.#output.uncork()
  }

  #receive(chunk: Buffer): void {
    try {
      for (const { type, channel, payload } of this.#decoder.decode(chunk)) {
        if (this.#closed.signal.aborted) return
        if (type === MESSAGE) this.#onMessage(JSON.parse(payload.toString()) as Received)
        // What comes for a channel that was given up on this side has crossed our word of it.
        else this.#channels.get(channel)?.receive(type, payload)
      }
    } catch (error) {
      this.#close(invalidArgument(`build session: ${(error as Error).message}`, { cause: error }))
    }
  }
}

const EMPTY = Buffer.alloc(0)

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(value, 0)
  return bytes
}

type Sender = {
  data(bytes: Buffer): void
  end(): void
  credit(bytes: number): void
  reset(reason: string): void
  closed(): void
}

class Channel extends Duplex {
  readonly #sender: Sender
  /** Bytes that we may still send, and that the other side may. */
  #mayWrite = WINDOW
  #mayReceive = WINDOW
  #waiting: (() => void) | undefined
  #over = false

  constructor(sender: Sender) {
    super({ readableHighWaterMark: WINDOW, writableHighWaterMark: 256 * 1024, allowHalfOpen: true, emitClose: true })
    this.#sender = sender
  }

  receive(type: number, payload: Buffer): void {
    if (type === CREDIT) {
      this.#mayWrite += payload.readUInt32BE(0)
      const waiting = this.#waiting
      this.#waiting = undefined
      waiting?.()
    } else if (type === END) this.push(null)
    else if (type === RESET) this.fail(unavailable(payload.toString()))
    else if (type === DATA) {
      this.#mayReceive -= payload.length
      if (this.#mayReceive < 0) throw new Error('more was sent on a channel than granted')
      this.push(payload)
    } else throw new Error(`unknown frame type ${type}`)
  }

  /** Ends it without a word to the other side. */
  fail(error: Error): void {
    this.#over = true
    this.destroy(error)
  }

  override _read(): void {
    // `push` has been given all that came; what left our buffer is known by what is still in it.
    this.#grant()
  }

  override read(size?: number): unknown {
    const chunk: unknown = super.read(size)
    if (chunk !== null) this.#grant()
    return chunk
  }

  #grant(): void {
    const taken = WINDOW - this.#mayReceive - this.readableLength
    if (taken < WINDOW / 4 || this.readableEnded || this.#over) return
    this.#mayReceive += taken
    this.#sender.credit(taken)
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const send = (rest: Buffer): void => {
      if (this.destroyed) return done()
      const now = rest.subarray(0, Math.min(rest.length, this.#mayWrite, WINDOW / 4))
      if (now.length > 0) {
        this.#mayWrite -= now.length
        this.#sender.data(now)
      }
      if (now.length === rest.length) return done()
      const later = rest.subarray(now.length)
      if (this.#mayWrite > 0) send(later)
      else this.#waiting = () => send(later)
    }
    send(chunk)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#sender.end()
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    // Both ways ended well: the other side knows. Anything else it has to be told.
    if (!this.#over && !(this.readableEnded && this.writableFinished))
      this.#sender.reset(error?.message ?? 'the channel was closed')
    this.#over = true
    this.#sender.closed()
    waiting?.()
    done(error)
  }
}

type Frame = { readonly type: number; readonly channel: number; readonly payload: Buffer }

/** Bytes to frames. Data is handed on in parts as it arrives; the others are short and come whole. */
class Decoder {
  readonly #header = Buffer.alloc(HEADER)
  #have = 0
  #type = 0
  #channel = 0
  #left = 0
  #parts: Buffer[] = [];

  *decode(chunk: Buffer): Generator<Frame> {
    let at = 0
    while (at < chunk.length) {
      if (this.#have < HEADER) {
        const copied = chunk.copy(this.#header, this.#have, at, at + HEADER - this.#have)
        this.#have += copied
        at += copied
        if (this.#have < HEADER) return
        this.#begin()
        if (this.#left === 0) yield this.#whole()
        continue
      }
      const part = chunk.subarray(at, at + this.#left)
      at += part.length
      this.#left -= part.length
      if (this.#type === DATA) {
        if (this.#left === 0) this.#have = 0
        yield { type: DATA, channel: this.#channel, payload: part }
        continue
      }
      this.#parts.push(part)
      if (this.#left === 0) yield this.#whole()
    }
  }

  #begin(): void {
    this.#left = this.#header.readUInt32BE(0)
    this.#type = this.#header[4] as number
    this.#channel = this.#header.readUInt32BE(5)
    const limit = this.#type === MESSAGE ? MESSAGE_LIMIT : this.#type === DATA ? WINDOW : REASON_LIMIT
    if (this.#left > limit) throw new Error(`a frame of ${this.#left} bytes is too large`)
  }

  #whole(): Frame {
    const payload = this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts)
    this.#parts = []
    this.#have = 0
    return { type: this.#type, channel: this.#channel, payload }
  }
}
