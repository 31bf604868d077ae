/** What the values of `run` and `create` flags must look like; some are rewritten to what the API wants. */
import type { Ulimit } from '../../api/container.ts'
import { checkDeviceCgroupRule, parseGpus, parseIopsDevice, parseRateDevice, parseWeightDevice } from './devices.ts'
import { checkEnv, checkLabel } from './environment.ts'
import { parseMount } from './mount.ts'
import { parseAttachment } from './networking.ts'
import { isAddress } from './ports.ts'

/** A check that throws when `parse` does. */
const parsable =
  (parse: (value: string) => unknown) =>
  (value: string): string => {
    parse(value)
    return value
  }

const LIMITS = [
  'core',
  'cpu',
  'data',
  'fsize',
  'locks',
  'memlock',
  'msgqueue',
  'nice',
  'nofile',
  'nproc',
  'rss',
  'rtprio',
  'rttime',
  'sigpending',
  'stack',
]

/** `nofile=1024:2048`. */
export const parseUlimit = (value: string): Ulimit => {
  const match = /^([^=]+)=([^:]*)(?::(.*))?$/.exec(value)
  if (!match) throw new Error(`invalid ulimit argument: ${value}`)
  const [, Name = '', softText = '', hardText] = match
  if (!LIMITS.includes(Name)) throw new Error(`invalid ulimit type: ${Name}`)
  const number = (text: string): number => {
    if (!/^-?\d+$/.test(text)) throw new Error(`strconv.ParseInt: parsing "${text}": invalid syntax`)
    return Number(text)
  }
  const Soft = number(softText)
  const Hard = hardText === undefined || hardText === '' ? Soft : number(hardText)
  if (Hard !== -1 && (Soft === -1 || Soft > Hard))
    throw new Error(`ulimit soft limit must be less than or equal to hard limit: ${Soft} > ${Hard}`)
  return { Name, Hard, Soft }
}

const KERNEL_SYSCTLS = ['msgmax', 'msgmnb', 'msgmni', 'sem', 'shmall', 'shmmax', 'shmmni', 'shm_rmid_forced']

const checkSysctl = (value: string): string => {
  const key = value.split('=')[0]?.trim() ?? ''
  const known =
    key.startsWith('net.') || key.startsWith('fs.mqueue.') || KERNEL_SYSCTLS.some(name => key === `kernel.${name}`)
  if (!value.includes('=') || !known) throw new Error(`sysctl '${value}' is not allowed`)
  return value
}

const checkExtraHost = (value: string): string => {
  const equals = value.indexOf('=')
  const at = equals > 0 ? equals : value.indexOf(':')
  const name = value.slice(0, at).trim()
  if (at < 0 || name === '') throw new Error(`bad format for add-host: ${JSON.stringify(value)}`)
  const address = value
    .slice(at + 1)
    .trim()
    .replace(/^\[(.*)\]$/, '$1')
  if (address !== 'host-gateway' && !isAddress(address))
    throw new Error(`invalid IP address in add-host: ${JSON.stringify(address)}`)
  return `${name}:${address}`
}

const checkDns = (value: string): string => {
  if (isAddress(value.trim())) return value.trim()
  throw new Error(`IP address is not correctly formatted: ${value}`)
}

const checkDnsSearch = (value: string): string => {
  const domain = value.trim()
  if (domain === '.') return domain
  if (/^(?:[a-zA-Z0-9_](?:[a-zA-Z0-9_-]*[a-zA-Z0-9_])?\.?)+$/.test(domain) && domain.length < 255) return domain
  throw new Error(`${value} is not a valid domain`)
}

const checkAttach = (value: string): string => {
  const stream = value.toLowerCase()
  if (['stdin', 'stdout', 'stderr'].includes(stream)) return stream
  throw new Error('valid streams are STDIN, STDOUT and STDERR')
}

const checkLink = (value: string): string => {
  const parts = value.split(':')
  if (parts.length > 2 || value === '') throw new Error(`bad format for links: ${value}`)
  return value
}

/** `net_admin`, `CAP_NET_ADMIN` and `cap_net_admin` are one; the API gets the long form. */
export const capability = (value: string): string => {
  const name = value.trim().toUpperCase()
  return name === 'ALL' || name.startsWith('CAP_') ? name : `CAP_${name}`
}

export const CREATE_CHECKS: Readonly<Record<string, (value: string) => string>> = {
  'add-host': checkExtraHost,
  attach: checkAttach,
  'blkio-weight-device': parsable(parseWeightDevice),
  'device-cgroup-rule': checkDeviceCgroupRule,
  'device-read-bps': parsable(parseRateDevice),
  'device-read-iops': parsable(parseIopsDevice),
  'device-write-bps': parsable(parseRateDevice),
  'device-write-iops': parsable(parseIopsDevice),
  dns: checkDns,
  'dns-search': checkDnsSearch,
  env: checkEnv,
  gpus: parsable(parseGpus),
  label: checkLabel,
  link: checkLink,
  mount: parsable(parseMount),
  network: parsable(parseAttachment),
  sysctl: checkSysctl,
  ulimit: parsable(parseUlimit),
}
