import { randomBytes } from 'node:crypto'
import { open, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { codeOf } from '../errdefs.ts'
import { fileFault } from './create/environment.ts'
import { Failure } from './failure.ts'
import type { Output } from './output.ts'

/**
 * Where an archive goes: a file, which has its name only when it is whole, or standard output, which must not be a terminal.
 * `what` begins the message of what cannot be written. Checked before anything is asked for.
 */
export const archiveTarget = async (
  path: string,
  stdout: Output,
  what: string,
): Promise<(chunks: AsyncIterable<Buffer>) => Promise<void>> => {
  if (path === '') {
    if (stdout.isTerminal) throw new Failure(1, 'cowardly refusing to save to a terminal. Use the -o flag or redirect')
    return async chunks => {
      for await (const chunk of chunks) stdout.write(chunk)
    }
  }
  const fault = (why: string, cause?: unknown): Failure => new Failure(1, `${what}: ${why}`, { cause })
  const folder = dirname(resolve(path))
  try {
    await stat(folder)
  } catch (error) {
    throw fault(`invalid output path: ${fileFault('stat', dirname(path), error)}`, error)
  }
  const old = await stat(path).catch(() => undefined)
  if (old?.isDirectory()) throw fault('cannot write to a directory')
  if (old !== undefined && !old.isFile()) return chunks => writeInto(path, chunks, fault)
  return async chunks => {
    const temporary = join(folder, `.${randomBytes(6).toString('hex')}.tmp`)
    try {
      await writeInto(temporary, chunks, fault)
      await rename(temporary, path)
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
  }
}

/** Devices and FIFOs take what comes; there is nothing to rename. */
const writeInto = async (
  path: string,
  chunks: AsyncIterable<Buffer>,
  fault: (why: string, cause?: unknown) => Failure,
): Promise<void> => {
  const failed = (operation: string, error: unknown): unknown =>
    codeOf(error) === undefined ? error : fault(fileFault(operation, path, error), error)
  const file = await open(path, 'w', 0o600).catch((error: unknown) => {
    throw failed('open', error)
  })
  try {
    for await (const chunk of chunks)
      await file.writeFile(chunk).catch((error: unknown) => {
        throw failed('write', error)
      })
    if ((await file.stat()).isFile()) await file.sync()
  } finally {
    await file.close()
  }
}
