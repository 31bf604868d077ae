import { conflict } from '../errdefs.ts'
import { type Digest, shortId } from '../oci/digest.ts'
import { familiarName, type Reference, repositoryName } from '../oci/reference.ts'
import type { ImageUser } from './image.ts'
import { isIdPrefix } from './resolve.ts'

/** What is known when somebody asks for an image to be removed. */
export type RemovalFacts = {
  readonly id: Digest
  /** What the user called it. */
  readonly asked: string
  /** The name that this stands for, when it is one. */
  readonly reference: Reference | undefined
  /** All names of the image. */
  readonly names: readonly Reference[]
  readonly users: readonly ImageUser[]
  readonly force: boolean
}

export type RemovalPlan = { readonly untag: readonly Reference[]; readonly remove: boolean }

/**
 * dockerd's rules. By name: the name goes; the image too when that was its last name and nothing uses it. By id: all of it
 * goes, unless that would surprise (several repositories, a container). Conflict, in dockerd's words, when it may not be.
 */
export const planRemoval = ({ id, asked, reference, names, users, force }: RemovalFacts): RemovalPlan => {
  const single = isSingleReference(names)
  if (reference === undefined || isIdPrefix(id, asked)) {
    const untag = single ? names : []
    const problem = conflictOf({ id, users, force, referenced: !single })
    if (problem) throw problem
    return { untag: force ? names : untag, remove: true }
  }
  const user = users[0]
  if (!force && single && user) {
    throw conflict(
      `conflict: unable to remove repository reference ${JSON.stringify(asked)} (must force) - container ${shortId(user.containerId)} is using its referenced image ${shortId(id)}`,
    )
  }
  const rest = names.filter(name => familiarName(name) !== familiarName(reference))
  const sameRepository = (name: Reference): boolean => repositoryName(name) === repositoryName(reference)
  // With the last tag of a repository its digests go as well: they came with it.
  const lastTag =
    reference.digest === undefined && !rest.some(name => sameRepository(name) && name.digest === undefined)
  const digests = lastTag ? rest.filter(sameRepository) : []
  const left = rest.filter(name => !digests.includes(name))
  const remove = left.length === 0 && conflictOf({ id, users, force, referenced: false }) === undefined
  return { untag: [reference, ...digests], remove }
}

/** At most one tag, and nothing outside its repository. */
const isSingleReference = (names: readonly Reference[]): boolean => {
  const repositories = new Set(names.map(repositoryName))
  return repositories.size <= 1 && names.filter(({ digest }) => digest === undefined).length <= 1
}

/** Conflict when an image may not go, whatever it is called. `referenced`: it has names that nothing else would have. */
export const requireRemovable = (facts: Parameters<typeof conflictOf>[0]): void => {
  const problem = conflictOf(facts)
  if (problem) throw problem
}

const conflictOf = ({
  id,
  users,
  force,
  referenced,
}: {
  id: Digest
  users: readonly ImageUser[]
  force: boolean
  referenced: boolean
}): Error | undefined => {
  const say = (how: string, why: string): Error =>
    conflict(`conflict: unable to delete ${shortId(id)} (${how}) - ${why}`)
  const running = users.find(user => user.running)
  if (running)
    return say('cannot be forced', `image is being used by running container ${shortId(running.containerId)}`)
  if (force) return undefined
  if (referenced) return say('must be forced', 'image is referenced in multiple repositories')
  const stopped = users[0]
  if (stopped) return say('must be forced', `image is being used by stopped container ${shortId(stopped.containerId)}`)
  return undefined
}
