import { readFileSync } from 'node:fs'

export type DnsOptions = {
  readonly servers?: readonly string[] | null | undefined
  readonly search?: readonly string[] | null | undefined
  readonly options?: readonly string[] | null | undefined
}

const FALLBACK = ['8.8.8.8', '8.8.4.4']
const isLoopback = (server: string): boolean => /^127\.|^::1$/.test(server)

/**
 * The container's resolv.conf: the host's, with what the container asks for in its place. `isolated`: the container has a
 * network of its own, where servers on the host's loopback cannot be reached.
 */
export const resolvConf = (host: string, own: DnsOptions, isolated: boolean): string => {
  const lines = host.split('\n').map(line => line.trim().split(/\s+/))
  const values = (keyword: string): string[] =>
    lines.filter(([word]) => word === keyword).flatMap(([, ...rest]) => rest)
  const hostServers = values('nameserver')
  const usable = isolated ? hostServers.filter(server => !isLoopback(server)) : hostServers
  const servers = own.servers?.length ? own.servers : usable.length > 0 ? usable : isolated ? FALLBACK : []
  const searched = own.search?.length
    ? own.search.filter(domain => domain !== '.')
    : (lines
        .filter(([word]) => word === 'search' || word === 'domain')
        .at(-1)
        ?.slice(1) ?? [])
  const options = own.options?.length ? own.options : values('options')
  return [
    ...servers.map(server => `nameserver ${server}`),
    ...(searched.length > 0 ? [`search ${searched.join(' ')}`] : []),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
    '',
  ].join('\n')
}

/** The host's resolver configuration; that of systemd-resolved's upstreams where the usual file only names its stub. */
export const hostResolvConf = (): string => {
  const read = (path: string): string | undefined => {
    try {
      return readFileSync(path, 'utf8')
    } catch {
      return undefined
    }
  }
  const usual = read('/etc/resolv.conf') ?? ''
  const stubOnly = /^nameserver\s+127\.0\.0\.53\s*$/m.test(usual) && (usual.match(/^nameserver/gm)?.length ?? 0) === 1
  return (stubOnly ? read('/run/systemd/resolve/resolv.conf') : undefined) ?? usual
}
