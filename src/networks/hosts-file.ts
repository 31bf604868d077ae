/** The container's /etc/hosts. `extra` are `name:address` pairs; `host-gateway` stands for `gateway`. */
export const hostsFile = (options: {
  readonly address: string | undefined
  readonly names: readonly string[]
  readonly extra: readonly string[]
  readonly gateway: string | undefined
}): string => {
  const extra = options.extra.flatMap(entry => {
    const at = entry.search(/[:=]/)
    if (at < 0) return []
    const address = entry.slice(at + 1).replace(/^\[(.*)\]$/, '$1')
    const resolved = address === 'host-gateway' ? options.gateway : address
    return resolved === undefined ? [] : [`${resolved}\t${entry.slice(0, at)}`]
  })
  return [
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::\tip6-localnet',
    'ff00::\tip6-mcastprefix',
    'ff02::1\tip6-allnodes',
    'ff02::2\tip6-allrouters',
    ...extra,
    ...(options.address === undefined ? [] : [`${options.address}\t${options.names.join(' ')}`]),
    '',
  ].join('\n')
}
