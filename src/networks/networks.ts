import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import type { NetworkInspect } from '../api/network.ts'
import type { Database, Schema } from '../database.ts'
import { internal, messageOf, notFound } from '../errdefs.ts'
import { forgetUdpFlows } from '../host/conntrack.ts'
import { Netlink, setLinkUp } from '../host/netlink.ts'
import { createNetworkNamespace, removeNetworkNamespace } from '../host/netns.ts'
import { Nft } from '../host/nft.ts'
import type { Logger } from '../log.ts'
import { allowHairpin, type BridgeSpec, ensureBridge, macOf, plug, removeLink } from './bridge.ts'
import { Firewall } from './firewall.ts'
import { HostPorts, type PortRequest, type PublishedPort } from './ports.ts'
import {
  AddressAllocator,
  type AddressPool,
  firstFreeSubnet,
  formatAddress,
  formatSubnet,
  parseAddress,
  parseCidr,
  type Subnet,
} from './subnet.ts'

/** A container's connection to a bridge. Kept in the container's state, so that a new daemon knows what a running one has. */
export type Endpoint = {
  readonly id: string
  readonly networkId: string
  readonly networkName: string
  readonly address: string
  readonly prefix: number
  readonly gateway: string
  readonly mac: string
  /** The end that stays on the host. */
  readonly hostLink: string
  readonly ports: readonly PublishedPort[]
}

/** A network namespace that a container is about to run in. */
export type Sandbox = {
  /** A file that names the namespace. */
  readonly path: string
  readonly inside: Netlink
}

export type NetworkSettings = {
  /** Names the bridge and the nft table. */
  readonly instance: string
  /** Holds one file a namespace. */
  readonly directory: string
  /** `--bip` */
  readonly bip: string | undefined
  /** `--fixed-cidr` */
  readonly fixedCidr: string | undefined
  readonly pools: readonly AddressPool[]
  readonly mtu: number
  readonly icc: boolean
  readonly ipForward: boolean
  readonly ipMasq: boolean
  /** False: Tare leaves the host's packet filter alone (`--iptables=false`), and no port is published. */
  readonly filter: boolean
}

type Row = {
  readonly id: string
  readonly name: string
  readonly driver: 'bridge' | 'host' | 'null'
  readonly subnet: string | null
  readonly created: string
}

const SCHEMA: Schema = {
  room: 'networks',
  migrations: [
    `CREATE TABLE networks (
       id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, driver TEXT NOT NULL, subnet TEXT, created TEXT NOT NULL
     ) STRICT`,
  ],
}

type PlannedBridge = {
  readonly spec: BridgeSpec
  readonly addresses: AddressAllocator
  /** Undefined while it is not on the host. */
  index: number | undefined
}
type ReadyBridge = PlannedBridge & { readonly index: number }

/** The networks of one instance: `bridge`, `host` and `none`. The bridge is on the host while somebody uses it. */
export class Networks {
  readonly #settings: NetworkSettings
  readonly #database: Database
  readonly #log: Logger
  readonly #ports = new HostPorts()
  readonly #firewall: Firewall
  readonly #endpoints = new Map<string, Endpoint>()
  #netlink: Netlink | undefined
  #bridge: PlannedBridge | undefined

  constructor(settings: NetworkSettings, database: Database, log: Logger) {
    this.#settings = settings
    this.#database = database
    this.#log = log
    this.#firewall = new Firewall(settings.instance, () => new Nft())
    database.migrate(SCHEMA)
    for (const [name, driver] of [
      ['bridge', 'bridge'],
      ['host', 'host'],
      ['none', 'null'],
    ] as const) {
      database.run(
        'INSERT OR IGNORE INTO networks (id, name, driver, subnet, created) VALUES (?, ?, ?, NULL, ?)',
        randomBytes(32).toString('hex'),
        name,
        driver,
        new Date().toISOString(),
      )
    }
  }

