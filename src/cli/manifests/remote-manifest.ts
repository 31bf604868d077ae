import { isKind } from '../../errdefs.ts'
import { canonicalName, type Reference } from '../../oci/reference.ts'
import type { Repository } from '../../registry/repository.ts'
import type { Context } from '../command.ts'
import { Failure } from '../failure.ts'
import { fetchAll, fetchManifest, type ImageManifest } from './image-manifest.ts'
import { openRegistries } from './open-registries.ts'

/** One manifest from its registry. Throws Failure when there is none, and for an index. */
export const remoteManifest = (context: Context, reference: Reference, insecure: boolean): Promise<ImageManifest> =>
  remote(context, reference, insecure, repository => fetchManifest(repository, reference))

/** What the registry has under a reference, be it one manifest or many. */
export const remoteManifests = (
  context: Context,
  reference: Reference,
  insecure: boolean,
): ReturnType<typeof fetchAll> => remote(context, reference, insecure, repository => fetchAll(repository, reference))

const remote = async <T>(
  context: Context,
  reference: Reference,
  insecure: boolean,
  ask: (repository: Repository) => Promise<T>,
): Promise<T> => {
  await using registries = await openRegistries(context, insecure ? [reference.domain] : [])
  try {
    return await ask(await registries.open(reference))
  } catch (error) {
    if (!isKind(error, 'NotFound')) throw error
    throw new Failure(1, `no such manifest: ${canonicalName(reference)}`, { cause: error })
  }
}
