/**
 * The multiplexed stream of attach, exec and logs without a TTY: frames of an 8-byte header
 * `[stream, 0, 0, 0, length (uint32, big endian)]` and that many bytes.
 * https://docs.docker.com/reference/api/engine/#tag/Container/operation/ContainerAttach
 */
import { Transform, type TransformCallback } from 'node:stream'
import { internal } from '../errdefs.ts'

/** `systemerr` (3) is the daemon's own failure in the middle of a stream. */
export type FrameStream = 'stdin' | 'stdout' | 'stderr' | 'systemerr'
export type Frame = { readonly stream: FrameStream; readonly data: Buffer }

const STREAMS: readonly FrameStream[] = ['stdin', 'stdout', 'stderr', 'systemerr']
const HEADER = 8

/** Header and payload, to be written one after the other (`writev` spares the copy). `data` must be below 4 GiB. */
export const encodeFrame = (stream: FrameStream, data: Buffer): Buffer[] => {
  const header = Buffer.alloc(HEADER)
  header[0] = STREAMS.indexOf(stream)
  header.writeUInt32BE(data.length, 4)
  return [header, data]
}

/**
 * Takes a stream's bytes as they come and gives what they hold: a frame is handed on in parts as its bytes
 * arrive, so no frame, however long it says it is, is ever kept in memory.
 */
export class FrameDecoder {
  readonly #header = Buffer.alloc(HEADER)
  #have = 0
  #left = 0
  #stream: FrameStream = 'stdout'

  /** Throws Internal for a stream number that does not exist. */
  decode(chunk: Buffer): Frame[] {
    const frames: Frame[] = []
    let at = 0
    while (at < chunk.length) {
      if (this.#left > 0) {
        const data = chunk.subarray(at, at + this.#left)
        frames.push({ stream: this.#stream, data })
        this.#left -= data.length
        at += data.length
        continue
      }
      const copied = chunk.copy(this.#header, this.#have, at, at + HEADER - this.#have)
      this.#have += copied
      at += copied
      if (this.#have < HEADER) break
      this.#have = 0
      const stream = STREAMS[this.#header[0] as number]
      if (stream === undefined) throw internal(`Unrecognized input header: ${this.#header[0]}`)
      this.#stream = stream
      this.#left = this.#header.readUInt32BE(4)
    }
    return frames
  }

  /** True between frames: a stream that ends elsewhere was cut off. */
  get complete(): boolean {
    return this.#left === 0 && this.#have === 0
  }
}

/** Bytes in, `Frame` objects out. */
export const decodeFrames = (): Transform => {
  const decoder = new FrameDecoder()
  return new Transform({
    readableObjectMode: true,
    transform(chunk: Buffer, _encoding, done: TransformCallback) {
      try {
        for (const frame of decoder.decode(chunk)) this.push(frame)
        done()
      } catch (error) {
        done(error as Error)
      }
    },
  })
}
