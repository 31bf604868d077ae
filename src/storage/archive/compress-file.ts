import { archiveThreads } from './archive-threads.ts'
import type { Compressed } from './compressor.ts'
import { unpackError } from './pack-error.ts'

export type CompressOptions = {
  readonly signal?: AbortSignal | undefined
  /** Hears how many bytes of the source are done. */
  readonly onProgress?: ((bytes: number) => void) | undefined
}

/** Writes a file as gzip to a new one, on an archive thread; several side by side take several. What was begun stays when it fails. */
export const compressFile = async (
  from: string,
  to: string,
  { signal, onProgress }: CompressOptions = {},
): Promise<Compressed> => {
  signal?.throwIfAborted()
  const { promise, resolve, reject } = Promise.withResolvers<Compressed>()
  const job = archiveThreads.open(message => {
    if (message instanceof Error) reject(message)
    else if (message.type === 'failed') reject(unpackError(message.error))
    else if (message.type === 'compressed') resolve(message.compressed)
    else if (message.type === 'taken') {
      onProgress?.(message.position)
      archiveThreads.post({ job, type: 'read' })
    }
  })
  const abort = (): void => reject(signal?.reason)
  signal?.addEventListener('abort', abort, { once: true })
  try {
    archiveThreads.post({ job, type: 'compress', from, to })
    // Two under way, so that the thread never waits for this one.
    archiveThreads.post({ job, type: 'read' })
    archiveThreads.post({ job, type: 'read' })
    return await promise
  } finally {
    signal?.removeEventListener('abort', abort)
    archiveThreads.post({ job, type: 'cancel' })
    archiveThreads.close(job)
  }
}
