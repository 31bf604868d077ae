import { messageOf } from '../../errdefs.ts'
import { parseReference, repositoryName } from '../../oci/reference.ts'
import { type Command, exactly } from '../command.ts'
import { Failure } from '../failure.ts'

export const command: Command = {
  usage: 'SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]',
  args: exactly(2),
  action: async ({ client }, _, [source = '', target = '']) => {
    let reference: ReturnType<typeof parseReference>
    try {
      reference = parseReference(target)
    } catch (error) {
      throw new Failure(
        1,
        `Error parsing reference: ${JSON.stringify(target)} is not a valid repository/tag: ${messageOf(error)}`,
        { cause: error },
      )
    }
    if (reference.digest !== undefined) throw new Failure(1, 'refusing to create a tag with a digest reference')
    await client.post(`/images/${encodeURIComponent(source)}/tag`, {
      query: { repo: repositoryName(reference), tag: reference.tag ?? 'latest' },
    })
    return 0
  },
}
