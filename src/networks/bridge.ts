import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { codeOf } from '../errdefs.ts'
import {
  addAddress,
  addDefaultRoute,
  deleteLink,
  type Netlink,
  newBridge,
  newVeth,
  setLinkUp,
} from '../host/netlink.ts'
import { formatAddress, type Subnet } from './subnet.ts'

export type BridgeSpec = {
  readonly name: string
  readonly subnet: Subnet
  readonly gateway: number
  readonly mtu: number
}

const sysctl = (path: string, value: string): void => {
  const file = `/proc/sys/${path}`
  if (existsSync(file) && readFileSync(file, 'utf8').trim() !== value) writeFileSync(file, value)
}

/** A locally administered MAC address that follows from the IPv4 address, so that neighbours' caches stay right. */
export const macOf = (address: number): string =>
  [
    '02',
    '42',
    ...[24, 16, 8, 0].map(shift => (Math.floor(address / 2 ** shift) % 256).toString(16).padStart(2, '0')),
  ].join(':')

/** Makes the bridge if it is not there, with its address, and gives its index. */
export const ensureBridge = (
  netlink: Netlink,
  spec: BridgeSpec,
  options: { readonly forward: boolean; readonly guarded: boolean },
): number => {
  const found = netlink.link(spec.name)
  if (!found) netlink.request(newBridge(spec.name, macOf(spec.gateway), spec.mtu))
  const index = found?.index ?? netlink.link(spec.name)?.index
  if (index === undefined) throw new Error(`the bridge ${spec.name} vanished while it was made`)
  const address = formatAddress(spec.gateway)
  if (!netlink.addresses().some(known => known.index === index && known.address === address)) {
    netlink.request(addAddress(index, address, spec.subnet.prefix))
  }
  if (found && !found.up) netlink.request(setLinkUp(index))
  if (options.forward) sysctl('net/ipv4/ip_forward', '1')
  // Lets a connection to a published port on 127.0.0.1 leave through the bridge. Only where the firewall guards the way back in:
  // a container could reach the host's loopback otherwise.
  if (options.guarded) sysctl(`net/ipv4/conf/${spec.name}/route_localnet`, '1')
  return index
}

export const removeLink = (netlink: Netlink, name: string): void => {
  try {
    netlink.request(deleteLink(name))
  } catch (error) {
    if (codeOf(error) !== 'ENODEV') throw error
  }
}

/**
 * Lets a packet leave by the port that it came in by: a container that calls a port that it published itself is otherwise cut off
 * where the kernel filters bridged packets (br_netfilter), since the bridge then sees where the packet really goes.
 */
export const allowHairpin = (hostLink: string): void => {
  writeFileSync(`/sys/class/net/${hostLink}/brport/hairpin_mode`, '1')
}

const PEER_INDEX = 2

/** Connects a namespace to a bridge: a veth pair, its address and the default route. `inside` is a socket of that namespace. */
export const plug = (
  netlink: Netlink,
  inside: Netlink,
  options: {
    readonly bridge: number
    readonly spec: BridgeSpec
    readonly hostLink: string
    readonly namespace: string
    readonly address: number
    readonly mac: string
  },
): void => {
  const { spec, hostLink, address } = options
  const namespace = openSync(options.namespace, 'r')
  try {
    netlink.request(
      newVeth({
        name: hostLink,
        master: options.bridge,
        mtu: spec.mtu,
        peer: { name: 'eth0', mac: options.mac, index: PEER_INDEX, namespace },
      }),
    )
  } finally {
    closeSync(namespace)
  }
  inside.request(
    addAddress(PEER_INDEX, formatAddress(address), spec.subnet.prefix),
    setLinkUp(PEER_INDEX),
    addDefaultRoute(formatAddress(spec.gateway), PEER_INDEX),
  )
}
