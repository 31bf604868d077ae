import { check, libc, SyscallError } from './libc.ts'

const socketCall = libc.func('int socket(int domain, int type, int protocol)')
const sendCall = libc.func('long send(int fd, const void *bytes, size_t length, int flags)')
const recvCall = libc.func('long recv(int fd, void *bytes, size_t length, int flags)')
const closeCall = libc.func('int close(int fd)')

const AF_NETLINK = 16
const NETLINK_ROUTE = 0
const SOCK_RAW_CLOEXEC = 3 | 0o2000000
const HEADER = 16

const NLM_F = { REQUEST: 1, ACK: 4, DUMP: 0x300, EXCL: 0x200, CREATE: 0x400 } as const
const NLMSG_ERROR = 2
const NLMSG_DONE = 3

/** rtnetlink(7) message types. */
const RTM = { NEWLINK: 16, DELLINK: 17, GETLINK: 18, NEWADDR: 20, GETADDR: 22, NEWROUTE: 24, GETROUTE: 26 } as const
const IFLA = {
  ADDRESS: 1,
  IFNAME: 3,
  MTU: 4,
  MASTER: 10,
  LINKINFO: 18,
  NET_NS_FD: 28,
  INFO_KIND: 1,
  INFO_DATA: 2,
} as const
const VETH_INFO_PEER = 1
const IFA = { ADDRESS: 1, LOCAL: 2, BROADCAST: 4 } as const
const RTA = { DST: 1, OIF: 4, GATEWAY: 5 } as const
const IFF_UP = 1
const AF_INET = 2
const AF_INET6 = 10

/** One request, ready but for its sequence number. */
export type NetlinkRequest = {
  readonly type: number
  readonly flags: number
  readonly body: Buffer
  readonly what: string
}

export const attribute = (type: number, payload: Uint8Array): Buffer => {
  const length = 4 + payload.byteLength
  const bytes = Buffer.alloc((length + 3) & ~3)
  bytes.writeUInt16LE(length, 0)
  bytes.writeUInt16LE(type, 2)
  bytes.set(payload, 4)
  return bytes
}
const nested = (type: number, ...parts: Buffer[]): Buffer => attribute(type, Buffer.concat(parts))
const text = (type: number, value: string): Buffer => attribute(type, Buffer.from(`${value}\0`))
const uint32 = (type: number, value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return attribute(type, bytes)
}

/** struct ifinfomsg; `up` also says that the flag is meant. */
const linkHeader = (index: number, up = false): Buffer => {
  const bytes = Buffer.alloc(16)
  bytes.writeInt32LE(index, 4)
  if (up) {
    bytes.writeUInt32LE(IFF_UP, 8)
    bytes.writeUInt32LE(IFF_UP, 12)
  }
  return bytes
}

const addressBytes = (address: string): Buffer => Buffer.from(address.split('.').map(Number))
const macBytes = (mac: string): Buffer => Buffer.from(mac.replaceAll(':', ''), 'hex')

/**
 * A pair of Ethernet devices: `name` here, up and enslaved to `master`; the other end, `peer`, in the namespace that the
 * descriptor names, with the index that is given (so that later requests can name it unseen).
 */
export const newVeth = (options: {
  name: string
  master: number
  mtu: number
  peer: { name: string; mac: string; index: number; namespace: number }
}): NetlinkRequest => {
  const { name, master, mtu, peer } = options
  const peerInfo = Buffer.concat([
    linkHeader(peer.index),
    text(IFLA.IFNAME, peer.name),
    attribute(IFLA.ADDRESS, macBytes(peer.mac)),
    uint32(IFLA.MTU, mtu),
    uint32(IFLA.NET_NS_FD, peer.namespace),
  ])
  return {
    type: RTM.NEWLINK,
    flags: NLM_F.CREATE | NLM_F.EXCL,
    what: `add link ${name}`,
    body: Buffer.concat([
      linkHeader(0, true),
      text(IFLA.IFNAME, name),
      uint32(IFLA.MTU, mtu),
      uint32(IFLA.MASTER, master),
      nested(IFLA.LINKINFO, text(IFLA.INFO_KIND, 'veth'), nested(IFLA.INFO_DATA, attribute(VETH_INFO_PEER, peerInfo))),
    ]),
  }
}

