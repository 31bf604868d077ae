import type { PortBinding } from '../../api/container.ts'

const PROTOCOLS = ['tcp', 'udp', 'sctp']

type Range = { readonly first: number; readonly last: number }

const parseRange = (text: string): Range | undefined => {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text)
  if (!match) return undefined
  const first = Number(match[1])
  const last = Number(match[2] ?? match[1])
  return last < first || last > 65535 ? undefined : { first, last }
}

/** `published=8080,target=80,protocol=udp` in the short form. */
const shortForm = (spec: string): string => {
  if (!spec.includes('=')) return spec
  const fields = new Map(spec.split(',').map(field => field.split('=', 2) as [string, string]))
  for (const [key, value] of fields) {
    if (value === undefined || value === '')
      throw new Error(`invalid publish opts format (should be name=value but got '${key}')`)
    if (!['published', 'target', 'protocol', 'mode'].includes(key))
      throw new Error(`invalid publish opts format (unknown key '${key}')`)
  }
  return `${fields.get('published') ?? ''}:${fields.get('target') ?? ''}/${fields.get('protocol') ?? 'tcp'}`
}

export type Publication = { readonly port: string; readonly binding: PortBinding }

/** `-p [ip:][host]:container[/proto]`, ranges included, as pairs of a container port (`80/tcp`) and where it is published. */
export const parsePublication = (given: string): Publication[] => {
  const spec = shortForm(given)
  const slash = spec.lastIndexOf('/')
  const protocol = slash < 0 ? 'tcp' : spec.slice(slash + 1).toLowerCase()
  const parts = /^(?:(?:(\[[^\]]*\]|[^:]*):)?([^:]*):)?([^:]*)$/.exec(slash < 0 ? spec : spec.slice(0, slash))
  const [, ip = '', host = '', container = ''] = parts ?? []
  if (container === '') throw new Error(`no port specified: ${given}<empty>`)
  const inside = parseRange(container)
  if (!parts || !inside) throw new Error(`invalid containerPort: ${container || given}`)
  const outside = host === '' ? undefined : parseRange(host)
  if (host !== '' && !outside) throw new Error(`invalid hostPort: ${host}`)
  const address = ip.replace(/^\[|\]$/g, '')
  if (address !== '' && !isAddress(address)) throw new Error(`invalid IP address: ${address}`)
  if (!PROTOCOLS.includes(protocol)) throw new Error(`invalid proto: ${protocol}`)
  const size = inside.last - inside.first
  // One port inside may take any of a range outside; otherwise both must be of one length.
  if (outside && size !== outside.last - outside.first && size !== 0)
    throw new Error(`invalid ranges specified for container and host Ports: ${container} and ${host}`)
  return Array.from({ length: size + 1 }, (_, i) => ({
    port: `${inside.first + i}/${protocol}`,
    binding: {
      HostIp: address,
      HostPort: !outside ? '' : size === 0 ? host : String(outside.first + i),
    },
  }))
}

export const isAddress = (text: string): boolean => isIPv4(text) || (text.includes(':') && isIPv6(text))
const isIPv4 = (text: string): boolean =>
  /^(\d{1,3})(\.\d{1,3}){3}$/.test(text) && text.split('.').every(part => Number(part) < 256)
const isIPv6 = (text: string): boolean => URL.canParse(`http://[${text.replace(/%.*$/, '')}]/`)

/** `--expose 80`, `--expose 80-82/udp`. */
export const parseExpose = (spec: string): string[] => {
  if (spec.includes(':')) throw new Error(`invalid port format for --expose: ${spec}`)
  const [ports = '', protocol = 'tcp'] = spec.split('/', 2)
  const range = parseRange(ports)
  if (!range)
    throw new Error(
      `invalid range format for --expose: ${ports}, error: strconv.ParseUint: parsing "${ports}": invalid syntax`,
    )
  return Array.from({ length: range.last - range.first + 1 }, (_, i) => `${range.first + i}/${protocol}`)
}
