/** Which registries may be asked without checking their certificate, and over plain HTTP. */
import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'

/** `host`, `host:port` or ranges, as `--insecure-registry` takes them; a scheme before a host is dropped, as dockerd does. */
export class InsecureRegistries {
  readonly #hosts = new Set<string>()
  readonly #ranges = new BlockList()

  constructor(entries: readonly string[]) {
    for (const entry of [...entries, '127.0.0.0/8', '::1/128']) {
      const [base = '', length] = entry.split('/')
      const family = isIP(base)
      if (length !== undefined && family !== 0)
        this.#ranges.addSubnet(base, Number(length), family === 4 ? 'ipv4' : 'ipv6')
      else this.#hosts.add(entry.replace(/^https?:\/\//i, '').replace(/\/$/, ''))
    }
  }

  /** A name counts when one of its addresses lies in a range. `host` is a URL's host, with its port. */
  async has(host: string): Promise<boolean> {
    if (this.#hosts.has(host)) return true
    const name = host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')
    const addresses =
      isIP(name) === 0 ? await lookup(name, { all: true }).catch(() => []) : [{ address: name, family: isIP(name) }]
    return addresses.some(({ address, family }) => this.#ranges.check(address, family === 4 ? 'ipv4' : 'ipv6'))
  }
}
