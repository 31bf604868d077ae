import { setTimeout as sleep } from 'node:timers/promises'
import { internal, isKind, messageOf, TareError } from '../errdefs.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { Repository } from '../registry/repository.ts'
import type { LayerIntake } from '../storage/snapshots/snapshotter.ts'
import type { LayerStore, ReceivedLayer } from './layer-store.ts'
import type { LayerDescriptor } from './remote-manifest.ts'
import { Slots } from './slots.ts'

/** How far a layer is, in the words of Docker's progress messages. Bytes are the blob's. */
export type LayerProgress = {
  readonly status: string
  readonly current?: number
  readonly total?: number
}

export type WantedLayer = {
  readonly descriptor: LayerDescriptor
  readonly diffId: Digest
  /** False: for another operating system, whose layers are kept as they are. */
  readonly unpack: boolean
}

export type DownloadSettings = {
  /** So many layers at a time. */
  readonly concurrent: number
  /** How often in a row an attempt may bring nothing. */
  readonly attempts: number
}

type Download = {
  result: Promise<ReceivedLayer>
  readonly abort: AbortController
  readonly listeners: Set<(progress: LayerProgress) => void>
  last: LayerProgress | undefined
}

/** Milliseconds between two messages of progress. */
const PROGRESS_INTERVAL = 100
/** Seconds; each attempt that brings nothing waits so much longer than the one before. */
const RETRY_DELAY = 5
/** Bytes: an attempt that brought as many was no failure, and the next one follows at once. */
const WORTHWHILE = 64 * 1024

/**
 * Layers on their way here. Whoever wants a layer that is on its way joins in; when the last one loses interest it stops, and
 * what has come stays for a later attempt. At most so many come at a time.
 */
export class LayerDownloads {
  readonly #layers: LayerStore
  readonly #settings: () => DownloadSettings
  readonly #slots: Slots
  readonly #downloads = new Map<string, Download>()

  constructor(layers: LayerStore, settings: () => DownloadSettings) {
    this.#layers = layers
    this.#settings = settings
    this.#slots = new Slots(() => settings().concurrent)
  }

  /** Resolves when the layer is here whole and proved; held, and for the caller to admit. */
  async fetch(
    repository: Repository,
    wanted: WantedLayer,
    onProgress: (progress: LayerProgress) => void,
    signal: AbortSignal,
  ): Promise<ReceivedLayer> {
    signal.throwIfAborted()
    const key = `${wanted.descriptor.digest} ${wanted.diffId} ${wanted.unpack}`
    // One that everybody has left just ends; what it brought is gone on with.
    for (let last = this.#downloads.get(key); last?.abort.signal.aborted; last = this.#downloads.get(key))
      await last.result.catch(() => {})
    signal.throwIfAborted()
    // Each of those who wait holds the layer by himself.
    this.#layers.hold(wanted.diffId)
    const download = this.#downloads.get(key) ?? this.#start(key, repository, wanted)
    onProgress({ status: 'Pulling fs layer' })
    if (download.last) onProgress(download.last)
    download.listeners.add(onProgress)
    const { promise: aborted, reject } = Promise.withResolvers<never>()
    const abort = (): void => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    try {
      return await Promise.race([download.result, aborted])
    } catch (error) {
      this.#layers.release([wanted.diffId])
      throw error
    } finally {
      signal.removeEventListener('abort', abort)
      download.listeners.delete(onProgress)
      if (download.listeners.size === 0) {
        download.abort.abort(signal.aborted ? signal.reason : undefined)
        await download.result.catch(() => {})
      }
    }
  }

  #start(key: string, repository: Repository, wanted: WantedLayer): Download {
    const abort = new AbortController()
    const listeners = new Set<(progress: LayerProgress) => void>()
    const download: Download = { abort, listeners, last: undefined, result: Promise.resolve(undefined as never) }
    download.result = this.#run(
      repository,
      wanted,
      progress => {
        download.last = progress
        for (const listener of listeners) listener(progress)
      },
      abort.signal,
    ).finally(() => this.#downloads.delete(key))
    download.result.catch(() => {})
    this.#downloads.set(key, download)
    return download
  }

