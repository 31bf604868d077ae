import { type Command, exactly } from '../command.ts'
import { toMap } from '../create/environment.ts'

export const command: Command = {
  usage: '[OPTIONS] NETWORK CONTAINER',
  flags: `
      --alias strings           Add network-scoped alias for the container
      --driver-opt strings      driver options for the network
      --gw-priority int         Highest gw-priority provides the default gateway. Accepts positive and negative values.
      --ip string               IPv4 address (e.g., "172.30.100.104")
      --ip6 string              IPv6 address (e.g., "2001:db8::33")
      --link list               Add link to another container
      --link-local-ip strings   Add a link-local address for the container
`,
  args: exactly(2),
  action: async ({ client }, flags, [network = '', Container]) => {
    const linkLocal = flags.list('link-local-ip')
    await client.post(`/networks/${encodeURIComponent(network)}/connect`, {
      json: {
        Container,
        EndpointConfig: {
          IPAMConfig: {
            IPv4Address: flags.string('ip') || undefined,
            IPv6Address: flags.string('ip6') || undefined,
            ...(linkLocal.length > 0 ? { LinkLocalIPs: linkLocal } : {}),
          },
          Links: flags.list('link'),
          Aliases: flags.list('alias'),
          DriverOpts: toMap(flags.list('driver-opt')),
          GwPriority: flags.number('gw-priority'),
        },
      },
    })
    return 0
  },
}
