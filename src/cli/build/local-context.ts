import { readFile, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf } from '../../errdefs.ts'
import { fileFault } from '../create/environment.ts'
import { Failure } from '../failure.ts'
import type { IgnoreRules } from './ignore-rules.ts'

/** Files of ours that a build gets. */
export type LocalContext =
  | {
      readonly kind: 'directory'
      /** A real path. */
      readonly root: string
      /** Undefined: nothing stays out. */
      readonly rules: IgnoreRules | undefined
    }
  | { readonly kind: 'archive'; readonly body: AsyncIterable<Uint8Array> }

/** The directory's real path. Throws Failure in Docker's words. */
export const realDirectory = async (location: string): Promise<string> => {
  try {
    const root = await realpath(location)
    if ((await stat(root)).isDirectory()) return root
    throw prepareFault(`context must be a directory: ${root}`)
  } catch (error) {
    if (error instanceof Failure) throw error
    throw codeOf(error) === 'ENOENT'
      ? prepareFault(`path ${JSON.stringify(location)} not found`, error)
      : prepareFault((error as Error).message, error)
  }
}

/** The text of the first of these files that is there; '' when none is. */
export const readIgnoreText = async (...paths: readonly string[]): Promise<string> => {
  for (const path of paths) {
    try {
      return await readFile(path, 'utf8')
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw prepareFault(fileFault('open', path, error), error)
    }
  }
  return ''
}

/** The rules of an ignore file's text; `keep`: paths that stay whatever it says. */
export const ignoreRules = async (text: string, keep: readonly string[] = []): Promise<IgnoreRules | undefined> => {
  if (!/^\s*[^\s#]/m.test(text.replace(/^\uFEFF/, ''))) return undefined
  const { parseIgnoreRules } = await import('./ignore-rules.ts')
  return parseIgnoreRules(text, keep)
}

/** A `--build-context` that is a directory: its own ignore file counts. */
export const namedDirectory = async (location: string): Promise<LocalContext> => {
  const root = await realDirectory(location)
  return { kind: 'directory', root, rules: await ignoreRules(await readIgnoreText(join(root, '.dockerignore'))) }
}

export const prepareFault = (message: string, cause?: unknown): Failure =>
  new Failure(1, `unable to prepare context: ${message}`, { cause })
