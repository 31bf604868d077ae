import { createHash } from 'node:crypto'

/**
 * What a step's result depends on, as one name. Every part is written with its length, so that no two different
 * lists of parts give the same text. A change of the leading number forgets all caches.
 */
export const cacheKey = (...parts: readonly (string | number | readonly string[] | undefined)[]): string => {
  const hash = createHash('sha256').update('tare 1')
  for (const part of parts) {
    if (part === undefined) hash.update('-')
    else if (typeof part === 'string') hash.update(`s${Buffer.byteLength(part)}:`).update(part)
    else if (typeof part === 'number') hash.update(`n${part};`)
    else {
      hash.update(`l${part.length};`)
      for (const item of part) hash.update(`${Buffer.byteLength(item)}:`).update(item)
    }
  }
  return hash.digest('hex')
}

/** What a RUN leaves depends on: the files before it, the command, and everything that it can see. */
export const runKey = (facts: {
  readonly files: string
  readonly args: readonly string[]
  readonly env: readonly string[]
  readonly cwd: string
  readonly user: string
  readonly network: string
  readonly script: string | undefined
  /** All else that it was given to see, mounts first. */
  readonly given: readonly string[]
}): string =>
  cacheKey(
    ...['run', facts.files, facts.args, facts.env, facts.cwd, facts.user, facts.network, facts.script],
    // Most steps have none; their keys are as they were before there were any.
    ...(facts.given.length === 0 ? [] : [facts.given]),
  )

/** What a COPY or ADD leaves depends on. `sources` is a digest of what is copied, names and metadata included. */
export const copyKey = (facts: {
  readonly files: string
  readonly keyword: string
  readonly sources: string
  readonly destination: string
  readonly owner: string | undefined
  readonly mode: string | undefined
  /** `--unpack`, as far as it was given. */
  readonly unpack?: string
}): string => {
  const { files, keyword, sources, destination, owner, mode, unpack = '' } = facts
  return cacheKey('copy', files, keyword, sources, destination, owner, mode, ...(unpack === '' ? [] : [unpack]))
}

export const workdirKey = (files: string, path: string): string => cacheKey('workdir', files, path)

/** The name of a stage's state after one more step. */
export const nextKey = (before: string, comment: string, layer: string | undefined): string =>
  cacheKey('step', before, comment, layer)
