import { SyntaxProblem } from '../dockerfile/dockerfile-error.ts'

const HIGHEST = 65535
const PROTOCOLS = ['tcp', 'udp', 'sctp']

/** `80`, `53/udp`, `8000-8005/tcp`, also with a host part, which says nothing here, as `80/tcp` each. */
export const parseExposed = (spec: string): string[] => {
  const slash = spec.lastIndexOf('/')
  const protocol = slash < 0 ? 'tcp' : spec.slice(slash + 1).toLowerCase() || 'tcp'
  const ports = (slash < 0 ? spec : spec.slice(0, slash)).split(':').at(-1) ?? ''
  if (!PROTOCOLS.includes(protocol)) throw new SyntaxProblem(`Invalid proto: ${protocol}`)
  if (ports === '') throw new SyntaxProblem(`No port specified: ${spec}<empty>`)
  const bounds = ports.split('-', 2).map(parsePort)
  const first = bounds[0]
  const last = bounds.length === 1 ? first : bounds[1]
  if (first === undefined || last === undefined || last < first)
    throw new SyntaxProblem(`Invalid containerPort: ${ports}`)
  return Array.from({ length: last - first + 1 }, (_, offset) => `${first + offset}/${protocol}`)
}

const parsePort = (text: string): number | undefined =>
  /^\d+$/.test(text) && Number(text) <= HIGHEST ? Number(text) : undefined
