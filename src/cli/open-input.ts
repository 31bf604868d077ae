import { open } from 'node:fs/promises'
import { fileFault } from './create/environment.ts'
import { Failure } from './failure.ts'

/** A file's bytes, or standard input's for '' and '-'. Throws Failure in Go's words when the file cannot be opened. */
export const openInput = async (path: string): Promise<AsyncIterable<Buffer>> => {
  if (path === '' || path === '-') return process.stdin
  try {
    const file = await open(path)
    return file.createReadStream({ highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>
  } catch (error) {
    throw new Failure(1, fileFault('open', path, error), { cause: error })
  }
}
