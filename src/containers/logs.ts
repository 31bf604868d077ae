import { type FSWatcher, watch } from 'node:fs'
import { constants, type FileHandle, open } from 'node:fs/promises'
import { codeOf, notImplemented } from '../errdefs.ts'
import type { Output } from '../runtime/stdio.ts'
import type { Container } from './container.ts'
import { type Context, logPathOf } from './context.ts'

export type LogOptions = {
  readonly stdout: boolean
  readonly stderr: boolean
  readonly follow?: boolean
  /** Lines from the end; undefined for all. */
  readonly tail?: number | undefined
  /** Nanoseconds since the epoch. */
  readonly since?: bigint | undefined
  readonly until?: bigint | undefined
  readonly timestamps?: boolean
  /** Bytes of the log after which nothing is read: what was there at a moment in the past. */
  readonly end?: number | undefined
}

/** One line of conmon's log: `2026-01-02T03:04:05.123456789+00:00 stdout F text`; `P`: the line goes on in the next. */
type Entry = {
  readonly time: string
  readonly stream: 'stdout' | 'stderr'
  readonly partial: boolean
  readonly text: Buffer
}

const CHUNK = 64 * 1024
const NEWLINE = 10
const SPACE = 32

const parseEntry = (line: Buffer): Entry | undefined => {
  const first = line.indexOf(SPACE)
  const second = line.indexOf(SPACE, first + 1)
  const third = line.indexOf(SPACE, second + 1)
  if (first < 0 || second < 0 || third < 0) return undefined
  const stream = line.toString('latin1', first + 1, second)
  if (stream !== 'stdout' && stream !== 'stderr') return undefined
  return {
    time: line.toString('latin1', 0, first),
    stream,
    partial: line.toString('latin1', second + 1, third) === 'P',
    text: line.subarray(third + 1),
  }
}

/** RFC 3339 with nanoseconds in UTC, as Docker prints it. conmon writes local time with its offset. */
export const utcTimestamp = (time: string): string => {
  const match = /^(.{19})\.(\d{9})(?:\+00:00|Z)$/.exec(time)
  if (match) return `${match[1]}.${match[2]}Z`
  const other = /^(.{19})\.(\d{1,9})([+-]\d\d:\d\d)$/.exec(time)
  if (!other) return time
  return `${new Date(`${other[1]}${other[3]}`).toISOString().slice(0, 19)}.${(other[2] ?? '').padEnd(9, '0')}Z`
}

const nanoseconds = (time: string): bigint => {
  const utc = utcTimestamp(time)
  return BigInt(Date.parse(`${utc.slice(0, 19)}Z`)) * 1_000_000n + BigInt(utc.slice(20, 29))
}

/** Milliseconds; a longer one would go off at once. */
const LONGEST_TIMER = 2 ** 31 - 1

/** Longer than what stands before an entry's text. */
const HEAD = 64

/** Where the last `count` lines begin; pieces of one line count once. Reads backwards, so that a long log costs nothing. */
const tailOffset = async (file: FileHandle, size: number, count: number): Promise<number> => {
  if (count === 0) return size
  const buffer = Buffer.alloc(1 + CHUNK + HEAD)
  let lines = 0
  let following = size
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - CHUNK)
    // A little more than the block: what stands before it, and the head of an entry that begins at its end.
    const from = Math.max(0, start - 1)
    await file.read(buffer, 0, Math.min(size, end + HEAD) - from, from)
    for (let at = end - 1; at >= start; at--) {
      const begins = at === 0 || buffer[at - 1 - from] === NEWLINE
      if (!begins) continue
      const ends = following === size || !parseEntry(buffer.subarray(at - from, at - from + HEAD))?.partial
      if (ends && ++lines > count) return following
      following = at
    }
    end = start
  }
  return 0
}

/** The lines of a file from `offset` to its present end, or to `end` bytes. `rest` keeps what has no end yet. */
const readLines = async function* (
  file: FileHandle,
  position: { offset: number; rest: Buffer },
  end = Number.POSITIVE_INFINITY,
): AsyncGenerator<Buffer> {
  for (;;) {
    const buffer = Buffer.allocUnsafe(CHUNK)
    const { bytesRead } = await file.read(buffer, 0, Math.min(CHUNK, end - position.offset), position.offset)
    if (bytesRead === 0) return
    position.offset += bytesRead
    let bytes =
      position.rest.length > 0
        ? Buffer.concat([position.rest, buffer.subarray(0, bytesRead)])
        : buffer.subarray(0, bytesRead)
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE)) {
      yield bytes.subarray(0, at)
      bytes = bytes.subarray(at + 1)
    }
    position.rest = Buffer.from(bytes)
  }
}

