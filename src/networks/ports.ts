import { isIP } from 'node:net'
import type { PortMap } from '../api/container.ts'
import { codeOf, internal, invalidArgument, notImplemented } from '../errdefs.ts'
import { holdPort } from '../host/port-socket.ts'

export type Protocol = 'tcp' | 'udp'

/** One port as asked for: on which host address, in which range of host ports (0 for any). */
export type PortRequest = {
  readonly containerPort: number
  readonly protocol: Protocol
  readonly hostIp: string
  readonly first: number
  readonly last: number
}

/** One port as it is published. */
export type PublishedPort = {
  readonly containerPort: number
  readonly protocol: Protocol
  readonly hostIp: string
  readonly hostPort: number
}

const ANY = '0.0.0.0'

const parsePortKey = (key: string): { port: number; protocol: Protocol } => {
  const [portText = '', protocol = 'tcp'] = key.split('/')
  const port = Number(portText)
  if (!/^\d+$/.test(portText) || port < 1 || port > 65535) throw invalidArgument(`invalid port specification: "${key}"`)
  if (protocol !== 'tcp' && protocol !== 'udp')
    throw invalidArgument(`invalid port specification: "${key}": unsupported protocol ${protocol}`)
  return { port, protocol }
}

/** The address to listen on. Throws InvalidArgument for one that is none, NotImplemented for IPv6. */
const parseHostIp = (text: string): string => {
  if (text === '') return ANY
  const version = isIP(text)
  if (version === 6) throw notImplemented(`publishing ports on IPv6 addresses is not supported yet: ${text}`)
  if (version !== 4) throw invalidArgument(`invalid IP address: ${text}`)
  return text
}

const parseHostPort = (text: string): { first: number; last: number } => {
  if (text === '') return { first: 0, last: 0 }
  const match = /^(\d+)(?:-(\d+))?$/.exec(text)
  const first = Number(match?.[1])
  const last = Number(match?.[2] ?? match?.[1])
  if (!match || last > 65535 || first > last) throw invalidArgument(`invalid port specification: "${text}"`)
  return { first, last }
}

/** What a container asks for: its bindings and, with `publishAll`, a random port for each that it exposes and did not bind. */
export const portRequests = (
  bindings: PortMap | null | undefined,
  exposed: Readonly<Record<string, unknown>> | null | undefined,
  publishAll: boolean,
): PortRequest[] => {
  const requests: PortRequest[] = []
  for (const [key, hosts] of Object.entries(bindings ?? {})) {
    const { port, protocol } = parsePortKey(key)
    for (const { HostIp = '', HostPort = '' } of hosts ?? [{}]) {
      requests.push({ containerPort: port, protocol, hostIp: parseHostIp(HostIp), ...parseHostPort(HostPort) })
    }
  }
  if (publishAll) {
    for (const key of Object.keys(exposed ?? {})) {
      if (bindings?.[key]) continue
      const { port, protocol } = parsePortKey(key)
      requests.push({ containerPort: port, protocol, hostIp: ANY, first: 0, last: 0 })
    }
  }
  return requests
}

type Held = PublishedPort & { readonly socket: Disposable }

const collides = (a: { hostIp: string; hostPort: number; protocol: Protocol }, b: typeof a): boolean =>
  a.hostPort === b.hostPort &&
  a.protocol === b.protocol &&
  (a.hostIp === ANY || b.hostIp === ANY || a.hostIp === b.hostIp)

/** The host's ports that containers have, each held by a socket so that nobody else takes it. */
export class HostPorts {
  readonly #held = new Set<Held>()

  /** Takes all that is asked for, or nothing. Throws Internal in Docker's words when one is taken. */
  allocate(requests: readonly PortRequest[], containerIp: string): PublishedPort[] {
    const taken: Held[] = []
    try {
      for (const request of requests) {
        const held = this.#take(request, containerIp)
        this.#held.add(held)
        taken.push(held)
      }
    } catch (error) {
      this.release(taken)
      throw error
    }
    return taken.map(({ socket: _, ...port }) => port)
  }

  /** Takes back the ports of a container that ran while nobody held them; one that somebody took meanwhile is left alone. */
  adopt(ports: readonly PublishedPort[]): void {
    for (const port of ports) {
      try {
        this.#held.add({ ...port, socket: holdPort(port.protocol, port.hostIp, port.hostPort) })
      } catch {
        this.#held.add({ ...port, socket: { [Symbol.dispose]: () => {} } })
      }
    }
  }

  release(ports: readonly PublishedPort[]): void {
    for (const port of ports) {
      for (const held of this.#held) {
        if (held.containerPort !== port.containerPort || held.hostIp !== port.hostIp || !collides(held, port)) continue
        this.#held.delete(held)
        held.socket[Symbol.dispose]()
      }
    }
  }

  /** Lets go of every socket; the ports stay the containers'. */
  [Symbol.dispose](): void {
    for (const held of this.#held) held.socket[Symbol.dispose]()
    this.#held.clear()
  }

  #take(request: PortRequest, containerIp: string): Held {
    const { containerPort, protocol, hostIp, first, last } = request
    for (let port = first; port <= last; port++) {
      const clash = port !== 0 && [...this.#held].some(held => collides(held, { hostIp, hostPort: port, protocol }))
      if (clash) {
        if (port < last) continue
        throw internal(
          first === last ? `Bind for ${hostIp}:${port} failed: port is already allocated` : `all ports are allocated`,
        )
      }
      try {
        const socket = holdPort(protocol, hostIp, port)
        return { containerPort, protocol, hostIp, hostPort: socket.port, socket }
      } catch (error) {
        const code = codeOf(error)
        if (code === 'EADDRINUSE' && port < last) continue
        const reason =
          code === 'EADDRINUSE'
            ? 'address already in use'
            : code === 'EADDRNOTAVAIL'
              ? 'cannot assign requested address'
              : code === 'EACCES'
                ? 'permission denied'
                : undefined
        if (reason === undefined) throw error
        throw internal(
          `failed to bind host port for ${hostIp}:${port}:${containerIp}:${containerPort}/${protocol}: ${reason}`,
          { cause: error },
        )
      }
    }
    throw internal('all ports are allocated')
  }
}
