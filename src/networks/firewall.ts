import type { Nft } from '../host/nft.ts'
import type { PublishedPort } from './ports.ts'

/** One bridge and what may pass it. */
export type BridgeRules = {
  readonly bridge: string
  /** `172.17.0.0/16` */
  readonly subnet: string
  readonly masquerade: boolean
  /** May its containers reach each other? */
  readonly icc: boolean
}

export type Forwarding = PublishedPort & { readonly containerIp: string }

const ANY = '0.0.0.0'
const quote = (name: string): string => `"${name}"`

/** The map that a published port is an element of, and the element. */
const elementOf = ({
  protocol,
  hostIp,
  hostPort,
  containerIp,
  containerPort,
}: Forwarding): { map: string; element: string } =>
  hostIp === ANY
    ? { map: `${protocol}_any`, element: `${hostPort} : ${containerIp} . ${containerPort}` }
    : { map: `${protocol}_at`, element: `${hostIp} . ${hostPort} : ${containerIp} . ${containerPort}` }

const keyOf = (forwarding: Forwarding): { map: string; key: string } => {
  const { map, element } = elementOf(forwarding)
  return { map, key: element.slice(0, element.indexOf(' : ')) }
}

/**
 * The whole ruleset of one instance: a script that replaces its table in one transaction. A port is an element of a map,
 * so a thousand of them cost a look-up, not a walk.
 */
export const ruleset = (table: string, bridges: readonly BridgeRules[], forwardings: readonly Forwarding[]): string => {
  const maps = (['tcp', 'udp'] as const).flatMap(protocol => [
    `map ${protocol}_any { type inet_service : ipv4_addr . inet_service; }`,
    `map ${protocol}_at { type ipv4_addr . inet_service : ipv4_addr . inet_service; }`,
  ])
  const publish = (['tcp', 'udp'] as const).flatMap(protocol => [
    `dnat ip to ip daddr . ${protocol} dport map @${protocol}_at`,
    `dnat ip to ${protocol} dport map @${protocol}_any`,
  ])
  const names = bridges.map(({ bridge }) => quote(bridge)).join(', ')
  const perBridge = (rule: (rules: BridgeRules) => string[]): string[] => bridges.flatMap(rule)
  const chain = (name: string, hook: string, rules: readonly string[]): string =>
    [`chain ${name} {`, ...(hook ? [`type ${hook}; policy accept;`] : []), ...rules, '}'].join('\n')
  return [
    `add table ip ${table}`,
    `delete table ip ${table}`,
    `table ip ${table} {`,
    ...maps,
    chain('publish', '', publish),
    // With route_localnet on the bridge, a container could otherwise reach what listens on the host's loopback only.
    chain(
      'guard',
      'filter hook prerouting priority raw',
      bridges.length ? [`iifname { ${names} } ip daddr 127.0.0.0/8 drop`] : [],
    ),
    chain('prerouting', 'nat hook prerouting priority dstnat', ['fib daddr type local jump publish']),
    chain('output', 'nat hook output priority -100', ['fib daddr type local jump publish']),
    chain(
      'postrouting',
      'nat hook postrouting priority srcnat',
      perBridge(({ bridge, subnet, masquerade }) => [
        `ip saddr 127.0.0.0/8 oifname ${quote(bridge)} masquerade`,
        `ip saddr ${subnet} oifname ${quote(bridge)} ct status dnat masquerade`,
        ...(masquerade ? [`ip saddr ${subnet} oifname != ${quote(bridge)} masquerade`] : []),
      ]),
    ),
    chain(
      'forward',
      'filter hook forward priority filter',
      perBridge(({ bridge, icc }) => [
        `oifname ${quote(bridge)} ct state established,related accept`,
        `iifname ${quote(bridge)} oifname ${quote(bridge)} ${icc ? 'accept' : 'drop'}`,
        `oifname ${quote(bridge)} ct status dnat accept`,
        `oifname ${quote(bridge)} drop`,
      ]),
    ),
    '}',
    ...forwardings.map(forwarding => addForwarding(table, forwarding)),
  ].join('\n')
}

const addForwarding = (table: string, forwarding: Forwarding): string => {
  const { map, element } = elementOf(forwarding)
  return `add element ip ${table} ${map} { ${element} }`
}

/** The nft table of one instance. */
export class Firewall {
  readonly #table: string
  readonly #load: () => Nft
  #nft: Nft | undefined

  constructor(table: string, load: () => Nft) {
    this.#table = table
    this.#load = load
  }

  replace(bridges: readonly BridgeRules[], forwardings: readonly Forwarding[]): void {
    this.#run(ruleset(this.#table, bridges, forwardings))
  }

  publish(forwardings: readonly Forwarding[]): void {
    if (forwardings.length > 0)
      this.#run(forwardings.map(forwarding => addForwarding(this.#table, forwarding)).join('\n'))
  }

  /** Quiet about elements that somebody else took away. */
  withdraw(forwardings: readonly Forwarding[]): void {
    for (const forwarding of forwardings) {
      const { map, key } = keyOf(forwarding)
      try {
        this.#run(`delete element ip ${this.#table} ${map} { ${key} }`)
      } catch {
        // The table or the element is gone already, which is what was wanted.
      }
    }
  }

  /**
   * Another program's FORWARD chain (Docker's, ufw's) may drop what our own table lets pass, since a packet needs the consent of
   * every chain. Where there is such a chain, ours is told to it once a bridge. What reaches a bridge is still up to our table.
   */
  passForeignForward(bridge: string): void {
    let chain: string
    try {
      chain = this.#run('list chain ip filter FORWARD')
    } catch {
      return
    }
    if (chain.includes(`iifname "${bridge}"`)) return
    this.#run(
      `insert rule ip filter FORWARD iifname ${quote(bridge)} counter accept\ninsert rule ip filter FORWARD oifname ${quote(bridge)} counter accept`,
    )
  }

  /** Takes the instance's table away, and what it told others. */
  remove(bridges: readonly string[]): void {
    this.#run(`add table ip ${this.#table}\ndelete table ip ${this.#table}`)
    let chain: string
    try {
      chain = this.#run('list chain ip filter FORWARD', true)
    } catch {
      return
    }
    for (const line of chain.split('\n')) {
      const handle = /# handle (\d+)$/.exec(line)?.[1]
      const ours = bridges.some(bridge => line.includes(`ifname "${bridge}" `))
      if (handle !== undefined && ours) this.#run(`delete rule ip filter FORWARD handle ${handle}`)
    }
  }

  #run(script: string, handles = false): string {
    this.#nft ??= this.#load()
    return this.#nft.run(script, handles)
  }
}