/** Resolves at the next sign that there may be more to read: the file changed, the container ended, or the reader is gone. */
const nextChange = (signals: { pending: boolean; wake: (() => void) | undefined }): Promise<void> =>
  new Promise(resolve => {
    if (signals.pending) {
      signals.pending = false
      resolve()
      return
    }
    signals.wake = () => {
      signals.pending = false
      signals.wake = undefined
      resolve()
    }
  })

/**
 * A container's output from its log. With `follow` it goes on until the container ends or `signal` aborts.
 * Throws NotImplemented when the container keeps no log.
 */
export const readLogs = (
  context: Context,
  container: Container,
  options: LogOptions,
  signal?: AbortSignal,
): AsyncIterable<Output> => {
  if (container.record.hostConfig.LogConfig?.Type === 'none') {
    throw notImplemented('configured logging driver does not support reading')
  }
  return follow(context, container, options, signal)
}

const follow = async function* (
  context: Context,
  container: Container,
  options: LogOptions,
  signal: AbortSignal | undefined,
): AsyncGenerator<Output> {
  const path = logPathOf(context, container.id)
  const signals: { pending: boolean; wake: (() => void) | undefined } = { pending: false, wake: undefined }
  const changed = (): void => {
    signals.pending = true
    signals.wake?.()
  }
  using _ = container.watch(changed)
  signal?.addEventListener('abort', changed, { once: true })
  const file = await openLog(path, options.follow ?? false)
  if (!file) return
  const format = formatter(options)
  let watcher: FSWatcher | undefined
  try {
    watcher = options.follow ? watch(path, changed) : undefined
    const { size } = await file.stat()
    const position = {
      offset: options.tail === undefined ? 0 : await tailOffset(file, size, options.tail),
      rest: Buffer.alloc(0),
    }
    for (;;) {
      // Asked before reading: what was written before the end is read after it.
      const left = options.until === undefined ? undefined : Number(options.until / 1_000_000n) - Date.now()
      const live =
        options.follow &&
        (left === undefined || left >= 0) &&
        (container.running || container.life.status === 'created' || container.life.status === 'restarting')
      for await (const line of readLines(file, position, options.end)) {
        if (signal?.aborted) return
        const entry = parseEntry(line)
        if (!entry) continue
        const time = options.since === undefined && options.until === undefined ? 0n : nanoseconds(entry.time)
        if (options.since !== undefined && time < options.since) continue
        if (options.until !== undefined && time > options.until) return
        const output = format(entry)
        if (output) yield output
      }
      if (!live || signal?.aborted) return
      // Nothing that comes after that moment is wanted, and perhaps nothing comes.
      const timer = left === undefined ? undefined : setTimeout(changed, Math.min(left + 1, LONGEST_TIMER))
      await nextChange(signals)
      clearTimeout(timer)
    }
  } finally {
    watcher?.close()
    signal?.removeEventListener('abort', changed)
    await file.close()
  }
}

/** The log of a container that never ran does not exist; a follower makes it, so as to see what will come. */
const openLog = async (path: string, make: boolean): Promise<FileHandle | undefined> => {
  try {
    return await open(path, make ? constants.O_RDONLY | constants.O_CREAT : constants.O_RDONLY, 0o640)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Turns log entries into output: a line that was cut in pieces gets one timestamp and one line end. */
const formatter = (options: LogOptions): ((entry: Entry) => Output | undefined) => {
  const continuing = { stdout: false, stderr: false }
  return entry => {
    const wanted = entry.stream === 'stdout' ? options.stdout : options.stderr
    const begins = !continuing[entry.stream]
    continuing[entry.stream] = entry.partial
    if (!wanted) return undefined
    const parts = [
      ...(options.timestamps && begins ? [Buffer.from(`${utcTimestamp(entry.time)} `)] : []),
      entry.text,
      ...(entry.partial ? [] : [Buffer.of(NEWLINE)]),
    ]
    return { stream: entry.stream, data: Buffer.concat(parts) }
  }
}
