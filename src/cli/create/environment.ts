import { readFileSync } from 'node:fs'
import { codeOf } from '../../errdefs.ts'

/** `NAME=value`, or `NAME`, which takes the value of our own environment when it has one. */
export const checkEnv = (value: string): string => {
  if (value === '' || value.startsWith('=')) throw new Error(`invalid environment variable: ${value}`)
  const own = value.includes('=') ? undefined : process.env[value]
  return own === undefined ? value : `${value}=${own}`
}

export const checkLabel = (value: string): string => {
  if (value === '' || value.startsWith('=')) throw new Error(`invalid label '${value}': empty name`)
  return value
}

/** The lines of `--env-file` or `--label-file`: `NAME=value` or `NAME`; `#` starts a comment line. */
export const readKeyValueFile = (path: string, emptyValue: (name: string) => string | undefined): string[] => {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new Error(fileFault('open', path, error), { cause: error })
  }
  const result: string[] = []
  for (const raw of text.replace(/^\uFEFF/, '').split('\n')) {
    const line = raw.replace(/\r$/, '').trimStart()
    if (line === '' || line.startsWith('#')) continue
    const equals = line.indexOf('=')
    const name = equals < 0 ? line.trim() : line.slice(0, equals)
    if (name === '') throw new Error(`invalid env file (${path}): no variable name on line '${line}'`)
    if (/\s/.test(name)) throw new Error(`invalid env file (${path}): variable '${name}' contains whitespaces`)
    if (equals >= 0) result.push(line)
    else {
      const value = emptyValue(name)
      if (value !== undefined) result.push(`${name}=${value}`)
    }
  }
  return result
}

/** A failed file operation in Go's words: `open x: no such file or directory`. */
export const fileFault = (operation: string, path: string, error: unknown): string => {
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'no such file or directory',
    EACCES: 'permission denied',
    EISDIR: 'is a directory',
    ENOTDIR: 'not a directory',
    EEXIST: 'file exists',
    ENOSPC: 'no space left on device',
  }
  return `${operation} ${path}: ${reasons[codeOf(error) ?? ''] ?? (error as Error).message}`
}

/** `k=v` pairs as a map; a bare `k` has an empty value. */
export const toMap = (pairs: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    pairs.map(pair => {
      const equals = pair.indexOf('=')
      return equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)]
    }),
  )
