import { pipeline, Readable, Transform } from 'node:stream'
import { constants, createGunzip, createZstdDecompress } from 'node:zlib'
import { codeOf, invalidArgument, unavailable } from '../../errdefs.ts'
import { spawnProcess } from '../../host/exec.ts'
import { type Compression, detectCompression } from './detect-compression.ts'

export type { Compression } from './detect-compression.ts'

/** So many first bytes tell any compression. */
const LONGEST = 6
const CHUNK = 256 * 1024

/** A stream's content, uncompressed when it was compressed. Errors of the source and of the decompressor destroy the result. */
export const decompress = async (source: Readable): Promise<{ stream: Readable; compression: Compression }> => {
  const iterator = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  const start: Buffer[] = []
  let length = 0
  while (length < LONGEST) {
    const { done, value } = await iterator.next()
    if (done) break
    start.push(value)
    length += value.length
  }
  const compression = detectCompression(Buffer.concat(start))
  const whole = Readable.from(rejoin(start, iterator), { objectMode: false, highWaterMark: CHUNK })
  if (compression === 'none') return { stream: whole, compression }
  if (compression === 'gzip') return { stream: through(whole, createGunzip({ chunkSize: CHUNK })), compression }
  if (compression === 'zstd') {
    // Layers made with a long window need more than the default of 128 MiB.
    const params = { [constants.ZSTD_d_windowLogMax]: 31 }
    return { stream: through(whole, createZstdDecompress({ chunkSize: CHUNK, params })), compression }
  }
  return { stream: throughProgram(whole, compression), compression }
}

async function* rejoin(start: readonly Buffer[], rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* start
    for (;;) {
      const { done, value } = await rest.next()
      if (done) return
      yield value
    }
  } finally {
    await rest.return?.()
  }
}

const through = (source: Readable, transform: ReturnType<typeof createGunzip>): Readable => {
  // pipeline hands errors on in both directions; whoever reads the transform gets them.
  pipeline(source, transform, () => {})
  return transform
}

/** xz and bzip2 are rare enough that the system's own programs do. */
const throughProgram = (source: Readable, program: 'xz' | 'bzip2'): Readable => {
  const child = spawnProcess([program, '-dc'], { stdio: ['pipe', 'pipe', 'pipe'] })
  const { stdin, stdout, stderr } = child
  if (!stdin || !stdout || !stderr) throw new TypeError('no pipes')
  let complaint = ''
  stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-1024)
  })
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', error =>
      reject(
        codeOf(error) === 'ENOENT'
          ? unavailable(`the archive is compressed with ${program}, and there is no program ${program} to unpack it`, {
              cause: error,
            })
          : error,
      ),
    )
    child.once('close', code =>
      code === 0 ? resolve() : reject(invalidArgument(`${program}: ${complaint.trim() || `ended with ${code}`}`)),
    )
  })
  // Taken over at once: what lies unread in a child's stdout when it ends is thrown away.
  const whole = new Transform({
    readableHighWaterMark: CHUNK,
    transform: (chunk: Buffer, _encoding, done) => done(null, chunk),
    flush: done => {
      ended.then(() => done(), done)
    },
  })
  ended.catch(() => {})
  pipeline(source, stdin, error => {
    // That the program did not want it all is the program's to explain.
    if (error && codeOf(error) !== 'EPIPE') whole.destroy(error)
  })
  pipeline(stdout, whole, () => child.kill('SIGKILL'))
  return whole
}