export const newBridge = (name: string, mac: string, mtu: number): NetlinkRequest => ({
  type: RTM.NEWLINK,
  flags: NLM_F.CREATE | NLM_F.EXCL,
  what: `add bridge ${name}`,
  body: Buffer.concat([
    linkHeader(0, true),
    text(IFLA.IFNAME, name),
    attribute(IFLA.ADDRESS, macBytes(mac)),
    uint32(IFLA.MTU, mtu),
    nested(IFLA.LINKINFO, text(IFLA.INFO_KIND, 'bridge')),
  ]),
})

export const setLinkUp = (index: number): NetlinkRequest => ({
  type: RTM.NEWLINK,
  flags: 0,
  what: `set link ${index} up`,
  body: linkHeader(index, true),
})

export const deleteLink = (name: string): NetlinkRequest => ({
  type: RTM.DELLINK,
  flags: 0,
  what: `delete link ${name}`,
  body: Buffer.concat([linkHeader(0), text(IFLA.IFNAME, name)]),
})

export const addAddress = (index: number, address: string, prefix: number): NetlinkRequest => {
  const header = Buffer.alloc(8)
  header[0] = AF_INET
  header[1] = prefix
  header.writeUInt32LE(index, 4)
  const bytes = addressBytes(address)
  const host = prefix === 0 ? 0xffffffff : 2 ** (32 - prefix) - 1
  const broadcast = Buffer.alloc(4)
  broadcast.writeUInt32BE((bytes.readUInt32BE() | host) >>> 0)
  return {
    type: RTM.NEWADDR,
    flags: NLM_F.CREATE | NLM_F.EXCL,
    what: `add address ${address}/${prefix}`,
    body: Buffer.concat([
      header,
      attribute(IFA.LOCAL, bytes),
      attribute(IFA.ADDRESS, bytes),
      attribute(IFA.BROADCAST, broadcast),
    ]),
  }
}

export const addDefaultRoute = (gateway: string, index: number): NetlinkRequest => {
  const RT_TABLE_MAIN = 254
  const RTPROT_BOOT = 3
  const RTN_UNICAST = 1
  const header = Buffer.from([AF_INET, 0, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, 0, RTN_UNICAST, 0, 0, 0, 0])
  return {
    type: RTM.NEWROUTE,
    flags: NLM_F.CREATE | NLM_F.EXCL,
    what: `add default route via ${gateway}`,
    body: Buffer.concat([header, attribute(RTA.GATEWAY, addressBytes(gateway)), uint32(RTA.OIF, index)]),
  }
}

/** A link as the kernel lists it. */
export type Link = {
  readonly index: number
  readonly name: string
  readonly up: boolean
  readonly master: number | undefined
}
export type LinkAddress = { readonly index: number; readonly address: string; readonly prefix: number }
export type Route = { readonly destination: string; readonly prefix: number }

export const attributesOf = (bytes: Buffer): Map<number, Buffer> => {
  const found = new Map<number, Buffer>()
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt16LE(at)
    if (length < 4) break
    found.set(bytes.readUInt16LE(at + 2) & 0x3fff, bytes.subarray(at + 4, at + length))
    at += (length + 3) & ~3
  }
  return found
}

/** A netlink route socket. It belongs to the network namespace in which it was made, for all of its life. */
export class Netlink implements Disposable {
  #fd: number
  readonly #buffer = Buffer.alloc(64 * 1024)
  #sequence = 0

  /** `family` is one of netlink(7): routes unless told otherwise. */
  constructor(family = NETLINK_ROUTE) {
    this.#fd = check(socketCall(AF_NETLINK, SOCK_RAW_CLOEXEC, family), 'socket netlink')
  }