  async #run(
    repository: Repository,
    wanted: WantedLayer,
    tell: (progress: LayerProgress) => void,
    signal: AbortSignal,
  ): Promise<ReceivedLayer> {
    if (!this.#slots.free) tell({ status: 'Waiting' })
    using _slot = await this.#slots.take(signal)
    for (;;) {
      await using intake = await this.#layers.receive(wanted.descriptor, wanted.unpack, signal)
      const resumed = intake.offset > 0
      try {
        await this.#feed(intake, repository, wanted.descriptor, tell, signal)
        tell({ status: 'Verifying Checksum' })
        const { descriptor, diffId } = wanted
        const finished = intake.finish({ digest: descriptor.digest, size: descriptor.size, diffId })
        tell({ status: 'Download complete' })
        using _extracting = everyInterval(() =>
          tell({ status: 'Extracting', current: intake.unpacked, total: descriptor.size }),
        )
        const { layer } = await finished
        tell({ status: 'Extracting', current: descriptor.size, total: descriptor.size })
        return { diffId, blob: blobOf(descriptor), size: layer.size }
      } catch (error) {
        signal.throwIfAborted()
        // What an earlier attempt left may have been bad already, and is gone now: all of it is fetched once more.
        if (resumed && isKind(error, 'InvalidArgument')) continue
        throw isKind(error, 'InvalidArgument') ? internal(messageOf(error), { cause: error }) : error
      }
    }
  }

  async #feed(
    intake: LayerIntake,
    repository: Repository,
    descriptor: LayerDescriptor,
    tell: (progress: LayerProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const total = descriptor.size
    const report = throttled(tell)
    let received = intake.offset
    for (let failures = 0; received < total; ) {
      const before = received
      try {
        const answer = await repository.blob(descriptor, { offset: received, signal })
        // A registry that knows no ranges begins anew.
        let skip = received - answer.offset
        for await (const chunk of answer.stream as AsyncIterable<Buffer>) {
          const piece = skip > 0 ? chunk.subarray(Math.min(skip, chunk.length)) : chunk
          skip -= chunk.length - piece.length
          if (piece.length === 0) continue
          if (received + piece.length > total) throw new WrongBlob(tooLong(descriptor))
          try {
            await intake.write(piece)
          } catch (error) {
            throw new WrongBlob(error)
          }
          received += piece.length
          giveBack(chunk)
          report({ status: 'Downloading', current: received, total })
        }
        if (received < total) throw new Error('unexpected EOF')
      } catch (error) {
        signal.throwIfAborted()
        if (error instanceof WrongBlob) throw error.cause
        failures = received - before >= WORTHWHILE ? 0 : failures + 1
        if (!isTransient(error) || failures >= this.#settings().attempts) throw error
        await countDown(failures * RETRY_DELAY, tell, signal)
      }
    }
  }
}

/** What came is at fault, not the way that it came. */
class WrongBlob extends Error {
  constructor(cause: unknown) {
    super(messageOf(cause), { cause })
  }
}

const tooLong = ({ digest, size }: LayerDescriptor): Error =>
  internal(`filesystem layer verification failed for digest ${digest}: more than ${size} bytes`)

/** Whether the same may go well a moment later: a broken connection, rather than an answer. */
const isTransient = (error: unknown): boolean => !(error instanceof TareError) || error.kind === 'Unavailable'

const countDown = async (
  seconds: number,
  tell: (progress: LayerProgress) => void,
  signal: AbortSignal,
): Promise<void> => {
  for (let left = seconds; left > 0; left--) {
    tell({ status: `Retrying in ${left} second${left === 1 ? '' : 's'}` })
    await sleep(1000, undefined, { signal })
  }
}

/** Returns a chunk's memory now rather than with the next collection of garbage: a fast registry would fill it up till then. */
const giveBack = (chunk: Buffer): void => {
  const { buffer } = chunk
  // Only where nothing else lies in it.
  if (buffer instanceof ArrayBuffer && chunk.length === buffer.byteLength) buffer.transfer(0)
}

/** What an image's manifest says of a layer, less where else it may be found. */
const blobOf = ({ mediaType, digest, size }: LayerDescriptor): Descriptor => ({ mediaType, digest, size })

const everyInterval = (work: () => void): Disposable => {
  const timer = setInterval(work, PROGRESS_INTERVAL)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

/** Hands on at most so many a second, and always the last. */
const throttled = (tell: (progress: LayerProgress) => void): ((progress: LayerProgress) => void) => {
  let last = Number.NEGATIVE_INFINITY
  return progress => {
    const now = performance.now()
    if (now - last < PROGRESS_INTERVAL && progress.current !== progress.total) return
    last = now
    tell(progress)
  }
}
