import type { IpamPool } from '../../api/network.ts'
import { type Command, exactly } from '../command.ts'
import { checkLabel, toMap } from '../create/environment.ts'
import type { Flags } from '../flags/flags.ts'

export const command: Command = {
  usage: '[OPTIONS] NETWORK',
  flags: `
      --attachable           Enable manual container attachment
      --aux-address map      Auxiliary IPv4 or IPv6 addresses used by Network driver (default map[])
      --config-from string   The network from which to copy the configuration
      --config-only          Create a configuration only network
  -d, --driver string        Driver to manage the Network (default "bridge")
      --gateway strings      IPv4 or IPv6 Gateway for the master subnet
      --ingress              Create swarm routing-mesh network
      --internal             Restrict external access to the network
      --ip-range strings     Allocate container ip from a sub-range
      --ipam-driver string   IP Address Management Driver (default "default")
      --ipam-opt map         Set IPAM driver specific options (default map[])
      --ipv4                 Enable or disable IPv4 address assignment (default true)
      --ipv6                 Enable or disable IPv6 address assignment
      --label list           Set metadata on a network
  -o, --opt map              Set driver specific options (default map[])
      --scope string         Control the network's scope
      --subnet strings       Subnet in CIDR format that represents a network segment
`,
  check: { label: checkLabel },
  args: exactly(1),
  action: async ({ client, stdout, stderr }, flags, [Name]) => {
    const created = await client.post<{ Id: string; Warning?: string }>('/networks/create', {
      json: {
        Name,
        Driver: flags.string('driver'),
        Scope: flags.string('scope'),
        ...(flags.changed('ipv4') ? { EnableIPv4: flags.bool('ipv4') } : {}),
        ...(flags.changed('ipv6') ? { EnableIPv6: flags.bool('ipv6') } : {}),
        IPAM: { Driver: flags.string('ipam-driver'), Options: toMap(flags.list('ipam-opt')), Config: pools(flags) },
        Internal: flags.bool('internal'),
        Attachable: flags.bool('attachable'),
        Ingress: flags.bool('ingress'),
        ConfigOnly: flags.bool('config-only'),
        ...(flags.string('config-from') ? { ConfigFrom: { Network: flags.string('config-from') } } : {}),
        Options: toMap(flags.list('opt')),
        Labels: toMap(flags.list('label')),
      },
    })
    if (created.Warning) stderr.line(`WARNING: ${created.Warning}`)
    stdout.line(created.Id)
    return 0
  },
}

/** A pool for each subnet, with the range, gateway and addresses that lie in it. Throws when one lies in none. */
const pools = (flags: Flags): IpamPool[] => {
  const subnets = flags.list('subnet')
  const [ranges, gateways] = [flags.list('ip-range'), flags.list('gateway')]
  const auxiliary = toMap(flags.list('aux-address'))
  if (subnets.length < ranges.length || subnets.length < gateways.length)
    throw new Error('every ip-range or gateway must have a corresponding subnet')
  const owner = (address: string): number => subnets.findIndex(subnet => isInside(address, subnet))
  const result: { Subnet: string; IPRange?: string; Gateway?: string; AuxiliaryAddresses?: Record<string, string> }[] =
    subnets.map(Subnet => ({ Subnet }))
  const place = (what: string, address: string, put: (pool: (typeof result)[number]) => void): void => {
    // A subnet that cannot be read is for the daemon to complain about.
    const pool = result[subnets.length === 1 && !subnets[0]?.includes('/') ? 0 : owner(address)]
    if (!pool) throw new Error(`no matching subnet for ${what} ${address}`)
    put(pool)
  }
  for (const range of ranges) place('range', range, pool => void (pool.IPRange = range))
  for (const gateway of gateways) place('gateway', gateway, pool => void (pool.Gateway = gateway))
  for (const [name, address] of Object.entries(auxiliary))
    place(
      'aux-address',
      address,
      pool => void (pool.AuxiliaryAddresses = { ...pool.AuxiliaryAddresses, [name]: address }),
    )
  return result
}

/** Whether an address or range lies in a subnet. */
const isInside = (address: string, subnet: string): boolean => {
  const [network = '', bits = ''] = subnet.split('/')
  const family = network.includes(':') ? 6 : 4
  const size = family === 6 ? 128 : 32
  const value = (text: string): bigint => toNumber(text.split('/')[0] as string, family)
  const shift = BigInt(size - Number(bits))
  if ((address.includes(':') ? 6 : 4) !== family) return false
  return value(address) >> shift === value(network) >> shift
}

const toNumber = (address: string, family: 4 | 6): bigint => {
  if (family === 4) return address.split('.').reduce((sum, part) => sum * 256n + BigInt(Number(part) || 0), 0n)
  const [head = '', tail] = address.split('::')
  const left = head.split(':').filter(Boolean)
  const right = (tail ?? '').split(':').filter(Boolean)
  const groups =
    tail === undefined
      ? left
      : [...left, ...Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right]
  return groups.reduce((sum, group) => sum * 65536n + BigInt(Number.parseInt(group, 16) || 0), 0n)
}