  /** Makes a namespace of its own with its loopback up. */
  createSandbox(id: string): Sandbox {
    const path = this.sandboxPath(id)
    const inside = createNetworkNamespace(path, () => {
      const netlink = new Netlink()
      netlink.request(setLinkUp(1))
      return netlink
    })
    return { path, inside }
  }

  removeSandbox(id: string): void {
    removeNetworkNamespace(this.sandboxPath(id))
  }

  /** The file that names a sandbox's namespace. */
  sandboxPath(id: string): string {
    return `${this.#settings.directory}/${id}`
  }

  /** At start: lets go of sandboxes that no running container owns. */
  sweep(owned: (id: string) => boolean): void {
    if (!existsSync(this.#settings.directory)) return
    for (const id of readdirSync(this.#settings.directory)) {
      if (!owned(id)) this.removeSandbox(id)
    }
  }

  /** Connects a sandbox to the default bridge and publishes its ports: all of it or nothing. Synchronous, some 2 ms. */
  connect(id: string, name: string, sandbox: Sandbox, requests: readonly PortRequest[]): Endpoint {
    const row = this.#row('bridge')
    const bridge = this.#useBridge()
    const address = bridge.addresses.allocate()
    const endpointId = randomBytes(32).toString('hex')
    if (address === undefined)
      throw internal(
        `failed to set up container networking: no available IPv4 addresses on this network's address pools: bridge (${row.id})`,
      )
    const hostLink = `veth${endpointId.slice(0, 8)}`
    let ports: PublishedPort[] = []
    const undo = (): void => {
      this.#ports.release(ports)
      bridge.addresses.release(address)
    }
    try {
      ports = this.#ports.allocate(requests, formatAddress(address))
      plug(this.#link(), sandbox.inside, {
        bridge: bridge.index,
        spec: bridge.spec,
        hostLink,
        namespace: sandbox.path,
        address,
        mac: macOf(address),
      })
      if (ports.length > 0) allowHairpin(hostLink)
      const endpoint: Endpoint = {
        id: endpointId,
        networkId: row.id,
        networkName: 'bridge',
        address: formatAddress(address),
        prefix: bridge.spec.subnet.prefix,
        gateway: formatAddress(bridge.spec.gateway),
        mac: macOf(address),
        hostLink,
        ports,
      }
      this.#publish(endpoint)
      this.#forgetFlows(endpoint)
      this.#endpoints.set(id, endpoint)
      return endpoint
    } catch (error) {
      undo()
      throw internal(
        `failed to set up container networking: driver failed programming external connectivity on endpoint ${name} (${endpointId}): ${messageOf(error)}`,
        { cause: error },
      )
    }
  }

  /** Gives back all that an endpoint holds; its link goes when the sandbox does. Quiet about what is gone already. */
  disconnect(id: string): void {
    const endpoint = this.#endpoints.get(id)
    if (!endpoint) return
    this.#endpoints.delete(id)
    this.#ports.release(endpoint.ports)
    if (this.#settings.filter) this.#firewall.withdraw(forwardingsOf(endpoint))
    this.#forgetFlows(endpoint)
    // The kernel takes the link away with the namespace, beside our work; asking for it here would wait some 20 ms for RCU.
    this.#bridge?.addresses.release(parseAddress(endpoint.address))
  }

  /** At start: takes over what running containers have, and puts the bridge and the ruleset right. */
  adopt(running: ReadonlyMap<string, Endpoint>): void {
    if (running.size === 0) return
    const bridge = this.#defaultBridge()
    for (const [id, endpoint] of running) {
      bridge.addresses.claim(parseAddress(endpoint.address))
      this.#ports.adopt(endpoint.ports)
      this.#endpoints.set(id, endpoint)
    }
    this.#useBridge()
  }

  list(): NetworkInspect[] {
    return this.#database.all<Row>('SELECT * FROM networks ORDER BY name').map(row => this.#inspect(row))
  }

  /** By name, id or the beginning of an id. Throws NotFound. `names` tells the names of containers. */
  inspect(reference: string, names: (containerId: string) => string = id => id): NetworkInspect {
    return this.#inspect(this.#row(reference), names)
  }

  find(reference: string): { readonly id: string; readonly name: string } | undefined {
    return this.#database.get<Row>('SELECT * FROM networks WHERE name = ?1 OR id = ?1', reference)
  }

  /** Throws NotFound in Docker's words for a network that is not here. */
  require(reference: string): { readonly id: string; readonly name: string } {
    return this.#row(reference)
  }

  /** Takes the bridge and the ruleset from the host when no container uses them; running ones keep them. */
  [Symbol.dispose](): void {
    this.#ports[Symbol.dispose]()
    const bridge = bridgeName(this.#settings.instance)
    // Also those that a daemon left which died, and that nobody has used since.
    if (this.#endpoints.size === 0 && this.#link().link(bridge)) {
      if (this.#settings.filter) this.#firewall.remove([bridge])
      removeLink(this.#link(), bridge)
    }
    this.#netlink?.[Symbol.dispose]()
  }

  /** UDP has no end that the kernel sees: what was sent to a port before must not decide where later packets go. */
  #forgetFlows({ ports }: Endpoint): void {
    const udp = ports.filter(port => port.protocol === 'udp').map(port => port.hostPort)
    if (udp.length === 0) return
    try {
      forgetUdpFlows(new Set(udp))
    } catch (error) {
      this.#log.warn({ err: error }, 'old UDP flows could not be forgotten')
    }
  }

  /** Writes the whole table anew: the bridge, and every port that is published. */
  #replaceRules(): void {
    const { spec } = this.#defaultBridge()
    const { ipMasq: masquerade, icc } = this.#settings
    const rules = { bridge: spec.name, subnet: formatSubnet(spec.subnet), masquerade, icc }
    this.#firewall.replace([rules], [...this.#endpoints.values()].flatMap(forwardingsOf))
  }

  #publish(endpoint: Endpoint): void {
    if (!this.#settings.filter) return
    try {
      this.#firewall.publish(forwardingsOf(endpoint))
    } catch (error) {
      // Somebody flushed the host's rules: they are all put back.
      this.#log.warn({ err: error }, 'the nft table is gone and is made anew')
      this.#replaceRules()
      this.#firewall.publish(forwardingsOf(endpoint))
    }
  }

  #row(reference: string): Row {
    const row =
      this.#database.get<Row>('SELECT * FROM networks WHERE name = ?1 OR id = ?1', reference) ??
      (/^[0-9a-f]+$/.test(reference)
        ? this.#database.get<Row>('SELECT * FROM networks WHERE substr(id, 1, length(?1)) = ?1', reference)
        : undefined)
    if (!row) throw notFound(`network ${reference} not found`)
    return row
  }

  #link(): Netlink {
    this.#netlink ??= new Netlink()
    return this.#netlink
  }

  /** The default bridge's plan: its subnet is chosen once, clear of all that the host routes, and kept. */
  #defaultBridge(): PlannedBridge {
    if (this.#bridge) return this.#bridge
    const { bip, fixedCidr, mtu, instance } = this.#settings
    let subnet: Subnet
    let gateway: number
    if (bip !== undefined) {
      ;({ subnet, address: gateway } = parseCidr(bip))
    } else {
      const kept = this.#row('bridge').subnet
      subnet = kept !== null && this.#isFree(parseCidr(kept).subnet) ? parseCidr(kept).subnet : this.#chooseSubnet()
      gateway = subnet.base + 1
    }
    this.#database.run(
      "UPDATE networks SET subnet = ?1 WHERE name = 'bridge' AND subnet IS NOT ?1",
      formatSubnet(subnet),
    )
    const spec: BridgeSpec = { name: bridgeName(instance), subnet, gateway, mtu }
    const range = fixedCidr === undefined ? subnet : parseCidr(fixedCidr).subnet
    this.#bridge = { spec, addresses: new AddressAllocator(subnet, [gateway], range), index: undefined }
    return this.#bridge
  }

  #foreignSubnets(): Subnet[] {
    const own = this.#link().link(bridgeName(this.#settings.instance))?.index
    const ours = this.#link()
      .addresses()
      .filter(address => address.index === own)
    const addresses = this.#link()
      .addresses()
      .filter(address => address.index !== own)
    const routes = this.#link()
      .routes()
      // The default route covers everything and forbids nothing; host routes of our own addresses are no network.
      .filter(route => route.prefix > 0 && route.prefix < 32)
    const ourSubnets = ours.map(address => formatSubnet(parseCidr(`${address.address}/${address.prefix}`).subnet))
    return [
      ...addresses.map(address => parseCidr(`${address.address}/${address.prefix}`).subnet),
      ...routes.map(route => parseCidr(`${route.destination}/${route.prefix}`).subnet),
    ].filter(subnet => !ourSubnets.includes(formatSubnet(subnet)))
  }

