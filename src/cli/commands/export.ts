import { type Command, exactly } from '../command.ts'
import { archiveTarget } from '../write-whole.ts'

export const command: Command = {
  usage: '[OPTIONS] CONTAINER',
  flags: `
  -o, --output string   Write to a file, instead of STDOUT
`,
  args: exactly(1),
  action: async ({ client, stdout }, flags, [name = '']) => {
    const write = await archiveTarget(flags.string('output'), stdout, 'failed to export container')
    const response = await client.request('GET', `/containers/${encodeURIComponent(name)}/export`)
    await write(response.body)
    return 0
  },
}
