import { Readable } from 'node:stream'
import { syncDirectory } from '../../host/sync.ts'
import { archiveThreads, WINDOW } from './archive-threads.ts'
import { unpackError } from './pack-error.ts'
import { TarReader } from './tar-reader.ts'
import { Unpacker, type UnpackOptions } from './unpacker.ts'

/** Archives up to this many bytes are unpacked on the spot: that takes less than starting a thread, and blocks for at most some milliseconds. */
const INLINE_LIMIT = 128 * 1024

type UnpackCall = {
  readonly durable?: boolean
  readonly signal?: AbortSignal | undefined
  /** Sees the tar pass, to hash or count it. */
  readonly onChunk?: ((chunk: Uint8Array) => void) | undefined
}

/**
 * Unpacks an uncompressed tar into an existing directory. `durable` waits until the disk has it. Gives the bytes of files'
 * contents. InvalidArgument when the archive is broken or leads out of the directory; what was unpacked until then stays.
 */
export const unpack = async (
  tar: AsyncIterable<Uint8Array>,
  directory: string,
  options: UnpackOptions & UnpackCall = {},
): Promise<{ size: number }> => {
  const { signal, onChunk } = options
  // Else the loop below could wait for a chunk that never comes.
  const abort = (): void => {
    if (tar instanceof Readable) tar.destroy(signal?.reason)
  }
  signal?.addEventListener('abort', abort, { once: true })
  const source = tar[Symbol.asyncIterator]()
  try {
    const start: Uint8Array[] = []
    let length = 0
    while (length <= INLINE_LIMIT) {
      signal?.throwIfAborted()
      const { done, value } = await source.next()
      if (done) return await unpackHere(start, directory, options)
      onChunk?.(value)
      // The chunk may be a window on memory that its maker still uses.
      start.push(new Uint8Array(value))
      length += value.byteLength
    }
    return await unpackThere(start, source, directory, options)
  } finally {
    signal?.removeEventListener('abort', abort)
    await source.return?.()
  }
}

const unpackHere = async (
  chunks: readonly Uint8Array[],
  directory: string,
  { durable = false, signal: _signal, onChunk: _onChunk, ...options }: UnpackOptions & UnpackCall,
): Promise<{ size: number }> => {
  using unpacker = new Unpacker(directory, options)
  const reader = new TarReader(unpacker)
  for (const chunk of chunks) reader.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
  reader.finish()
  unpacker.finish()
  if (durable) await syncDirectory(directory)
  return { size: unpacker.size }
}

const unpackThere = async (
  start: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array>,
  directory: string,
  { durable = false, signal, onChunk, ...options }: UnpackOptions & UnpackCall,
): Promise<{ size: number }> => {
  let credits = WINDOW
  const { promise: done, resolve, reject } = Promise.withResolvers<{ size: number }>()
  // Failure is seen where it is awaited; until then it is not unhandled.
  done.catch(() => {})
  let wake: (() => void) | undefined
  let failed = false
  const fail = (error: unknown): void => {
    failed = true
    reject(error)
    wake?.()
  }
  const job = archiveThreads.open(message => {
    if (message instanceof Error) fail(message)
    else if (message.type === 'more') {
      credits++
      wake?.()
    } else if (message.type === 'done') resolve({ size: message.size })
    else if (message.type === 'failed') fail(unpackError(message.error))
  })
  const abort = (): void => fail(signal?.reason)
  signal?.addEventListener('abort', abort, { once: true })
  const send = async (data: Uint8Array<ArrayBuffer>): Promise<void> => {
    while (credits === 0 && !failed) {
      await new Promise<void>(resolve => {
        wake = resolve
      })
    }
    credits--
    if (!failed) archiveThreads.post({ job, type: 'chunk', data }, [data.buffer])
  }
  let finished = false
  try {
    archiveThreads.post({ job, type: 'unpack', directory, options, durable })
    for (const chunk of start) await send(new Uint8Array(chunk))
    while (!failed) {
      const { done: ended, value } = await rest.next()
      if (ended) break
      onChunk?.(value)
      await send(new Uint8Array(value))
    }
    archiveThreads.post({ job, type: 'end' })
    const result = await done
    finished = true
    return result
  } finally {
    signal?.removeEventListener('abort', abort)
    if (!finished) archiveThreads.post({ job, type: 'cancel' })
    archiveThreads.close(job)
  }
}
