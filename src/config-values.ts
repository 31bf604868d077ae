/** Values of the daemon's configuration as text and as JSON hold them. Errors are in the words of dockerd (Go). */
import { isIP } from 'node:net'
import { invalidArgument } from './errdefs.ts'

export type AddressPool = {
  /** `10.10.0.0/16` */
  readonly base: string
  /** Prefix length of each network that is cut from it. */
  readonly size: number
}
export type RuntimeConfig = {
  /** Absolute, or looked up in PATH. */
  readonly path: string
  readonly runtimeArgs: readonly string[]
}
export type UlimitConfig = { readonly Name: string; readonly Soft: number; readonly Hard: number }

const TRUE = new Set(['1', 't', 'T', 'true', 'TRUE', 'True'])
const FALSE = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False'])

export const parseBoolean = (text: string): boolean => {
  if (TRUE.has(text)) return true
  if (FALSE.has(text)) return false
  throw invalidArgument(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`)
}

export const parseInteger = (text: string): number => {
  if (!/^[+-]?[0-9]+$/.test(text))
    throw invalidArgument(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
  return Number(text)
}

const POWERS = 'bkmgtp'

/** `64m`, `1GiB`, `1024`: bytes, in powers of 1024. */
export const parseBytes = (text: string): number => {
  const match = /^([0-9]+(?:\.[0-9]+)?) ?([a-zA-Z]*)$/.exec(text.trim())
  if (match === null) throw invalidArgument(`invalid size: '${text}'`)
  const suffix = (match[2] ?? '').toLowerCase()
  if (suffix !== '' && !/^(b|[kmgtp](b|ib)?)$/.test(suffix)) throw invalidArgument(`invalid suffix: '${suffix}'`)
  return Math.floor(Number(match[1]) * 1024 ** (suffix === '' ? 0 : POWERS.indexOf(suffix.charAt(0))))
}

const DURATION_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** `30s`, `1m30s`, `500ms`: milliseconds. */
export const parseDuration = (text: string): number => {
  if (!/^(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h))+$/.test(text))
    throw invalidArgument(`time: invalid duration ${JSON.stringify(text)}`)
  const parts = text.matchAll(/([0-9.]+)(ms|s|m|h)/g)
  return [...parts].reduce((sum, [, count, unit = '']) => sum + Number(count) * (DURATION_UNITS[unit] ?? 0), 0)
}

export const parseIp = (text: string): string => {
  if (isIP(text.trim()) === 0) throw invalidArgument(`invalid IP address: ${text}`)
  return text.trim()
}

/** `10.0.0.0/8` */
export const parsePrefix = (text: string): string => {
  const slash = text.indexOf('/')
  if (slash < 0) throw invalidArgument(`netip.ParsePrefix(${JSON.stringify(text)}): no '/'`)
  const family = isIP(text.slice(0, slash))
  const length = text.slice(slash + 1)
  if (family === 0 || !/^[0-9]{1,3}$/.test(length) || Number(length) > (family === 4 ? 32 : 128)) {
    throw invalidArgument(`invalid CIDR address: ${text}`)
  }
  return text
}

/** `base=10.0.0.0/8,size=24` */
export const parsePool = (text: string): AddressPool => {
  let base: string | undefined
  let size: number | undefined
  for (const field of text.split(',')) {
    const [key = '', value] = field.split('=', 2)
    if (value === undefined) throw invalidArgument(`invalid field '${field}' must be a key=value pair`)
    if (key === 'base') base = inPool(value)
    else if (key === 'size') size = parseInteger(value)
    else throw invalidArgument(`unexpected key '${key}' in '${field}'`)
  }
  return checkPool({ base: base ?? '', size: size ?? 0 })
}

const inPool = (base: string): string => {
  try {
    return parsePrefix(base)
  } catch (error) {
    throw invalidArgument(`invalid base prefix ${JSON.stringify(base)}: ${(error as Error).message}`, { cause: error })
  }
}

export const checkPool = (pool: AddressPool): AddressPool => {
  const length = Number(parsePrefix(pool.base).split('/')[1])
  if (pool.size < length || pool.size > (isIP(pool.base.split('/')[0] ?? '') === 4 ? 32 : 128)) {
    throw invalidArgument(`invalid default address pool: size /${pool.size} does not fit into ${pool.base}`)
  }
  return pool
}

/** `nofile=1024:2048` */
export const parseUlimit = (text: string): UlimitConfig => {
  const match = /^([a-z]+)=(-?[0-9]+)(?::(-?[0-9]+))?$/.exec(text)
  if (match === null) throw invalidArgument(`invalid ulimit argument: ${text}`)
  const [Name = '', Soft, Hard] = [match[1], Number(match[2]), Number(match[3] ?? match[2])]
  return checkUlimit({ Name, Soft, Hard })
}

const ULIMITS = new Set(
  'core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'.split(' '),
)

export const checkUlimit = (ulimit: UlimitConfig): UlimitConfig => {
  const { Name, Soft, Hard } = ulimit
  if (!ULIMITS.has(Name)) throw invalidArgument(`invalid ulimit type: ${Name}`)
  if (Hard !== -1 && (Soft === -1 || Soft > Hard)) {
    throw invalidArgument(`ulimit soft limit must be less than or equal to hard limit: ${Soft} > ${Hard}`)
  }
  return ulimit
}

/** `kata=/usr/bin/kata-runtime` */
export const parseRuntime = (text: string): { name: string; runtime: RuntimeConfig } => {
  const equals = text.indexOf('=')
  if (equals <= 0 || equals === text.length - 1) throw invalidArgument(`invalid runtime argument: ${text}`)
  const name = text.slice(0, equals).trim().toLowerCase()
  if (name === 'runc') throw invalidArgument("runtime name 'runc' is reserved")
  return { name, runtime: { path: text.slice(equals + 1), runtimeArgs: [] } }
}

/** `key=value` */
export const checkLabel = (text: string): string => {
  if (!text.includes('=')) throw invalidArgument(`bad attribute format: ${text}`)
  return text
}

export const checkDnsSearch = (text: string): string => {
  if (text === '.') return text
  if (
    !/^(?:[a-zA-Z0-9_](?:[a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?\.)*[a-zA-Z0-9_](?:[a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?\.?$/.test(
      text.trim(),
    )
  ) {
    throw invalidArgument(`${text} is not a valid domain`)
  }
  return text.trim()
}

/** `https://m` mirrors docker.io; `HOST=https://m`, which dockerd does not know, any other registry. */
export const checkMirror = (text: string): string => {
  const host = /^([^=/:]+(?::[0-9]+)?)=/.exec(text)?.[1]
  const mirror = host === undefined ? text : text.slice(host.length + 1)
  checkMirrorUrl(mirror)
  return text
}

const checkMirrorUrl = (text: string): void => {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]
  if (scheme === undefined)
    throw invalidArgument(
      `invalid mirror: no scheme specified for ${JSON.stringify(text)}: must use either 'https://' or 'http://'`,
    )
  if (scheme !== 'http' && scheme !== 'https') {
    throw invalidArgument(
      `invalid mirror: unsupported scheme ${JSON.stringify(scheme)} in ${JSON.stringify(text)}: must use either 'https://' or 'http://'`,
    )
  }
  if (!URL.canParse(text)) throw invalidArgument(`invalid mirror: ${JSON.stringify(text)} is not a valid URI`)
  const url = new URL(text)
  if (url.search !== '' || url.hash !== '')
    throw invalidArgument(`invalid mirror: query or fragment at end of the URI ${JSON.stringify(text)}`)
  if (url.username !== '' || url.password !== '')
    throw invalidArgument(
      `invalid mirror: username/password not allowed in URI ${JSON.stringify(`${scheme}://xxxxx@${url.host}${url.pathname}`)}`,
    )
}

/** `unix://PATH`, `tcp://HOST:PORT`, `fd://`; a bare host is one of TCP, as in dockerd. */
export const parseHost = (text: string): string => {
  const trimmed = text.trim()
  const match = /^([a-z0-9+]+):\/\/(.*)$/i.exec(trimmed)
  if (match === null) return parseHost(`tcp://${trimmed}`)
  const [, scheme = '', rest = ''] = match
  if (scheme === 'unix') return rest === '' ? 'unix:///run/tare/tare.sock' : trimmed
  if (scheme === 'fd') return trimmed
  if (scheme !== 'tcp') throw invalidArgument(`invalid bind address (${text}): unsupported proto '${scheme}'`)
  const parts = /^(\[[0-9a-fA-F:]*\]|[^:/]*)(?::([0-9]+))?\/?$/.exec(rest)
  if (parts === null || Number(parts[2] ?? 0) > 65535)
    throw invalidArgument(`invalid bind address (${text}): should be of the form tcp://HOST:PORT`)
  return `tcp://${parts[1] || '127.0.0.1'}${parts[2] === undefined ? '' : `:${parts[2]}`}`
}

const jsonType = (value: unknown): string =>
  Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value

/** The complaint of Go's encoding/json about a value of another type. */
export const wrongJson = (value: unknown, key: string, type: string): Error =>
  invalidArgument(`json: cannot unmarshal ${jsonType(value)} into Go struct field Config.${key} of type ${type}`)

/** What builds may be granted. https://docs.docker.com/build/building/entitlements/ */
const ENTITLEMENTS = ['network.host', 'security.insecure']

export const addEntitlement = (before: readonly string[], text: string): readonly string[] => {
  if (!ENTITLEMENTS.includes(text)) throw invalidArgument(`unknown entitlement ${text}`)
  return [...new Set([...before, text])]
}

/** `{ "entitlements": { "network-host": false, "security-insecure": true } }`. InvalidArgument for other keys. */
export const entitlementsFromJson = (value: unknown, key: string): readonly string[] => {
  const isObject = (candidate: unknown): candidate is Record<string, unknown> =>
    typeof candidate === 'object' && candidate !== null && !Array.isArray(candidate)
  if (!isObject(value)) throw wrongJson(value, key, 'config.BuilderConfig')
  const { entitlements = {}, ...others } = value
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) throw invalidArgument(`${key}.${unknown} is not supported`)
  if (!isObject(entitlements)) throw wrongJson(entitlements, `${key}.entitlements`, 'config.BuilderEntitlements')
  let allowed: readonly string[] = ['network.host']
  for (const [name, granted] of Object.entries(entitlements)) {
    if (typeof granted !== 'boolean') throw wrongJson(granted, `${key}.entitlements.${name}`, 'bool')
    const entitlement = name.replace('-', '.')
    allowed = granted ? addEntitlement(allowed, entitlement) : allowed.filter(other => other !== entitlement)
  }
  return allowed
}
