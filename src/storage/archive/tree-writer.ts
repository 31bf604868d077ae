import type { MessagePort } from 'node:worker_threads'
import { invalidArgument } from '../../errdefs.ts'
import { dropUmask } from '../../host/at.ts'
import { type PackedError, packError } from './pack-error.ts'
import { TarReader, type TarSink } from './tar-reader.ts'
import { Unpacker } from './unpacker.ts'

export type TreeOptions = {
  /** An empty directory for the layer's tree; undefined: the tar is only read. */
  readonly directory: string | undefined
  readonly maxEntries: number
}

/** Pieces of the tar that may be under way between the two threads, and their length: whole blocks. */
export const RING = 4
export const PIECE = 512 * 1024

/** What comes to the thread that writes the tree, from the one that decodes. */
export type ToTree =
  /** `length` bytes lie in this piece of the ring. */
  | { readonly type: 'data'; readonly piece: number; readonly length: number }
  | { readonly type: 'end' }
  | { readonly type: 'cancel' }

export type FromTree =
  /** The piece may be filled again. */
  | { readonly type: 'free'; readonly piece: number }
  | { readonly type: 'whole'; readonly size: number }
  | { readonly type: 'failed'; readonly error: PackedError }
  /** Nothing of it is open any more. */
  | { readonly type: 'cancelled' }

export const piecesOf = (ring: SharedArrayBuffer): Buffer[] =>
  Array.from({ length: ring.byteLength / PIECE }, (_, index) => Buffer.from(ring, index * PIECE, PIECE))

let dropped: boolean | undefined
/** Once a thread. */
const ownUmask = (): boolean => {
  dropped ??= dropUmask()
  return dropped
}

/** Unpacks the tar that comes through a port, and says so; for a thread of its own. The port is closed by the other side. */
export const writeTree = (port: MessagePort, ring: SharedArrayBuffer, { directory, maxEntries }: TreeOptions): void => {
  const send = (message: FromTree): void => port.postMessage(message)
  const pieces = piecesOf(ring)
  let unpacker: Unpacker | undefined
  let failed = false
  const release = (): void => {
    // Once only: by the second time the descriptor's number may be somebody else's.
    const mine = unpacker
    unpacker = undefined
    mine?.[Symbol.dispose]()
  }
  const guarded = (work: () => void): void => {
    if (failed) return
    try {
      work()
    } catch (error) {
      failed = true
      release()
      send({ type: 'failed', error: packError(error) })
    }
  }
  guarded(() => {
    if (directory !== undefined) unpacker = new Unpacker(directory, { format: 'layer', fresh: ownUmask() })
  })
  const counter = new CountingSink()
  const sink = unpacker ?? counter
  const reader = new TarReader(sink)
  // Also when the other thread is lost.
  port.on('close', release)
  port.on('message', (message: ToTree) => {
    if (message.type === 'data') {
      guarded(() => {
        reader.push((pieces[message.piece] as Buffer).subarray(0, message.length))
        if (reader.entries > maxEntries) throw invalidArgument(`layer has more than ${maxEntries} entries`)
      })
      send({ type: 'free', piece: message.piece })
    } else if (message.type === 'end') {
      guarded(() => {
        reader.finish()
        unpacker?.finish()
        release()
        send({ type: 'whole', size: sink.size })
      })
    } else {
      release()
      failed = true
      send({ type: 'cancelled' })
    }
  })
}

class CountingSink implements TarSink {
  size = 0
  entry({ type, size, linkTarget }: Parameters<TarSink['entry']>[0]): void {
    this.size += type === 'symlink' ? linkTarget.length : size
  }
  data(): void {}
  end(): void {}
}
