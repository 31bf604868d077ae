/** Which proxy a URL is asked through, by the rules of Go's golang.org/x/net/http/httpproxy. */
import { BlockList, isIP } from 'node:net'
import { invalidArgument } from '../errdefs.ts'
import type { RegistryConfig } from './registry-config.ts'

export type ProxyConfig = Pick<RegistryConfig, 'httpProxy' | 'httpsProxy' | 'noProxy'>

const isLoopback = (host: string): boolean => host === 'localhost' || /^127\./.test(host) || host === '::1'

const inRange = (host: string, range: string): boolean => {
  const [base = '', length = ''] = range.split('/')
  const family = isIP(base)
  if (
    family === 0 ||
    isIP(host) !== family ||
    !/^\d{1,3}$/.test(length) ||
    Number(length) > (family === 4 ? 32 : 128)
  ) {
    return false
  }
  const list = new BlockList()
  const name = family === 4 ? 'ipv4' : 'ipv6'
  list.addSubnet(base, Number(length), name)
  return list.check(host, name)
}

const excludes = (rule: string, host: string, port: string): boolean => {
  if (rule === '*') return true
  if (rule.includes('/')) return inRange(host, rule)
  const withPort = /^(\[[^\]]*\]|[^:]*):(\d+)$/.exec(rule)
  if (withPort !== null && withPort[2] !== port) return false
  const name = (withPort?.[1] ?? rule).replace(/^\[|\]$/g, '').replace(/^\*\./, '.')
  if (isIP(name) !== 0) return host === name
  return name.startsWith('.') ? host.endsWith(name) : host === name || host.endsWith(`.${name}`)
}

/** The proxy for a URL; none for loopback and for what NO_PROXY names. */
export const proxyFor = (url: URL, config: ProxyConfig): URL | undefined => {
  const proxy = url.protocol === 'https:' ? config.httpsProxy : config.httpProxy
  if (proxy === undefined || proxy === '') return undefined
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase()
  if (isLoopback(host)) return undefined
  const port = url.port || (url.protocol === 'https:' ? '443' : '80')
  const rules = (config.noProxy ?? '').split(',').map(rule => rule.trim().toLowerCase())
  if (rules.some(rule => rule !== '' && excludes(rule, host, port))) return undefined
  const text = proxy.includes('://') ? proxy : `http://${proxy}`
  if (!URL.canParse(text)) throw invalidArgument('invalid proxy address')
  const found = new URL(text)
  if (found.protocol !== 'http:' && found.protocol !== 'https:') {
    throw invalidArgument(`unsupported proxy scheme: ${found.protocol.slice(0, -1)}`)
  }
  return found
}

/** The value of Proxy-Authorization, where the proxy's URL has a user. */
export const proxyAuthorization = (proxy: URL): string | undefined =>
  proxy.username === ''
    ? undefined
    : `Basic ${Buffer.from(`${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`).toString('base64')}`
