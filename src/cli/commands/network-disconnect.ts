import { type Command, exactly } from '../command.ts'

export const command: Command = {
  usage: '[OPTIONS] NETWORK CONTAINER',
  flags: `
  -f, --force   Force the container to disconnect from a network
`,
  args: exactly(2),
  action: async ({ client }, flags, [network = '', Container]) => {
    await client.post(`/networks/${encodeURIComponent(network)}/disconnect`, {
      json: { Container, Force: flags.bool('force') },
    })
    return 0
  },
}
