import { codeOf } from '../errdefs.ts'
import { attribute, attributesOf, Netlink } from './netlink.ts'

const NETLINK_NETFILTER = 12
/** nfnetlink's subsystem 1 in the upper byte, its message in the lower. */
const CT = { NEW: 0x100, GET: 0x101, DELETE: 0x102 } as const
const NESTED = 0x8000
const TUPLE_ORIG = 1
const TUPLE_PROTO = 2
const PROTO = { NUMBER: 1, DESTINATION_PORT: 3 } as const
const UDP = 17
/** struct nfgenmsg: IPv4. */
const HEADER = Buffer.from([2, 0, 0, 0])

/**
 * Makes the kernel forget the UDP flows to these ports of the host. A flow keeps the address translation that it began with, so
 * a client that goes on sending from one port would never reach the container that now has it. Throws SyscallError.
 */
export const forgetUdpFlows = (ports: ReadonlySet<number>): void => {
  using netlink = new Netlink(NETLINK_NETFILTER)
  for (const body of netlink.dump(CT.GET, HEADER, CT.NEW)) {
    const tuple = attributesOf(body.subarray(HEADER.length)).get(TUPLE_ORIG)
    const protocol = tuple && attributesOf(tuple).get(TUPLE_PROTO)
    if (!protocol) continue
    const fields = attributesOf(protocol)
    if (fields.get(PROTO.NUMBER)?.[0] !== UDP || !ports.has(fields.get(PROTO.DESTINATION_PORT)?.readUInt16BE(0) ?? 0))
      continue
    try {
      netlink.request({
        type: CT.DELETE,
        flags: 0,
        what: 'forget a flow',
        body: Buffer.concat([HEADER, attribute(TUPLE_ORIG | NESTED, tuple)]),
      })
    } catch (error) {
      // It has ended by itself.
      if (codeOf(error) !== 'ENOENT') throw error
    }
  }
}
