/** Where a daemon listens, as `-H` and `DOCKER_HOST` write it. */
import { invalidArgument } from '../errdefs.ts'

export type Endpoint =
  | { readonly kind: 'unix'; readonly path: string; readonly text: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly text: string }

export const DEFAULT_SOCKET = '/run/tare/tare.sock'
export const DEFAULT_HOST = `unix://${DEFAULT_SOCKET}`

/** `unix:///path`, `tcp://host:port`, `host`, `host:port`. Throws InvalidArgument in Docker's words. */
export const parseEndpoint = (text: string): Endpoint => {
  const value = text.trim()
  const scheme = /^([a-z0-9]+):\/\//.exec(value)?.[1] ?? 'tcp'
  const rest = value.replace(/^[a-z0-9]+:\/\//, '')
  if (scheme === 'unix')
    return { kind: 'unix', path: rest === '' ? DEFAULT_SOCKET : rest, text: `unix://${rest || DEFAULT_SOCKET}` }
  if (scheme !== 'tcp' && scheme !== 'http' && scheme !== 'https')
    throw invalidArgument(`invalid argument "${text}" for "-H, --host" flag: invalid bind address format: ${text}`)
  const match = /^(\[[^\]]+\]|[^:/]*)(?::(\d+))?\/?$/.exec(rest)
  if (!match)
    throw invalidArgument(`invalid argument "${text}" for "-H, --host" flag: invalid bind address format: ${text}`)
  const host = match[1] || 'localhost'
  const port = Number(match[2] ?? 2375)
  return { kind: 'tcp', host: host.replace(/^\[|\]$/g, ''), port, text: `tcp://${host}:${port}` }
}
