import type { EndpointSettings } from '../../api/container.ts'
import type { Flags } from '../flags/flags.ts'
import { splitFields } from './mount.ts'

type Attachment = {
  target: string
  aliases: string[]
  options: Record<string, string>
  ip?: string
  ip6?: string
  linkLocal: string[]
  mac?: string
  priority?: number
}

/** `--network NAME` or `--network name=NAME,alias=…,ip=…,driver-opt=…`. */
export const parseAttachment = (value: string): Attachment => {
  const attachment: Attachment = { target: '', aliases: [], options: {}, linkLocal: [] }
  if (!/(^|,)[\w-]+=/.test(value)) return { ...attachment, target: value }
  for (const field of splitFields(value)) {
    const equals = field.indexOf('=')
    if (equals < 0) throw new Error(`invalid field ${field}`)
    const text = field.slice(equals + 1).trim()
    switch (field.slice(0, equals).trim().toLowerCase()) {
      case 'name':
        attachment.target = text
        break
      case 'alias':
        attachment.aliases.push(text)
        break
      case 'driver-opt': {
        const [key = '', option = ''] = text.split('=', 2)
        attachment.options[key] = option
        break
      }
      case 'ip':
        attachment.ip = text
        break
      case 'ip6':
        attachment.ip6 = text
        break
      case 'link-local-ip':
        attachment.linkLocal.push(text)
        break
      case 'mac-address':
        attachment.mac = text
        break
      case 'gw-priority':
        attachment.priority = Number(text)
        break
      default:
        throw new Error(`invalid field key ${field.slice(0, equals)}`)
    }
  }
  if (attachment.target === '') throw new Error('network name/id is not specified')
  return attachment
}

const isUserDefined = (mode: string): boolean =>
  !['', 'default', 'bridge', 'host', 'none'].includes(mode) && !mode.startsWith('container:')

export type Networking = { readonly mode: string; readonly endpoints: Record<string, EndpointSettings> }

/** The network flags of `run` and `create`: the network mode, and an endpoint for each network. Throws in Docker's words. */
export const parseNetworking = (flags: Flags): Networking => {
  const attachments = flags.list('network').map(parseAttachment)
  const first = (attachments[0] ??= parseAttachment('default'))
  const aliases = flags.list('network-alias')
  const links = flags.list('link')
  if (aliases.length > 0 && !isUserDefined(first.target))
    throw new Error('network-scoped aliases are only supported for user-defined networks')
  const alone = ([flag, own]: readonly [string, unknown]): void => {
    if (flags.changed(flag) && own)
      throw new Error(`conflicting options: cannot specify both --${flag} and per-network ${OPTION_NAMES[flag]}`)
  }
  const own: [string, unknown][] = [
    ['network-alias', first.aliases.length],
    ['ip', first.ip],
    ['ip6', first.ip6],
    ['mac-address', first.mac],
    ['link-local-ip', first.linkLocal.length],
  ]
  own.forEach(alone)
  first.aliases.push(...aliases)
  first.linkLocal.push(...flags.list('link-local-ip'))
  if (flags.string('ip')) first.ip = flags.string('ip')
  if (flags.string('ip6')) first.ip6 = flags.string('ip6')
  const mac = flags.string('mac-address')
  if (mac !== '') {
    if (
      !/^([0-9a-fA-F]{2}([:-]))([0-9a-fA-F]{2}\2){4}[0-9a-fA-F]{2}$|^([0-9a-fA-F]{4}\.){2}[0-9a-fA-F]{4}$/.test(
        mac.trim(),
      )
    )
      throw new Error(`${mac} is not a valid mac address`)
    first.mac = mac.trim()
  }
  const endpoints: Record<string, EndpointSettings> = {}
  for (const [i, attachment] of attachments.entries()) {
    const { target } = attachment
    if (endpoints[target]) throw new Error(`network "${target}" is specified multiple times`)
    if (attachments.length > 1 && !isUserDefined(target) && target !== 'bridge' && target !== 'default')
      throw new Error('conflicting options: cannot attach both user-defined and non-user-defined network-modes')
    endpoints[target] = endpoint(attachment, i === 0 && isUserDefined(target) ? links : [])
  }
  // These modes have no endpoint of their own to configure.
  if (first.target === 'host' || first.target === 'none' || first.target.startsWith('container:'))
    delete endpoints[first.target]
  return { mode: first.target, endpoints }
}
const OPTION_NAMES: Readonly<Record<string, string>> = {
  'network-alias': 'alias',
  ip: 'IPv4 address',
  ip6: 'IPv6 address',
  'mac-address': 'MAC address',
  'link-local-ip': 'link-local IP addresses',
}

const endpoint = (attachment: Attachment, links: readonly string[]): EndpointSettings => {
  const { ip, ip6, linkLocal } = attachment
  const settings: Record<string, unknown> = {}
  if (ip || ip6 || linkLocal.length > 0)
    settings.IPAMConfig = {
      ...(ip ? { IPv4Address: ip } : {}),
      ...(ip6 ? { IPv6Address: ip6 } : {}),
      ...(linkLocal.length > 0 ? { LinkLocalIPs: linkLocal } : {}),
    }
  if (attachment.aliases.length > 0) settings.Aliases = attachment.aliases
  if (links.length > 0) settings.Links = links
  if (Object.keys(attachment.options).length > 0) settings.DriverOpts = attachment.options
  if (attachment.mac) settings.MacAddress = attachment.mac
  if (attachment.priority !== undefined) settings.GwPriority = attachment.priority
  return settings as EndpointSettings
}
