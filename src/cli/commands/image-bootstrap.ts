import { type Command, exactly } from '../command.ts'
import { showMessages } from '../progress/json-messages.ts'

export const command: Command = {
  usage: '[OPTIONS] NAME[:TAG]',
  flags: `
  -q, --quiet   Suppress the progress
`,
  args: exactly(1),
  action: async ({ client, stdout }, flags, [name = '']) => {
    const response = await client.request('POST', '/images/bootstrap', { query: { name } })
    await showMessages(response.messages(), flags.bool('quiet') ? undefined : stdout)
    return 0
  },
}
