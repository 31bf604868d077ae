import { parseReference } from '../../oci/reference.ts'
import { atLeast, type Command } from '../command.ts'
import { openInput } from '../open-input.ts'
import { wantedPlatform } from '../platform-flag.ts'
import { showMessages } from '../progress/json-messages.ts'

export const command: Command = {
  usage: '[OPTIONS] file|URL|- [REPOSITORY[:TAG]]',
  flags: `
  -c, --change list       Apply Dockerfile instruction to the created image
  -m, --message string    Set commit message for imported image
      --platform string   Set platform if server is multi-platform capable
`,
  args: atLeast(1),
  action: async ({ client, stdout }, flags, [source = '', repo]) => {
    if (repo !== undefined) parseReference(repo)
    const isUrl = /^https?:\/\//.test(source)
    const response = await client.request('POST', '/images/create', {
      query: {
        fromSrc: isUrl ? source : '-',
        repo,
        message: flags.string('message') || undefined,
        changes: flags.list('change'),
        platform: wantedPlatform(flags),
      },
      body: isUrl ? undefined : await openInput(source),
    })
    await showMessages(response.messages(), stdout)
    return 0
  },
}
