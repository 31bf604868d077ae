import { atLeast, type Command } from '../command.ts'
import { platformQuery } from '../platform-flag.ts'
import { archiveTarget } from '../write-whole.ts'

export const command: Command = {
  usage: '[OPTIONS] IMAGE [IMAGE...]',
  flags: `
  -o, --output string     Write to a file, instead of STDOUT
      --platform string   Save only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")
`,
  args: atLeast(1),
  action: async ({ client, stdout }, flags, names) => {
    const platform = platformQuery(flags, 'invalid platform: ')
    const write = await archiveTarget(flags.string('output'), stdout, 'failed to save image')
    const response = await client.request('GET', '/images/get', { query: { names, platform } })
    await write(response.body)
    return 0
  },
}
