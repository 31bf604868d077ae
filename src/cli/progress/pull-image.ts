import { parseReference, repositoryName, withDefaultTag } from '../../oci/reference.ts'
import type { Context } from '../command.ts'
import { registryAuth } from '../credentials/registry-auth.ts'
import type { Output } from '../output.ts'
import { showMessages } from './json-messages.ts'

type PullOptions = {
  readonly platform?: string | undefined
  readonly quiet?: boolean
  readonly all?: boolean
  /** Fails where the user's credentials cannot be read, instead of trying without. */
  readonly strict?: boolean
  readonly output: Output
}

/** Asks the daemon to pull and shows its progress. Throws what the daemon says when it fails. */
export const pullImage = async (
  context: Context,
  name: string,
  { platform, quiet, all, strict = false, output }: PullOptions,
): Promise<void> => {
  const reference = parseReference(name)
  const { tag, digest } = withDefaultTag(reference)
  const response = await context.client.request('POST', '/images/create', {
    query: { fromImage: repositoryName(reference), tag: all ? undefined : (digest ?? tag), platform },
    headers: await registryAuth(context, name, { strict }),
  })
  await showMessages(response.messages(), quiet ? undefined : output)
}
