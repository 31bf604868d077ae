import { parseReference, repositoryName, withDefaultTag } from '../../oci/reference.ts'
import type { Context } from '../command.ts'
import type { Output } from '../output.ts'
import { showMessages } from './json-messages.ts'

type PullOptions = {
  readonly platform?: string | undefined
  readonly quiet?: boolean
  readonly all?: boolean
  readonly output: Output
}

/** Asks the daemon to pull and shows its progress. Throws what the daemon says when it fails. */
export const pullImage = async (
  { client }: Context,
  name: string,
  { platform, quiet, all, output }: PullOptions,
): Promise<void> => {
  const reference = parseReference(name)
  const { tag, digest } = withDefaultTag(reference)
  const response = await client.request('POST', '/images/create', {
    query: { fromImage: repositoryName(reference), tag: all ? undefined : (digest ?? tag), platform },
    headers: { 'X-Registry-Auth': 'e30=' },
  })
  await showMessages(response.messages(), quiet ? undefined : output)
}
