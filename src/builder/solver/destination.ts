import { lchownSync, mkdirSync, statSync } from 'node:fs'
import { posix } from 'node:path'
import { codeOf, invalidArgument } from '../../errdefs.ts'
import { resolveInside } from '../../runtime/user.ts'
import type { Owner } from './owner.ts'

/** Where a path of the image leads: links are followed inside the root. */
export type Destination = {
  /** On the host. */
  readonly real: string
  /** In the image, from its root, without a leading slash and without links. */
  readonly inside: string
  readonly kind: 'directory' | 'other' | 'missing'
}

export const findDestination = (root: string, path: string): Destination => {
  const real = resolveInside(root, path)
  if (real === undefined) throw invalidArgument(`failed to copy files: ${path}: too many levels of symbolic links`)
  const found = statIfThere(real)
  return {
    real,
    inside: real.slice(root.length).replace(/^\/+/, '').replace(/\/$/, ''),
    kind: found === undefined ? 'missing' : found.isDirectory() ? 'directory' : 'other',
  }
}

/** Makes a directory and those above it that are missing; what is there already keeps its owner. */
export const ensureDirectory = (root: string, path: string, owner: Owner): Destination => {
  const { inside } = findDestination(root, path)
  let made = root
  for (const name of inside.split('/').filter(Boolean)) {
    made = posix.join(made, name)
    try {
      mkdirSync(made, 0o755)
    } catch (error) {
      if (codeOf(error) === 'EEXIST' && statIfThere(made)?.isDirectory()) continue
      throw invalidArgument(
        `failed to copy files: failed to create new directory: mkdir ${made.slice(root.length)}: not a directory`,
        {
          cause: error,
        },
      )
    }
    if (owner.uid !== 0 || owner.gid !== 0) lchownSync(made, owner.uid, owner.gid)
  }
  return findDestination(root, inside)
}

const statIfThere = (path: string): ReturnType<typeof statSync> => {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch (error) {
    if (codeOf(error) === 'ENOTDIR') return undefined
    throw error
  }
}