  #isFree(subnet: Subnet): boolean {
    const end = subnet.base + 2 ** (32 - subnet.prefix)
    return !this.#foreignSubnets().some(
      other => other.base < end && subnet.base < other.base + 2 ** (32 - other.prefix),
    )
  }

  #chooseSubnet(): Subnet {
    const subnet = firstFreeSubnet(this.#settings.pools, this.#foreignSubnets())
    if (!subnet) throw internal('all predefined address pools have been fully subnetted')
    return subnet
  }

  #useBridge(): ReadyBridge {
    const bridge = this.#defaultBridge()
    const { filter, ipForward } = this.#settings
    if (bridge.index === undefined) {
      bridge.index = ensureBridge(this.#link(), bridge.spec, { forward: ipForward, guarded: filter })
      if (filter) this.#replaceRules()
      this.#log.debug({ bridge: bridge.spec.name, subnet: formatSubnet(bridge.spec.subnet) }, 'bridge ready')
    }
    if (filter) this.#firewall.passForeignForward(bridge.spec.name)
    return { ...bridge, index: bridge.index }
  }

  #inspect(row: Row, names: (containerId: string) => string = id => id): NetworkInspect {
    const spec = row.driver === 'bridge' ? this.#defaultBridge().spec : undefined
    const endpoints = row.driver === 'bridge' ? [...this.#endpoints] : []
    return {
      Name: row.name,
      Id: row.id,
      Created: row.created,
      Scope: 'local',
      Driver: row.driver,
      EnableIPv4: true,
      EnableIPv6: false,
      IPAM: {
        Driver: 'default',
        Options: null,
        Config: spec ? [{ Subnet: formatSubnet(spec.subnet), Gateway: formatAddress(spec.gateway) }] : null,
      },
      Internal: false,
      Attachable: false,
      Ingress: false,
      ConfigFrom: { Network: '' },
      ConfigOnly: false,
      Containers: Object.fromEntries(
        endpoints.map(([id, endpoint]) => [
          id,
          {
            Name: names(id),
            EndpointID: endpoint.id,
            MacAddress: endpoint.mac,
            IPv4Address: `${endpoint.address}/${endpoint.prefix}`,
            IPv6Address: '',
          },
        ]),
      ),
      Options: spec
        ? {
            'com.docker.network.bridge.default_bridge': 'true',
            'com.docker.network.bridge.enable_icc': String(this.#settings.icc),
            'com.docker.network.bridge.enable_ip_masquerade': String(this.#settings.ipMasq),
            'com.docker.network.bridge.host_binding_ipv4': '0.0.0.0',
            'com.docker.network.bridge.name': spec.name,
            'com.docker.network.driver.mtu': String(spec.mtu),
          }
        : {},
      Labels: {},
    }
  }
}

/** At most 15 characters, the kernel's limit: an instance's name is at most 11. */
const bridgeName = (instance: string): string => `${instance}0`

const forwardingsOf = (endpoint: Endpoint) => endpoint.ports.map(port => ({ ...port, containerIp: endpoint.address }))