  /** Sends all requests in one call and waits for their answers; the first that failed is thrown as SyscallError, after all were tried. */
  request(...requests: NetlinkRequest[]): void {
    const first = this.#sequence + 1
    const bytes = Buffer.concat(requests.map(request => this.#message(request, request.flags | NLM_F.ACK)))
    check(Number(sendCall(this.#fd, bytes, bytes.length, 0)), 'netlink send')
    let failure: SyscallError | undefined
    for (let left = requests.length; left > 0; ) {
      for (const { type, sequence, body } of this.#receive()) {
        if (type !== NLMSG_ERROR || sequence < first) continue
        left--
        const errno = -body.readInt32LE(0)
        if (errno !== 0) failure ??= new SyscallError(requests[sequence - first]?.what ?? 'netlink', errno)
      }
    }
    if (failure) throw failure
  }

  /** The link of this name, or undefined. */
  link(name: string): Link | undefined {
    return this.links().find(link => link.name === name)
  }

  links(): Link[] {
    return this.dump(RTM.GETLINK, linkHeader(0), RTM.NEWLINK).map(body => {
      const attributes = attributesOf(body.subarray(16))
      return {
        index: body.readInt32LE(4),
        name: (attributes.get(IFLA.IFNAME) ?? Buffer.alloc(1)).toString('utf8').replace(/\0.*$/s, ''),
        up: (body.readUInt32LE(8) & IFF_UP) !== 0,
        master: attributes.get(IFLA.MASTER)?.readUInt32LE(0),
      }
    })
  }

  /** IPv4 addresses. */
  addresses(): LinkAddress[] {
    const header = Buffer.alloc(8)
    header[0] = AF_INET
    return this.dump(RTM.GETADDR, header, RTM.NEWADDR).map(body => ({
      index: body.readUInt32LE(4),
      prefix: body[1] ?? 32,
      address: [...(attributesOf(body.subarray(8)).get(IFA.LOCAL) ?? [])].join('.'),
    }))
  }

  /** IPv4 routes; the default route has prefix 0. */
  routes(): Route[] {
    const header = Buffer.alloc(12)
    header[0] = AF_INET
    return this.dump(RTM.GETROUTE, header, RTM.NEWROUTE)
      .filter(body => body[0] !== AF_INET6)
      .map(body => ({
        prefix: body[1] ?? 0,
        destination: [...(attributesOf(body.subarray(12)).get(RTA.DST) ?? [0, 0, 0, 0])].join('.'),
      }))
  }

  /** Once: by a second time the number may be somebody else's. */
  [Symbol.dispose](): void {
    if (this.#fd >= 0) closeCall(this.#fd)
    this.#fd = -1
  }

  #message(request: Pick<NetlinkRequest, 'type' | 'body'>, flags: number): Buffer {
    const bytes = Buffer.alloc(HEADER + ((request.body.length + 3) & ~3))
    bytes.writeUInt32LE(HEADER + request.body.length, 0)
    bytes.writeUInt16LE(request.type, 4)
    bytes.writeUInt16LE(flags | NLM_F.REQUEST, 6)
    bytes.writeUInt32LE(++this.#sequence, 8)
    request.body.copy(bytes, HEADER)
    return bytes
  }

  #receive(): { type: number; sequence: number; body: Buffer }[] {
    const length = check(Number(recvCall(this.#fd, this.#buffer, this.#buffer.length, 0)), 'netlink receive')
    const messages: { type: number; sequence: number; body: Buffer }[] = []
    for (let at = 0; at + HEADER <= length; ) {
      const size = this.#buffer.readUInt32LE(at)
      if (size < HEADER) break
      messages.push({
        type: this.#buffer.readUInt16LE(at + 4),
        sequence: this.#buffer.readUInt32LE(at + 8),
        body: Buffer.from(this.#buffer.subarray(at + HEADER, at + size)),
      })
      at += (size + 3) & ~3
    }
    return messages
  }

  /** The bodies of all messages of type `answer` that a request for everything brings. */
  dump(type: number, body: Buffer, answer: number): Buffer[] {
    const bytes = this.#message({ type, body }, NLM_F.DUMP)
    const sequence = this.#sequence
    check(Number(sendCall(this.#fd, bytes, bytes.length, 0)), 'netlink send')
    const found: Buffer[] = []
    for (;;) {
      for (const message of this.#receive()) {
        if (message.sequence !== sequence) continue
        if (message.type === NLMSG_DONE) return found
        if (message.type === NLMSG_ERROR) throw new SyscallError('netlink dump', -message.body.readInt32LE(0))
        if (message.type === answer) found.push(message.body)
      }
    }
  }
}
