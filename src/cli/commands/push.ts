import { familiarRepository, parseReference, repositoryName } from '../../oci/reference.ts'
import { type Command, exactly } from '../command.ts'
import { Failure } from '../failure.ts'
import { showMessages } from '../progress/json-messages.ts'

export const command: Command = {
  usage: '[OPTIONS] NAME[:TAG]',
  flags: `
  -a, --all-tags          Push all tags of an image to the repository
      --platform string   Push a platform-specific manifest as a single-platform image to the registry.
                          'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)
  -q, --quiet             Suppress verbose output
`,
  args: exactly(1),
  action: async ({ client, stdout }, flags, [name = '']) => {
    const reference = parseReference(name)
    const all = flags.bool('all-tags')
    if (all && reference.tag !== undefined) throw new Failure(1, "tag can't be used with --all-tags/-a")
    if (!all && reference.tag === undefined && !flags.bool('quiet')) stdout.line('Using default tag: latest')
    const repository = reference.domain === 'docker.io' ? familiarRepository(reference) : repositoryName(reference)
    const response = await client.request('POST', `/images/${repository}/push`, {
      query: { tag: all ? undefined : (reference.tag ?? 'latest'), platform: flags.string('platform') || undefined },
      headers: { 'X-Registry-Auth': 'e30=' },
    })
    await showMessages(response.messages(), flags.bool('quiet') ? undefined : stdout)
    if (flags.bool('quiet')) stdout.line(name)
    return 0
  },
}
